//! `brain import`: writes a folder of notes as memories, each by a PUT under an id that the next import finds again.
//!
//! Called by the command line. A section that vanished from its file is listed, and deleted only by `--prune`.

mod gone;
mod links;
mod markdown;
mod relate;
mod report;
mod source;

use std::{collections::HashSet, path::PathBuf, process::ExitCode};

use anyhow::Context;
use futures::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use uuid::Uuid;

use super::{
    client::{Connection, Error, UNREACHABLE},
    output,
};
use crate::api::dto::Written;
use report::{Refusal, Report};
use source::{Found, Item, Scope};

/// Hides the round trip of a power-safe append behind its neighbours.
const REQUESTS_IN_FLIGHT_MAX: usize = 32;

#[derive(clap::Args)]
pub struct Args {
    /// A folder (an Obsidian vault, for instance), or one file: Markdown (.md, .markdown), plain text (.txt), JSON lines (.jsonl),
    /// JSON (.json), a table (.csv); what `brain export` wrote comes back as it was
    path: PathBuf,
    /// Delete the memories of earlier imports whose section or file has vanished
    #[arg(long)]
    prune: bool,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let found = source::find(&args.path).with_context(|| format!("{} cannot be imported", args.path.display()))?;
    let log_end = match log_end(connection).await {
        Ok(log_end) => log_end,
        Err(unreachable) => return Ok(unreachable.report()),
    };
    // Everything is asked for by its own id, so that it may be asked for twice.
    let connection = &connection.patient();
    let mut report = Report { skipped: found.skipped, refused: found.unreadable.clone(), ..Report::default() };
    let mut produced = Produced::default();
    let mut outcome = write_all(&found, connection, log_end, &mut report, &mut produced).await;
    if outcome.is_ok() {
        outcome = relate::read(connection, &found, log_end, &mut report).await;
    }
    if outcome.is_ok() {
        let (links, files) = (&produced.links, found.paths());
        outcome = relate::run(connection, (links, &found.root), (&files, &produced.ids), (log_end, &mut report)).await;
    }
    if outcome.is_ok() {
        // A file without a single item that could be read: what it held before may be there still.
        let unread = report.refused.iter().filter(|refusal| refusal.place.is_empty()).map(|refusal| refusal.file.clone());
        let scope = found.scope(&args.path, unread);
        outcome = look_for_gone(&args, connection, &scope, &produced.ids, &mut report).await;
    }
    report.sort();
    if connection.json {
        output::line(report.json(outcome.is_ok()))?;
    } else {
        output::line(report.text())?;
    }
    if let Err(error) = outcome {
        error.report();
        output::say("the import stopped; run it again to go on, what is stored already is not written twice");
        return Ok(ExitCode::from(UNREACHABLE));
    }
    Ok(report.exit_code())
}

/// What the user's files hold.
#[derive(Default)]
struct Produced {
    ids: HashSet<Uuid>,
    links: Vec<links::Found>,
}

impl Produced {
    fn note(&mut self, item: &Item) {
        self.ids.insert(item.id);
        if item.is_note {
            let found = |link| links::Found { from: item.id, file: item.file.clone(), link };
            self.links.extend(links::of(&item.input.content).into_iter().map(found));
        }
    }
}

/// Puts every item of every file, many at a time; `Err` when the server is lost.
async fn write_all(
    found: &Found,
    connection: &Connection,
    log_end: Option<u64>,
    report: &mut Report,
    produced: &mut Produced,
) -> Result<(), Error> {
    let bar = progress(found.files.len() as u64);
    let items = found.files.iter().flat_map(|file| {
        bar.inc(1);
        source::items(&found.root, file)
    });
    let items = items.inspect(|item| item.iter().for_each(|item| produced.note(item)));
    let mut answers = stream::iter(items).map(|item| store(connection, item)).buffer_unordered(REQUESTS_IN_FLIGHT_MAX);
    let mut outcome = Ok(());
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(written) => report.accept(&written, log_end),
            Err(Stopped::Refused(refusals)) => report.refused.extend(refusals),
            Err(Stopped::Unreachable(error)) => {
                outcome = Err(error);
                break;
            }
        }
    }
    drop(answers);
    report.files = bar.position();
    bar.finish_and_clear();
    outcome
}

async fn look_for_gone(
    args: &Args,
    connection: &Connection,
    scope: &Scope,
    produced: &HashSet<Uuid>,
    report: &mut Report,
) -> Result<(), Error> {
    report.gone = gone::find(connection, scope, produced).await?;
    if args.prune && !report.gone.is_empty() {
        gone::prune(connection, &report.gone).await?;
        report.pruned = true;
    }
    Ok(())
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
    let answer = connection.put(&format!("/api/v1/memories/{}", item.id)).body(&item.input).read().await;
    answer.map_err(|error| match error {
        Error::Unreachable { .. } => Stopped::Unreachable(error),
        Error::Refused(problem) if problem.errors.is_empty() => Stopped::Refused(vec![item.refusal("", &problem.detail)]),
        Error::Refused(problem) => {
            Stopped::Refused(problem.errors.iter().map(|fault| item.refusal(&fault.field, &fault.detail)).collect())
        }
        Error::Strange { .. } | Error::Unsendable(_) => Stopped::Refused(vec![item.refusal("", &error.to_string())]),
    })
}

/// A bar on standard error, because standard output is for the answer alone.
fn progress(files: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(files), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files, {elapsed}").expect("the template is a constant");
    bar.with_style(style)
}
