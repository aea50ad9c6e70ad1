//! `brain list`: shows a page of memories, newest first.

use std::process::ExitCode;

use super::{client::Connection, filters::Filters, layout::Layout, moment, table};
use crate::api::v1::dto::MemoryPage;

#[derive(clap::Args)]
pub struct Args {
    /// Most memories, 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where the page before ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    filters: Filters,
    /// As it stood at this position, day or time
    #[arg(long, value_parser = moment::position_or_time)]
    as_of: Option<String>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.filters.query());
    query.extend(args.cursor.map(|cursor| ("cursor", cursor)));
    query.extend(args.as_of.map(|moment| ("as_of", moment)));
    let answer = connection.get("/api/v1/memories").query(&query).send().await;
    connection.show(answer, |page: MemoryPage| {
        if page.memories.is_empty() {
            return Layout::default().hint("no memories");
        }
        let table = Layout::from(table::memories(&page.memories));
        match page.next_cursor {
            Some(cursor) => table.hint(format!("more: --cursor {cursor}")),
            None => table,
        }
    })
}
