//! `brain list`: shows a page of memories, newest first.

use std::process::ExitCode;

use super::{client::Connection, table};
use crate::api::dto::MemoryPage;

#[derive(clap::Args)]
pub struct Args {
    /// 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where the page before ended
    #[arg(long)]
    cursor: Option<String>,
    #[arg(long = "type")]
    memory_type: Option<String>,
    #[arg(long)]
    tag: Option<String>,
    #[arg(long)]
    user_id: Option<String>,
    #[arg(long)]
    agent_id: Option<String>,
    #[arg(long)]
    run_id: Option<String>,
    /// As it stood at this position or RFC 3339 time
    #[arg(long)]
    as_of: Option<String>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let optional = [
        ("cursor", args.cursor),
        ("memory_type", args.memory_type),
        ("tag", args.tag),
        ("user_id", args.user_id),
        ("agent_id", args.agent_id),
        ("run_id", args.run_id),
        ("as_of", args.as_of),
    ];
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let answer = connection.get("/api/v1/memories").query(&query).send().await;
    connection.show(answer, |page: MemoryPage| {
        let more = page.next_cursor.map(|cursor| format!("\nmore: --cursor {cursor}")).unwrap_or_default();
        format!("{}{more}", table::memories(&page.memories))
    })
}
