//! `brain events`: what happened, in order; with `--follow`, also what is about to happen.

use std::{process::ExitCode, time::Duration};

use serde_json::Value;

use super::{
    client::{Connection, Error},
    output,
    screen::{Screen, cut, one_line, width},
};
use crate::{
    api::v1::events::EventPage,
    journal::public::PublicEvent,
    queries::events::{LIMIT_MAX, WAIT_S_MAX},
};

/// Pause before a server that went away is asked again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// What a line has room for of a content at least; else it gets a line of its own.
const CONTENT_COLUMNS_MIN: usize = 20;

/// Print events, one per line: position, time, type, subject, text. With --json each line is a CloudEvent.
#[derive(clap::Args)]
pub struct Args {
    /// Begin after this position; 0 is the beginning
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Go on waiting for events until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Only these types: memory.created, relationship.*, … ; may be given several times
    #[arg(long = "type")]
    types: Vec<String>,
    /// Stop after this many events
    #[arg(long)]
    limit: Option<usize>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let (mut after, mut left) = (args.after, args.limit.unwrap_or(usize::MAX));
    let (mut reached, screen) = (false, Screen::of_stdout());
    while left > 0 {
        let wait_s = if args.follow { WAIT_S_MAX } else { 0 };
        let query = [
            ("after", after.to_string()),
            ("limit", left.min(LIMIT_MAX as usize).to_string()),
            ("types", args.types.join(",")),
            ("wait_s", wait_s.to_string()),
        ];
        let page: EventPage = match connection.get("/api/v1/events").query(&query).read().await {
            Ok(page) => page,
            // Whoever follows outlasts a restart of the server: the position says where to go on.
            Err(error) if args.follow && reached && is_passing(&error) => {
                output::say(format_args!("brain: {error}; asking again from position {after}"));
                tokio::time::sleep(RETRY_WAIT).await;
                continue;
            }
            Err(error) => return Ok(error.report()),
        };
        reached = true;
        left = left.saturating_sub(page.events.len());
        after = page.position;
        for event in &page.events {
            output::line(if connection.json { serde_json::to_string(event)? } else { line(event, screen) })?;
        }
        if !args.follow && !page.more {
            break;
        }
    }
    output::say(format_args!("brain: up to position {after}"));
    Ok(ExitCode::SUCCESS)
}

fn is_passing(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } => true,
        Error::Refused(problem) => problem.retryable,
        Error::Strange { .. } | Error::Login { .. } | Error::Unsendable(_) => false,
    }
}

/// An event in one line, or in a few where a terminal is too narrow for that; what a memory says is cut to the width, the rest is not.
fn line(event: &PublicEvent, screen: Screen) -> String {
    let said = |field: &str| one_line(event.data.pointer(field).and_then(Value::as_str).unwrap_or_default());
    let (title, content) = (said("/memory/title"), said("/memory/content"));
    let content = if title.is_empty() { content } else { format!("{title}: {content}") };
    let (sequence, time, kind, subject) = (&event.sequence, screen.time(event.time), &event.kind, &event.subject);
    match screen {
        Screen::Pipe => format!("{sequence}\t{time}\t{kind}\t{subject}\t{content}"),
        Screen::Terminal { width: columns } => {
            let head = format!("{sequence:>8}  {time}  {kind:<21}");
            let content = |before: usize| cut(&content, columns.saturating_sub(before));
            let before = width(&head) + width(subject) + 4;
            if before + CONTENT_COLUMNS_MIN <= columns {
                return format!("{head}  {subject}  {}", content(before)).trim_end().to_owned();
            }
            let lines = [head.trim().to_owned(), format!("  {subject}"), format!("  {}", content(2))];
            lines
                .map(|line| line.trim_end().to_owned())
                .into_iter()
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        }
    }
}
