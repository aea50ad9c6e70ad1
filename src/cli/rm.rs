//! `brain rm`: deletes memories by their ids, or all that have something in common. The server keeps tombstones, from which each can be
//! brought back.

use std::{
    io::{BufRead, IsTerminal},
    process::ExitCode,
};

use anyhow::bail;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{
    Usage,
    client::{self, Connection, Error, REFUSED},
    layout::Layout,
    output, progress, table,
    which::Which,
};
use crate::api::v1::dto::{
    Written,
    delete::{DeleteAnswer, DeleteInput},
};

/// Memories of one call: few enough that the bar moves.
const CALL_MEMORIES: u32 = 1_000;

/// Delete memories, by their ids or by what they have in common. With filters they are shown and asked about first.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Only if the memory has this revision
    #[arg(long, requires = "ids")]
    if_revision: Option<u64>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let which = args.which;
    let Some(input) = which.asked(CALL_MEMORIES)? else {
        if args.if_revision.is_some() && which.ids.len() > 1 {
            bail!(Usage("--if-revision is the revision of one memory; there are several ids".into()));
        }
        return one_by_one(&which.ids, args.if_revision, connection).await;
    };
    let looked: DeleteAnswer = match call(connection, &DeleteInput { dry_run: true, ..input.clone() }).await {
        Ok(looked) => looked,
        Err(error) => return connection.fail(&error),
    };
    if which.dry_run {
        if connection.json {
            output::line(serde_json::to_string(&looked)?)?;
        } else {
            client::print(&sample(&looked, "deleted"))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let matched = looked.matched.unwrap_or_default();
    if matched > 0 && !which.yes && !confirmed(&looked, connection)? {
        output::say("nothing was deleted");
        return Ok(ExitCode::from(REFUSED));
    }
    all(input, matched, connection).await
}

async fn one_by_one(ids: &[Uuid], if_revision: Option<u64>, connection: &Connection) -> anyhow::Result<ExitCode> {
    let mut worst = ExitCode::SUCCESS;
    for id in ids {
        let mut request = connection.request(Method::DELETE, &format!("/api/v1/memories/{id}"));
        if let Some(revision) = if_revision {
            request = request.header("If-Match", &format!("\"{revision}\""));
        }
        let code = connection.show(request.send().await, |answer: Written| table::written("deleted", &answer))?;
        if code != ExitCode::SUCCESS {
            worst = code;
        }
    }
    Ok(worst)
}

pub(super) async fn call(connection: &Connection, input: &DeleteInput) -> Result<DeleteAnswer, Error> {
    // It may come twice: what is gone does not pass a second time.
    connection.patient().request(Method::POST, "/api/v1/memories/delete").body(input).read().await
}

/// What would be deleted.
pub(super) fn sample(looked: &DeleteAnswer, done: &str) -> Layout {
    let (matched, shown) = (looked.matched.unwrap_or_default(), looked.sample.len());
    let layout = if looked.sample.is_empty() { Layout::default() } else { table::sample(&looked.sample).into() };
    let rest = if matched > shown as u64 { format!("; these are the newest {shown}") } else { String::new() };
    layout.hint(format!("{} would be {done}{rest}", memories(matched)))
}

pub(super) fn memories(count: u64) -> String {
    if count == 1 { "1 memory".to_owned() } else { format!("{count} memories") }
}

/// Asks whoever sits before the terminal. Errors: nobody does.
fn confirmed(looked: &DeleteAnswer, connection: &Connection) -> anyhow::Result<bool> {
    let matched = memories(looked.matched.unwrap_or_default());
    if connection.json || !std::io::stdin().is_terminal() {
        bail!(Usage(format!("{matched} would be deleted: look with --dry-run, delete with --yes")));
    }
    client::print(&sample(looked, "deleted"))?;
    is_meant(format_args!("Delete {matched}? Each can be brought back by `brain undo`. [y/N]"))
}

/// Asks a question that is answered with yes or anything else.
pub(super) fn is_meant(question: std::fmt::Arguments<'_>) -> anyhow::Result<bool> {
    output::say(question);
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// What was deleted, as far as the server has said so: of a call that was cut off nobody here knows what it did.
fn told(total: &DeleteAnswer, is_whole: bool) -> String {
    let least = if is_whole { "" } else { "at least " };
    format!("deleted {least}{} (position {})", memories(total.deleted), total.position)
}

/// Calls until nothing is left, with a bar of what is done.
async fn all(input: DeleteInput, matched: u64, connection: &Connection) -> anyhow::Result<ExitCode> {
    let bar = progress::bar(Some(matched), "memories");
    let mut total = DeleteAnswer::default();
    let outcome = loop {
        let position = (total.position > 0).then_some(total.position);
        let answer = match call(connection, &DeleteInput { min_position: position, ..input.clone() }).await {
            Ok(answer) => answer,
            Err(error) => break Err(error),
        };
        total.deleted += answer.deleted;
        total.changed = answer.changed;
        total.position = total.position.max(answer.position);
        total.failed = answer.failed;
        total.more = answer.more;
        bar.set_position(total.deleted.min(matched));
        if !answer.more || answer.deleted == 0 {
            break Ok(());
        }
    };
    bar.finish_and_clear();
    if connection.json {
        let DeleteAnswer { deleted, changed, position, failed, .. } = &total;
        let whole = json!({"deleted": deleted, "changed": changed, "position": position, "failed": failed, "more": total.more || outcome.is_err()});
        output::line(whole)?;
    } else {
        output::line(told(&total, outcome.is_ok()))?;
    }
    if total.changed > 0 {
        output::say(format_args!("{} changed meanwhile and stayed; call again to look at them", memories(total.changed)));
    }
    for failure in &total.failed {
        output::say(format_args!("{} stays: {} ({})", failure.id, failure.error.detail, failure.error.code));
    }
    match outcome {
        Err(error) => {
            let code = error.report();
            output::say("the deletion stopped; call again to go on");
            Ok(code)
        }
        Ok(()) if total.failed.is_empty() => Ok(ExitCode::SUCCESS),
        Ok(()) => Ok(ExitCode::from(REFUSED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_answered_is_not_said_to_be_undone() {
        let total = DeleteAnswer { deleted: 1, position: 7, ..DeleteAnswer::default() };
        assert_eq!(told(&total, true), "deleted 1 memory (position 7)");
        assert_eq!(told(&DeleteAnswer::default(), false), "deleted at least 0 memories (position 0)");
    }
}
