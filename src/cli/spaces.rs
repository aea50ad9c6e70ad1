//! `brain spaces …`: the caller's spaces.

use std::process::ExitCode;

use reqwest::Method;

use super::{client::Connection, table};
use crate::api::v1::dto::access::{SpaceCreated, SpaceInput, SpaceList, SpacePatch, SpaceView};

const ALL: &str = "/api/v1/spaces";

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Option<Wish>,
}

#[derive(clap::Subcommand)]
enum Wish {
    /// Show your spaces; without a wish as well
    List,
    /// Make a space that you own, and print a first key to it, this once
    New {
        /// 1 to 64 of a-z, 0-9, - and _; for ever
        id: String,
        /// What people shall call it
        #[arg(long)]
        name: Option<String>,
    },
    /// Call a space something else
    Rename {
        /// The space's id
        id: String,
        /// What people shall call it
        name: String,
    },
    /// Say whether every memory that is written to a space from now on is sensitive
    Sensitive {
        /// The space's id
        id: String,
        /// Not any more; what is sensitive stays so
        #[arg(long)]
        off: bool,
    },
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    match args.wish.unwrap_or(Wish::List) {
        Wish::List => connection.show(connection.get(ALL).send().await, |list: SpaceList| table::spaces(&list.spaces)),
        Wish::New { id, name } => {
            let answer = connection.request(Method::POST, ALL).body(&SpaceInput { id: Some(id), name }).send().await;
            connection.show(answer, |made: SpaceCreated| format!("made {}\nkey {}", made.space.id, made.secret))
        }
        Wish::Rename { id, name } => {
            let request = connection.request(Method::PATCH, &format!("{ALL}/{id}"));
            let answer = request.body(&SpacePatch { name: Some(name), sensitive: None }).send().await;
            connection.show(answer, |space: SpaceView| format!("{} is called {} now", space.id, space.name))
        }
        Wish::Sensitive { id, off } => {
            let request = connection.request(Method::PATCH, &format!("{ALL}/{id}"));
            let answer = request.body(&SpacePatch { name: None, sensitive: Some(!off) }).send().await;
            connection.show(answer, |space: SpaceView| {
                let what = if space.sensitive { "sensitive from now on" } else { "sensitive only if it says so" };
                format!("what is written to {} is {what}", space.id)
            })
        }
    }
}
