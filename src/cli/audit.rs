//! `brain audit`: who did what, when, by which key and from where.

use std::process::ExitCode;

use uuid::Uuid;

use super::{client::Connection, moment, output, table};
use crate::{
    api::v1::audit::{AuditEntry, AuditPage},
    domain::ids::Timestamp,
    queries::audit::LIMIT_MAX,
};

/// Show changes, the newest first. With --json each line is one of them.
#[derive(clap::Args)]
pub struct Args {
    /// Only from this day or time on: 2026-11-27, 2026-11-27T10:00, yesterday, 3d
    #[arg(long, value_parser = moment::time)]
    since: Option<Timestamp>,
    /// Only before this day or time
    #[arg(long, value_parser = moment::time)]
    until: Option<Timestamp>,
    /// Only what this principal has done
    #[arg(long)]
    actor: Option<Uuid>,
    /// Only these types: memory.deleted, key.*, … ; may be given several times
    #[arg(long = "type")]
    types: Vec<String>,
    /// Only what was done to this: memory/ID, key/ID, space/ID
    #[arg(long)]
    resource: Option<String>,
    /// Most changes that are shown
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let (mut left, mut before, mut rows) = (args.limit, None, vec![]);
    while left > 0 {
        let query = [
            ("limit", Some(left.min(LIMIT_MAX as usize).to_string())),
            ("before", before.map(|before: u64| before.to_string())),
            ("since", args.since.map(|at| at.to_rfc3339())),
            ("until", args.until.map(|at| at.to_rfc3339())),
            ("actor", args.actor.map(|actor| actor.to_string())),
            ("types", (!args.types.is_empty()).then(|| args.types.join(","))),
            ("resource", args.resource.clone()),
        ];
        let query: Vec<(&str, String)> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let page: AuditPage = match connection.get("/api/v1/audit").query(&query).read().await {
            Ok(page) => page,
            Err(error) => return connection.fail(&error),
        };
        left = left.saturating_sub(page.entries.len());
        before = page.next_before;
        show(connection, page.entries, &mut rows)?;
        if before.is_none() {
            break;
        }
    }
    if !connection.json {
        super::client::print(&table::audit(&rows).into())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// As JSON a change is printed when it has come; as a table all of them together, for its columns' sake.
fn show(connection: &Connection, entries: Vec<AuditEntry>, rows: &mut Vec<AuditEntry>) -> anyhow::Result<()> {
    if !connection.json {
        rows.extend(entries);
        return Ok(());
    }
    for entry in entries {
        output::line(serde_json::to_string(&entry)?)?;
    }
    Ok(())
}
