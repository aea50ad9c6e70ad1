//! `brain history`, `brain diff`, `brain undo`: the states that a memory had, two of them compared, and the last change taken back.

use std::{fmt::Write, process::ExitCode};

use reqwest::Method;
use uuid::Uuid;

use super::{client::Connection, layout::Layout, screen::printable, table};
use crate::api::v1::dto::{
    Written,
    history::{DiffAnswer, HistoryPage},
};

#[derive(clap::Args)]
pub struct Args {
    /// The memory's id
    id: Uuid,
    /// Most revisions, 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only revisions below this one
    #[arg(long)]
    before: Option<u64>,
}

#[derive(clap::Args)]
pub struct DiffArgs {
    /// The memory's id
    id: Uuid,
    /// The revision to begin with
    from: u64,
    /// The revision to end with
    to: u64,
}

#[derive(clap::Args)]
pub struct UndoArgs {
    /// The memory's id
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
        let table = Layout::from(table::revisions(&page.revisions));
        match page.next_before {
            Some(before) => table.hint(format!("more: --before {before}")),
            None => table,
        }
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
        let _ = write!(text, "\n{mark} {}", printable(&line.text));
    }
    text
}
