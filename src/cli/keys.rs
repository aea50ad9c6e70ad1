//! `brain keys …`: API keys of the space.

use std::process::ExitCode;

use reqwest::Method;
use uuid::Uuid;

use super::{
    client::{Connection, Request},
    table,
};
use crate::{
    adapters::system::SystemClock,
    api::v1::dto::access::{ApiKeyView, KeyInput, KeyList, KeyWritten, RotateKeyInput},
    ports::Clock,
};

const ALL: &str = "/api/v1/keys";
const DAY_S: u64 = 24 * 3_600;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Option<Wish>,
}

#[derive(clap::Subcommand)]
enum Wish {
    /// Show all keys, the newest first; without a wish as well
    List,
    /// Make a key and print its secret, this once
    New {
        /// What it is for
        label: String,
        /// What it may do; repeat it for several; all that you may when absent
        #[arg(long = "scope")]
        scopes: Vec<String>,
        /// The member who acts by it; you when absent
        #[arg(long)]
        principal: Option<Uuid>,
        /// After how many days it is over; never when absent
        #[arg(long)]
        days: Option<u32>,
    },
    /// Give a key a new secret and print it, this once
    Rotate {
        /// The key's id
        id: Uuid,
        /// Seconds for which the old secret is still good, up to 604800 (a week)
        #[arg(long, default_value_t = 0)]
        grace_s: u32,
    },
    /// Revoke a key for ever; what is connected by it is cut off
    Revoke {
        /// The key's id
        id: Uuid,
    },
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    match args.wish.unwrap_or(Wish::List) {
        Wish::List => {
            let now = SystemClock.now();
            connection.show(connection.get(ALL).send().await, |list: KeyList| table::keys(&list.keys, now))
        }
        Wish::New { label, scopes, principal, days } => {
            let scopes = (!scopes.is_empty()).then_some(scopes);
            let expires_in_s = days.map(|days| u64::from(days) * DAY_S);
            let input = KeyInput { label: Some(label), scopes, principal, expires_at: None, expires_in_s };
            written(connection, connection.request(Method::POST, ALL).body(&input), "made").await
        }
        Wish::Rotate { id, grace_s } => {
            let request = connection.request(Method::POST, &format!("{ALL}/{id}/rotate"));
            written(connection, request.body(&RotateKeyInput { grace_s: Some(grace_s) }), "rotated").await
        }
        Wish::Revoke { id } => {
            let answer = connection.request(Method::DELETE, &format!("{ALL}/{id}")).send().await;
            connection.show(answer, |key: ApiKeyView| format!("revoked {} ({})", key.id, key.label))
        }
    }
}

async fn written(connection: &Connection, request: Request, verb: &str) -> anyhow::Result<ExitCode> {
    connection.show(request.send().await, |answer: KeyWritten| {
        let old = answer.key.old_secret_until.filter(|until| Some(*until) > answer.key.rotated_at);
        let old = old.map(|until| format!("\nthe old secret is good until {}", until.to_rfc3339())).unwrap_or_default();
        format!("{verb} {} ({})\nsecret {}{old}", answer.key.id, answer.key.label, answer.secret)
    })
}
