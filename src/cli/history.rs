//! `brain history`, `brain diff`, `brain undo`: the states that a memory had, two of them compared, and the last change taken back.

use std::{fmt::Write, process::ExitCode};

use reqwest::Method;
use uuid::Uuid;

use super::{client::Connection, table};
use crate::api::dto::{
    Written,
    history::{DiffAnswer, HistoryPage},
};

#[derive(clap::Args)]
pub struct Args {
    id: Uuid,
    /// 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only revisions below this one
    #[arg(long)]
    before: Option<u64>,
}

#[derive(clap::Args)]
pub struct DiffArgs {
    id: Uuid,
    from: u64,
    to: u64,
}

#[derive(clap::Args)]
pub struct UndoArgs {
    id: Uuid,
    /// Only if the memory has this revision
    #[arg(long)]
    if_revision: Option<u64>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.before.map(|before| ("before", before.to_string())));
    let answer = connection.get(&format!("/api/v1/memories/{}/history", args.id)).query(&query).send().await;
    connection.show(answer, |page: HistoryPage| {
        let more = page.next_before.map(|before| format!("\nmore: --before {before}")).unwrap_or_default();
        format!("{}{more}", table::revisions(&page.revisions))
    })
}

pub async fn diff(args: DiffArgs, connection: &Connection) -> anyhow::Result<ExitCode> {
    let query = [("from", args.from.to_string()), ("to", args.to.to_string())];
    let answer = connection.get(&format!("/api/v1/memories/{}/diff", args.id)).query(&query).send().await;
    connection.show(answer, |diff: DiffAnswer| text(&diff))
}

pub async fn undo(args: UndoArgs, connection: &Connection) -> anyhow::Result<ExitCode> {
    let mut request = connection.request(Method::POST, &format!("/api/v1/memories/{}/undo", args.id));
    if let Some(revision) = args.if_revision {
        request = request.header("If-Match", &format!("\"{revision}\""));
    }
    connection.show(request.send().await, |answer: Written| table::written("took back the last change of", &answer))
}

/// As people know it from version control.
fn text(diff: &DiffAnswer) -> String {
    let mut text = format!("revision {} → {}", diff.from, diff.to);
    if diff.fields.is_empty() && diff.content.is_empty() {
        text.push_str(": no difference");
    }
    for change in &diff.fields {
        let _ = write!(text, "\n{}: {} → {}", change.field, change.old, change.new);
    }
    for line in &diff.content {
        let mark = match line.change.as_str() {
            "removed" => '-',
            "added" => '+',
            _ => ' ',
        };
        let _ = write!(text, "\n{mark} {}", table::printable(&line.text));
    }
    text
}
