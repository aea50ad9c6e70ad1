//! `brain get`: shows one memory.

use std::process::ExitCode;

use uuid::Uuid;

use super::{client::Connection, moment, table};
use crate::api::v1::dto::MemoryView;

#[derive(clap::Args)]
pub struct Args {
    /// The memory's id
    id: Uuid,
    /// Wait until this position is visible
    #[arg(long)]
    min_position: Option<u64>,
    /// As it stood at this position, day or time
    #[arg(long, value_parser = moment::position_or_time)]
    as_of: Option<String>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let mut request = connection.get(&format!("/api/v1/memories/{}", args.id));
    if let Some(position) = args.min_position {
        request = request.query(&[("min_position", position.to_string())]);
    }
    if let Some(moment) = args.as_of {
        request = request.query(&[("as_of", moment)]);
    }
    connection.show(request.send().await, |view: MemoryView| table::memory(&view))
}
