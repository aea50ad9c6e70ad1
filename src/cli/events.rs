//! `brain events`: what happened, in order; with `--follow`, also what is about to happen.

use std::{io::Write, process::ExitCode, time::Duration};

use super::{
    client::{Connection, Error},
    table,
};
use crate::{
    api::events::EventPage,
    queries::events::{LIMIT_MAX, WAIT_S_MAX},
};

/// Pause before a server that went away is asked again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Prints events, one per line; with --json each line is a CloudEvent.
#[derive(clap::Args)]
pub struct Args {
    /// Begin after this position; 0 is the beginning
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Go on waiting for events until interrupted
    #[arg(long, short)]
    follow: bool,
    /// memory.created, relationship.*, … ; may be given several times
    #[arg(long = "type")]
    types: Vec<String>,
    /// Stop after this many events
    #[arg(long)]
    limit: Option<usize>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let (mut after, mut left) = (args.after, args.limit.unwrap_or(usize::MAX));
    let mut reached = false;
    while left > 0 {
        let wait_s = if args.follow { WAIT_S_MAX } else { 0 };
        let query = [
            ("after", after.to_string()),
            ("limit", left.min(LIMIT_MAX as usize).to_string()),
            ("types", args.types.join(",")),
            ("wait_s", wait_s.to_string()),
        ];
        let page: EventPage = match connection.get("/api/v1/events").query(&query).send().await {
            Ok(answer) => serde_json::from_value(answer)?,
            // Whoever follows outlasts a restart of the server: the position says where to go on.
            Err(error) if args.follow && reached && is_passing(&error) => {
                eprintln!("brain: {error}; asking again from position {after}");
                tokio::time::sleep(RETRY_WAIT).await;
                continue;
            }
            Err(error) => return Ok(error.report()),
        };
        reached = true;
        left -= page.events.len();
        after = page.position;
        if !print(&page, connection.json) {
            return Ok(ExitCode::SUCCESS);
        }
        if !args.follow && !page.more {
            break;
        }
    }
    eprintln!("brain: up to position {after}");
    Ok(ExitCode::SUCCESS)
}

fn is_passing(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } => true,
        Error::Refused(problem) => problem.retryable,
        Error::Strange { .. } => false,
    }
}

/// Prints the events; `false` when nobody reads any more.
fn print(page: &EventPage, json: bool) -> bool {
    let mut out = std::io::stdout().lock();
    page.events.iter().all(|event| {
        let line = if json {
            serde_json::to_string(event).expect("a public event is plain JSON")
        } else {
            let content = event.data.pointer("/memory/content").and_then(serde_json::Value::as_str).unwrap_or_default();
            let time = event.time.format("%Y-%m-%d %H:%M:%S");
            format!("{:>8}  {time}  {:<21} {}  {}", event.sequence, event.kind, event.subject, table::excerpt(content))
        };
        writeln!(out, "{line}").is_ok()
    }) && out.flush().is_ok()
}
