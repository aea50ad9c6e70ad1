//! `brain import`: writes a folder of notes as memories, each by a PUT under an id that the next import finds again.
//!
//! Called by the command line. A section that vanished from its file is listed, and deleted only by `--prune`.
//! The order: what the server holds, whose folder this is, what the files hold, then writes, links, and what is gone.

mod existing;
mod fit;
mod gone;
mod markdown;
mod marks;
mod names;
mod note;
mod properties;
mod relate;
mod report;
mod root;
mod source;
mod tags;
mod text;
mod walk;

use std::{
    collections::HashSet,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Usage,
    client::{Connection, Error, UNREACHABLE},
    output, progress,
};
use crate::{
    api::v1::dto::Written,
    domain::memory::{Rules, Sealing},
};
use existing::{Difference, Existing};
use gone::Scope;
use report::{Refusal, Report};
use root::Root;
use source::{Collected, Item};
use walk::{Found, relative};

/// Hides the round trip of a power-safe append behind its neighbours.
const REQUESTS_IN_FLIGHT_MAX: usize = 32;
/// Longest name of an import, in characters.
const NAME_CHARS_MAX: usize = 128;

#[derive(clap::Args)]
pub struct Args {
    /// A folder (an Obsidian vault, a Logseq graph, a Hugo or Jekyll site), or one file: Markdown (.md, .markdown), plain text (.txt),
    /// JSON lines (.jsonl), JSON (.json), a table (.csv, .tsv); what `brain export` wrote comes back as it was, and what mem0 and the
    /// MCP memory server list is read. A word like #tea in a note is a tag; a number like #123 is none
    path: PathBuf,
    /// The name by which the server knows the folder, so that the next import updates the same memories: the folder's own name when
    /// absent. Give the old name for a folder that was moved or renamed, a new one for another folder that is called the same
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Delete the memories of earlier imports whose section or file has vanished
    #[arg(long)]
    prune: bool,
    /// Let --prune delete all of them, or more than a third, without asking
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
}

fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let fits = !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.contains(['/', '\\'])
        && !name.contains(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err(format!("a name has 1 to {NAME_CHARS_MAX} characters, none of them a slash")) }
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let path = args.path.canonicalize().with_context(|| format!("{} cannot be imported", args.path.display()))?;
    // Everything is asked for by its own id, so that it may be asked for twice.
    let patient = connection.patient();
    let log_end = match log_end(&patient).await {
        Ok(log_end) => log_end,
        Err(unreachable) => return Ok(unreachable.report()),
    };
    let existing = match Existing::read(&patient, log_end).await {
        Ok(existing) => existing,
        Err(error) => return connection.fail(&error),
    };
    let root = match Root::find(&path, args.name.as_deref(), &root::host(), &existing) {
        Ok(root) => root,
        Err(doubt) => return doubted(connection, doubt),
    };
    let found = walk::find(&root.path, &path, root.is_whole, root.habits);
    let bar = progress::bar(Some(found.files.len() as u64), "files read");
    let collected = source::collect(&root, &found, &existing, || bar.inc(1));
    bar.finish_and_clear();
    let mut is_confirmed = args.name.is_some();
    if let Some(doubt) = root.doubt(&collected.items, &existing).filter(|_| !is_confirmed) {
        is_confirmed = ask(connection, &doubt, &format!("Go on as the import {:?}?", root.name));
        if !is_confirmed {
            return doubted(connection, doubt);
        }
    }
    let import = Import { args: &args, is_confirmed, connection: &patient, log_end, root, existing, wanted: &path };
    import.run(&found, collected).await
}

/// Ends an import that would have to guess.
fn doubted(connection: &Connection, doubt: String) -> anyhow::Result<ExitCode> {
    if connection.json {
        output::line(json!({"complete": false, "detail": doubt}))?;
    }
    Err(Usage(doubt).into())
}

/// Asks the person at the keyboard; nobody there means no.
fn ask(connection: &Connection, doubt: &str, question: &str) -> bool {
    let is_there = !connection.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !is_there {
        return false;
    }
    output::say(format!("{doubt}\n{question} [y/N]"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// An import that knows whose folder it reads.
struct Import<'a> {
    args: &'a Args,
    /// Whether the person said that this is the folder of that name.
    is_confirmed: bool,
    connection: &'a Connection,
    /// The newest position before the import.
    log_end: Option<u64>,
    root: Root,
    existing: Existing,
    /// What was asked for.
    wanted: &'a Path,
}

/// An item to be written, and whether only its folder is another.
struct Wish<'a> {
    item: &'a Item,
    is_moved: bool,
}

impl Import<'_> {
    async fn run(&self, found: &Found, mut collected: Collected) -> anyhow::Result<ExitCode> {
        let mut skipped = found.skipped.clone();
        skipped.empty = std::mem::take(&mut collected.empty);
        skipped.foreign = std::mem::take(&mut collected.foreign);
        let mut report = Report {
            name: self.root.name.clone(),
            is_dry: self.args.dry_run,
            files: found.files.iter().filter(|file| file.is_wanted).count() as u64,
            skipped,
            superseded: collected.superseded,
            refused: std::mem::take(&mut collected.refused),
            warnings: std::mem::take(&mut collected.warnings),
            ..Report::default()
        };
        let produced: HashSet<Uuid> = collected.items.iter().map(|item| item.id).collect();
        let outcome = self.write(&collected, &produced, &mut report).await;
        report.sort();
        if self.connection.json {
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

    async fn write(&self, collected: &Collected, produced: &HashSet<Uuid>, report: &mut Report) -> Result<(), Error> {
        self.memories(collected, report).await?;
        relate::read(self.connection, &collected.related, self.log_end, report).await?;
        relate::run(self.connection, (&self.root, collected), produced, (self.log_end, report)).await?;
        let wanted = relative(&self.root.path, self.wanted);
        let scope = Scope { root: &self.root, wanted: &wanted, unread: &collected.unread };
        report.gone = scope.gone(&self.existing, produced);
        self.prune(produced.len(), report).await
    }

    /// Puts every item that differs from what is there, many at a time; `Err` when the server is lost.
    async fn memories(&self, collected: &Collected, report: &mut Report) -> Result<(), Error> {
        let writes: Vec<Wish> = collected.items.iter().filter_map(|item| self.wish(item, report)).collect();
        let bar = progress::bar(Some(writes.len() as u64), "memories");
        let puts = writes.into_iter().map(|write| async move { (write.is_moved, store(self.connection, write.item).await) });
        let mut answers = stream::iter(puts).buffer_unordered(REQUESTS_IN_FLIGHT_MAX);
        let mut outcome = Ok(());
        while let Some((is_moved, answer)) = answers.next().await {
            bar.inc(1);
            match answer {
                Ok(_) if is_moved => report.moved += 1,
                Ok(written) => report.accept(&written, self.log_end),
                Err(Stopped::Refused(refusals)) => report.refused.extend(refusals),
                Err(Stopped::Unreachable(error)) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        bar.finish_and_clear();
        outcome
    }

    /// What has to be written of an item; what has not is counted, and everything in a dry run.
    fn wish<'b>(&self, item: &'b Item, report: &mut Report) -> Option<Wish<'b>> {
        let difference = self.existing.difference(item.id, &item.input);
        let known = self.existing.memories.get(&item.id).and_then(|known| known.origin.as_ref());
        let is_moved = difference == Difference::Origin && known.is_some_and(|known| self.is_elsewhere(known));
        let is_unchanged = difference == Difference::None || (difference == Difference::Origin && known.is_some() && !is_moved);
        if is_unchanged {
            report.unchanged += 1;
            return None;
        }
        if !report.is_dry {
            return Some(Wish { item, is_moved });
        }
        let (_, draft, created_at) = item.input.clone().into_parts();
        // Whether the server seals is its own to say.
        let rules = Rules { sealing: Sealing { is_possible: true, ..Sealing::default() }, ..Rules::default() };
        match draft.validate_with(created_at, false, rules) {
            Err(refused) => {
                let refusals = refused.violations().iter().map(|fault| item.refusal(&fault.field, &fault.detail));
                report.refused.extend(refusals);
            }
            Ok(_) if is_moved => report.moved += 1,
            Ok(_) if difference == Difference::New => report.created += 1,
            Ok(_) => report.changed += 1,
        }
        None
    }

    /// Whether a memory says that it comes from a folder which this import has left.
    fn is_elsewhere(&self, known: &existing::Origin) -> bool {
        let here = std::iter::once(&self.root.origin).chain(self.root.inner.iter().map(|(_, origin, _)| origin));
        self.is_confirmed && !here.into_iter().any(|origin| known.is_folder(&origin.host, &origin.root))
    }

    async fn prune(&self, kept: usize, report: &mut Report) -> Result<(), Error> {
        if !self.args.prune || report.gone.is_empty() {
            return Ok(());
        }
        let doubt = gone::doubt(report.gone.len(), kept).filter(|_| !self.args.yes);
        if let Some(doubt) = doubt
            && (report.is_dry || !ask(self.connection, &doubt, "Delete them?"))
        {
            report.prune_refused = Some(doubt);
            return Ok(());
        }
        report.pruned = true;
        if report.is_dry { Ok(()) } else { gone::prune(self.connection, &report.gone).await }
    }
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

async fn store(connection: &Connection, item: &Item) -> Result<Written, Stopped> {
    let answer = connection.put(&format!("/api/v1/memories/{}", item.id)).body(&item.input).read().await;
    answer.map_err(|error| match error {
        Error::Unreachable { .. } | Error::Login { .. } => Stopped::Unreachable(error),
        Error::Refused(problem) if problem.errors.is_empty() => Stopped::Refused(vec![item.refusal("", &problem.detail)]),
        Error::Refused(problem) => {
            Stopped::Refused(problem.errors.iter().map(|fault| item.refusal(&fault.field, &fault.detail)).collect())
        }
        Error::Strange { .. } | Error::Unsendable(_) => Stopped::Refused(vec![item.refusal("", &error.to_string())]),
    })
}
