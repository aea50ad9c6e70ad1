//! `brain caches`: what answers a running brain keeps. For operators.

use std::process::ExitCode;

use reqwest::Method;

use super::{client::Connection, table};
use crate::api::v1::caches::{CachesAnswer, FlushedAnswer};

#[derive(clap::Args)]
pub struct Args {
    /// How many of the answers that were given most are shown, 1 to 1000
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Let everything go instead
    #[arg(long)]
    flush: bool,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    if args.flush {
        let answer = connection.request(Method::DELETE, "/api/v1/caches").send().await;
        return connection.show(answer, |gone: FlushedAnswer| format!("{} answers are kept no longer", gone.entries));
    }
    let answer = connection.get("/api/v1/caches").query(&[("limit", args.limit.to_string())]).send().await;
    connection.show(answer, |answer: CachesAnswer| table::caches(&answer))
}
