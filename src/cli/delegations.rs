//! `brain delegations …`: the clients that act for the caller.

use std::process::ExitCode;

use reqwest::Method;
use uuid::Uuid;

use super::{client::Connection, output, table};
use crate::api::oauth::DelegationList;

const ALL: &str = "/api/v1/delegations";

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Option<Wish>,
}

#[derive(clap::Subcommand)]
enum Wish {
    /// Show the clients that act for you; without a wish as well
    List,
    /// Let a client act for you no longer; what is connected by it is cut off
    End {
        /// The delegation's id
        id: Uuid,
    },
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    match args.wish.unwrap_or(Wish::List) {
        Wish::List => {
            connection.show(connection.get(ALL).send().await, |list: DelegationList| table::delegations(&list.delegations))
        }
        Wish::End { id } => match connection.request(Method::DELETE, &format!("{ALL}/{id}")).text().await {
            Ok(_) if connection.json => {
                output::line(serde_json::json!({"id": id}))?;
                Ok(ExitCode::SUCCESS)
            }
            Ok(_) => {
                output::line(format_args!("ended {id}"))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => connection.fail(&error),
        },
    }
}
