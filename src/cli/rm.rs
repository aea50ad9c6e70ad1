//! `brain rm`: deletes one memory; the server keeps a tombstone from which it can be restored.

use std::process::ExitCode;

use reqwest::Method;
use uuid::Uuid;

use super::{client::Connection, table};
use crate::api::dto::Written;

#[derive(clap::Args)]
pub struct Args {
    id: Uuid,
    /// Only if the memory has this revision
    #[arg(long)]
    if_revision: Option<u64>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let mut request = connection.request(Method::DELETE, &format!("/api/v1/memories/{}", args.id));
    if let Some(revision) = args.if_revision {
        request = request.header("If-Match", &format!("\"{revision}\""));
    }
    connection.show(request.send().await, |answer: Written| table::written("deleted", &answer))
}
