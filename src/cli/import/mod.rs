//! `brain import`: writes a folder of notes as memories, each by a PUT under an id that the next import finds again.
//!
//! Called by the command line. Never deletes: a section that vanished from its file stays until it is removed by hand.

mod markdown;
mod report;
mod source;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use futures::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::client::{Connection, Error, UNREACHABLE};
use crate::api::dto::Written;
use report::{Refusal, Report};
use source::Item;

/// Hides the round trip of a power-safe append behind its neighbours.
const REQUESTS_IN_FLIGHT_MAX: usize = 32;
/// How often a refusal that the server calls retryable is taken before it is believed.
const TRIES_MAX: u32 = 6;
const RETRY_WAIT_MS: u64 = 200;

#[derive(clap::Args)]
pub struct Args {
    /// A folder, or one file: Markdown (.md, .markdown), plain text (.txt) or JSON lines (.jsonl)
    path: PathBuf,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let found = source::find(&args.path).with_context(|| format!("{} cannot be imported", args.path.display()))?;
    let log_end = match log_end(connection).await {
        Ok(log_end) => log_end,
        Err(unreachable) => return Ok(unreachable.report()),
    };
    let mut report = Report { skipped: found.skipped, refused: found.unreadable, ..Report::default() };
    let bar = progress(found.files.len() as u64);
    let reading = bar.clone();
    let items = found.files.iter().flat_map(|file| {
        reading.inc(1);
        source::items(&found.root, file)
    });
    let mut answers = stream::iter(items).map(|item| store(connection, item)).buffer_unordered(REQUESTS_IN_FLIGHT_MAX);
    let mut lost = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(written) => report.accept(&written, log_end),
            Err(Stopped::Refused(refusals)) => report.refused.extend(refusals),
            Err(Stopped::Unreachable(error)) => {
                lost = Some(error);
                break;
            }
        }
    }
    drop(answers);
    report.files = bar.position();
    bar.finish_and_clear();
    report.sort();
    if connection.json {
        println!("{}", report.json(lost.is_none()));
    } else {
        println!("{}", report.text());
    }
    if let Some(error) = lost {
        error.report();
        eprintln!("the import stopped; run it again to go on, what is stored already is not written twice");
        return Ok(ExitCode::from(UNREACHABLE));
    }
    Ok(report.exit_code())
}

/// Why an item has no answer that counts.
enum Stopped {
    Refused(Vec<Refusal>),
    Unreachable(Error),
}

/// The newest position before the import, by which an answer shows whether it was appended now. `None` if the server does not tell.
async fn log_end(connection: &Connection) -> Result<Option<u64>, Error> {
    match connection.get("/api/v1/status").send().await {
        Ok(status) => Ok(status.pointer("/log/last_seq").and_then(Value::as_u64)),
        Err(error @ Error::Unreachable { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

async fn store(connection: &Connection, item: Result<Item, Refusal>) -> Result<Written, Stopped> {
    let item = item.map_err(|refusal| Stopped::Refused(vec![refusal]))?;
    let path = format!("/api/v1/memories/{}", item.id);
    let mut tries = 1;
    loop {
        let error = match connection.put(&path).body(&item.input).send().await {
            Ok(value) => {
                let shape = |_| Stopped::Refused(vec![item.refusal("", "the server's answer has another shape than expected")]);
                return serde_json::from_value(value).map_err(shape);
            }
            Err(error) => error,
        };
        match error {
            Error::Unreachable { .. } => return Err(Stopped::Unreachable(error)),
            Error::Refused(problem) if problem.retryable && tries < TRIES_MAX => {
                tokio::time::sleep(Duration::from_millis(RETRY_WAIT_MS << tries)).await;
                tries += 1;
            }
            Error::Refused(problem) if problem.errors.is_empty() => {
                return Err(Stopped::Refused(vec![item.refusal("", &problem.detail)]));
            }
            Error::Refused(problem) => {
                let faults = problem.errors.iter().map(|fault| item.refusal(&fault.field, &fault.detail));
                return Err(Stopped::Refused(faults.collect()));
            }
            Error::Strange { .. } => return Err(Stopped::Refused(vec![item.refusal("", &error.to_string())])),
        }
    }
}

/// A bar on standard error, because standard output is for the answer alone.
fn progress(files: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(files), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files, {elapsed}").expect("the template is a constant");
    bar.with_style(style)
}
