//! `brain list`: shows a page of memories, newest first.

use std::process::ExitCode;

use super::{client::Connection, filters::Filters, table};
use crate::api::dto::MemoryPage;

#[derive(clap::Args)]
pub struct Args {
    /// 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where the page before ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    filters: Filters,
    /// As it stood at this position or RFC 3339 time
    #[arg(long)]
    as_of: Option<String>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.filters.query());
    query.extend(args.cursor.map(|cursor| ("cursor", cursor)));
    query.extend(args.as_of.map(|moment| ("as_of", moment)));
    let answer = connection.get("/api/v1/memories").query(&query).send().await;
    connection.show(answer, |page: MemoryPage| {
        let more = page.next_cursor.map(|cursor| format!("\nmore: --cursor {cursor}")).unwrap_or_default();
        format!("{}{more}", table::memories(&page.memories))
    })
}
