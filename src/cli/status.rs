//! `brain status`: shows how the server stands.

use std::process::ExitCode;

use super::{client::Connection, table};
use crate::queries::status::Status;

#[derive(clap::Args)]
pub struct Args {}

pub async fn run(_: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let answer = connection.get("/api/v1/status").send().await;
    connection.show(answer, |status: Status| table::status(&status))
}
