//! `brain erase`: makes that nothing is left of memories, for ever, and shows the receipts. What is only to be put away is deleted: `brain rm`.

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use anyhow::bail;
use reqwest::Method;
use uuid::Uuid;

use super::{
    Usage,
    client::{self, Connection, Error, REFUSED},
    layout::Layout,
    output, progress,
    rm::{self, memories},
    table,
    which::Which,
};
use crate::api::v1::dto::{
    Written,
    delete::{DeleteAnswer, DeleteInput},
    erasure::{ErasurePage, ErasureView},
};

/// Memories of one call: few enough that the bar moves.
const CALL_MEMORIES: u32 = 500;
/// How often it is asked how far the server has come.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Erase memories for ever, by their ids or by what they have in common. They are shown and asked about first.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Why, for the receipt; at most 200 characters
    #[arg(long)]
    reason: Option<String>,
    /// Do not wait until everything that was kept of them is destroyed
    #[arg(long)]
    no_wait: bool,
    /// Show what was erased, the newest 200 or those with these ids, and erase nothing
    #[arg(long, conflicts_with_all = ["all", "dry_run", "yes", "reason"])]
    receipts: bool,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let which = args.which;
    if args.receipts {
        return receipts(&which.ids, connection).await;
    }
    let Some(input) = which.asked(CALL_MEMORIES)? else {
        if !which.yes && !confirmed(which.ids.len() as u64, None, connection)? {
            output::say("nothing was erased");
            return Ok(ExitCode::from(REFUSED));
        }
        let (code, position) = one_by_one(&which.ids, args.reason.as_deref(), connection).await?;
        return waited(position.filter(|_| !args.no_wait), code, connection).await;
    };
    let input = DeleteInput { erase: true, reason: args.reason, ..input };
    let looked: DeleteAnswer = match rm::call(connection, &DeleteInput { dry_run: true, ..input.clone() }).await {
        Ok(looked) => looked,
        Err(error) => return connection.fail(&error),
    };
    if which.dry_run {
        match connection.json {
            true => output::line(serde_json::to_string(&looked)?)?,
            false => client::print(&rm::sample(&looked, "erased"))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let matched = looked.matched.unwrap_or_default();
    if matched > 0 && !which.yes && !confirmed(matched, Some(&looked), connection)? {
        output::say("nothing was erased");
        return Ok(ExitCode::from(REFUSED));
    }
    let (code, position) = all(input, matched, connection).await?;
    waited(position.filter(|_| !args.no_wait), code, connection).await
}

/// Asks whoever sits before the terminal. Errors: nobody does.
fn confirmed(count: u64, looked: Option<&DeleteAnswer>, connection: &Connection) -> anyhow::Result<bool> {
    let count = memories(count);
    if connection.json || !std::io::stdin().is_terminal() {
        bail!(Usage(format!("{count} would be erased for ever: look with --dry-run, erase with --yes")));
    }
    if let Some(looked) = looked {
        client::print(&rm::sample(looked, "erased"))?;
    }
    rm::is_meant(format_args!("Erase {count} for ever? Nobody can bring them back, no undo and no rollback. [y/N]"))
}

async fn one_by_one(ids: &[Uuid], reason: Option<&str>, connection: &Connection) -> anyhow::Result<(ExitCode, Option<u64>)> {
    let (mut worst, mut position) = (ExitCode::SUCCESS, None);
    for id in ids {
        let mut query = vec![("erase", "true".to_owned())];
        query.extend(reason.map(|reason| ("reason", reason.to_owned())));
        let answer = connection.request(Method::DELETE, &format!("/api/v1/memories/{id}")).query(&query).send().await;
        let code = connection.show(answer, |answer: Written| {
            position = position.max(Some(answer.position));
            table::written("erased", &answer)
        })?;
        if code != ExitCode::SUCCESS {
            worst = code;
        }
    }
    Ok((worst, position))
}

/// Calls until nothing is left, with a bar of what is done.
async fn all(input: DeleteInput, matched: u64, connection: &Connection) -> anyhow::Result<(ExitCode, Option<u64>)> {
    let bar = progress::bar(Some(matched), "memories");
    let (mut erased, mut position, mut failed) = (0, None, vec![]);
    let outcome = loop {
        let answer = match rm::call(connection, &DeleteInput { min_position: position, ..input.clone() }).await {
            Ok(answer) => answer,
            Err(error) => break Err(error),
        };
        erased += answer.deleted;
        position = Some(answer.position).filter(|position| *position > 0).max(position);
        failed = answer.failed;
        bar.set_position(erased.min(matched));
        if !answer.more || answer.deleted == 0 {
            break Ok(());
        }
    };
    bar.finish_and_clear();
    match connection.json {
        true => output::line(serde_json::json!({"erased": erased, "position": position, "failed": failed}))?,
        false => output::line(format!("erased {} (position {})", memories(erased), position.unwrap_or_default()))?,
    }
    for failure in &failed {
        output::say(format_args!("{} stays: {} ({})", failure.id, failure.error.detail, failure.error.code));
    }
    let code = match outcome {
        Err(error) => {
            let code = error.report();
            output::say("the erasure stopped; call again to go on");
            code
        }
        Ok(()) if failed.is_empty() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(REFUSED),
    };
    Ok((code, position.filter(|_| erased > 0)))
}

/// Waits until everything is destroyed that was kept of what was erased up to this position.
async fn waited(upto: Option<u64>, code: ExitCode, connection: &Connection) -> anyhow::Result<ExitCode> {
    let Some(upto) = upto else { return Ok(code) };
    let bar = progress::counter("still to be destroyed in logs, tables and indexes");
    loop {
        match open(upto, connection).await {
            Ok(0) => break,
            Ok(left) => bar.set_position(left),
            Err(error) => {
                bar.finish_and_clear();
                output::say("they are erased; whether all that was kept of them is destroyed cannot be asked now");
                return Ok(error.report());
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bar.finish_and_clear();
    output::say("everything that was kept of them is destroyed; brain erase --receipts shows it, and what could not be reached");
    Ok(code)
}

/// How many erasures up to a position have no receipt; of more than a page, those of one.
async fn open(upto: u64, connection: &Connection) -> Result<u64, Error> {
    let query = [
        ("open", "true".to_owned()),
        ("limit", "200".to_owned()),
        ("before", (upto + 1).to_string()),
        ("min_position", upto.to_string()),
    ];
    let page: ErasurePage = connection.patient().get("/api/v1/erasures").query(&query).read().await?;
    Ok(page.erasures.len() as u64)
}

async fn receipts(ids: &[Uuid], connection: &Connection) -> anyhow::Result<ExitCode> {
    if ids.is_empty() {
        let answer = connection.get("/api/v1/erasures").query(&[("limit", "200".to_owned())]).send().await;
        return connection.show(answer, |page: ErasurePage| Layout::from(table::erasures(&page.erasures)));
    }
    let mut worst = ExitCode::SUCCESS;
    for id in ids {
        let answer = connection.get(&format!("/api/v1/erasures/{id}")).send().await;
        let code = connection.show(answer, |view: ErasureView| table::erasure(&view))?;
        if code != ExitCode::SUCCESS {
            worst = code;
        }
    }
    Ok(worst)
}
