//! `brain replay …`: an operator's verbs. Rebuild and verification show their progress on standard error.

use std::{process::ExitCode, time::Duration};

use reqwest::{Method, StatusCode};

use super::{
    client::{Connection, Error, REFUSED},
    output, progress, table,
};
use crate::{
    api::v1::replay::{ParkedAnswer, ProjectionsAnswer, RetryAnswer, RetryInput, SkipAnswer, VerifyAnswer, VersionAnswer},
    queries::status::{ProjectionView, Status},
};

/// How often progress is asked for.
const LOOK: Duration = Duration::from_millis(200);
/// A verification reads the whole log.
const VERIFY_WAIT: Duration = Duration::from_secs(6 * 60 * 60);

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(clap::Subcommand)]
enum Wish {
    /// Where every version of every projection stands
    Status,
    /// Fill a projection anew from the log, beside the live one, and let it take its place
    Rebuild {
        /// Its name, as in `brain status`
        projection: String,
    },
    /// Stop a rebuild, or bring back the version that was live before
    Rollback {
        /// Its name, as in `brain status`
        projection: String,
    },
    /// Prove that the rows of a projection are what the log says; all projections when none is named
    Verify {
        /// Their names, as in `brain status`
        projections: Vec<String>,
    },
    /// Show the events that could not be applied, and what can be done about them
    Parked {
        /// Its name, as in `brain status`; all of them when absent
        projection: Option<String>,
    },
    /// Make the rows of an aggregate anew from the log: after its cause is gone
    Retry(Which),
    /// Let what is parked go: reads answer without it, and verification does not count it any more
    Skip(Which),
}

/// What of the parked is meant: space, aggregate and id, or --position.
#[derive(clap::Args)]
struct Which {
    /// The projection's name
    projection: String,
    /// The space, as `brain replay parked` shows it
    #[arg(required_unless_present = "position")]
    space: Option<String>,
    /// memory, relationship or webhook
    #[arg(required_unless_present = "position")]
    aggregate: Option<String>,
    /// The aggregate's id
    #[arg(required_unless_present = "position")]
    id: Option<String>,
    /// A single message by its place in the log, for one that is no known event
    #[arg(long, conflicts_with_all = ["space", "aggregate", "id"])]
    position: Option<u64>,
}

impl Which {
    fn input(&self) -> RetryInput {
        let text = |given: &Option<String>| given.clone().unwrap_or_default();
        RetryInput { space: text(&self.space), aggregate: text(&self.aggregate), id: text(&self.id), position: self.position }
    }
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    match args.wish {
        Wish::Status => {
            let answer = connection.get("/api/v1/status").send().await;
            connection.show(answer, |status: Status| table::status(&status))
        }
        Wish::Rebuild { projection } => change(connection, &projection, "rebuild").await,
        Wish::Rollback { projection } => change(connection, &projection, "rollback").await,
        Wish::Verify { projections } => verify(connection, projections).await,
        Wish::Parked { projection } => {
            let query: Vec<_> = projection.into_iter().map(|name| ("projection", name)).collect();
            let answer = connection.get("/api/v1/replay/parked").query(&query).send().await;
            connection.show(answer, |answer: ParkedAnswer| table::parked(&answer.parked))
        }
        Wish::Retry(which) => {
            let answer = post(connection, &which.projection, "retry").body(&which.input()).send().await;
            let still_parked = answer.as_ref().is_ok_and(|answer| answer["parked"].as_u64() > Some(0));
            let shown = connection.show(answer, |RetryAnswer { applied, parked }: RetryAnswer| match parked {
                0 => format!("{applied} events applied"),
                _ => format!("{applied} events applied, {parked} still cannot be: `brain replay parked` says why"),
            })?;
            Ok(if still_parked { ExitCode::from(REFUSED) } else { shown })
        }
        Wish::Skip(which) => {
            let answer = post(connection, &which.projection, "skip").body(&which.input()).send().await;
            connection.show(answer, |answer: SkipAnswer| format!("{} events let go", answer.skipped))
        }
    }
}

fn post(connection: &Connection, projection: &str, wish: &str) -> super::client::Request {
    connection.request(Method::POST, &format!("/api/v1/replay/{projection}/{wish}"))
}

async fn projections(connection: &Connection) -> Result<Vec<ProjectionView>, Error> {
    Ok(connection.get("/api/v1/replay").read::<ProjectionsAnswer>().await?.projections)
}

/// Asks for a rebuild or a rollback and waits until the version is live.
async fn change(connection: &Connection, projection: &str, wish: &str) -> anyhow::Result<ExitCode> {
    let answer = match post(connection, projection, wish).send().await {
        Ok(answer) => answer,
        Err(error) => return connection.fail(&error),
    };
    let version: VersionAnswer = serde_json::from_value(answer.clone())?;
    let bar = progress::bar(None, "events");
    loop {
        let rows = match projections(connection).await {
            Ok(rows) => rows,
            Err(error) => return connection.fail(&error),
        };
        let Some(row) = rows.iter().find(|row| row.name == projection && row.version == version.version) else {
            return Ok(Error::Strange { status: StatusCode::OK }.report());
        };
        if let Some(cause) = &row.stopped {
            bar.finish_and_clear();
            let version = version.version;
            output::say(format_args!("version {version} of {projection} has stopped at position {}: {cause}", row.applied_seq));
            output::say(format_args!(
                "the live version goes on; `brain replay rollback {projection}` removes the one that has stopped"
            ));
            return Ok(ExitCode::from(REFUSED));
        }
        bar.set_length(row.applied_seq + row.lag);
        bar.set_position(row.applied_seq);
        if row.state == "live" {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    bar.finish_and_clear();
    connection.show(Ok(answer), |answer: VersionAnswer| format!("{} version {} is live", answer.projection, answer.version))
}

async fn verify(connection: &Connection, mut names: Vec<String>) -> anyhow::Result<ExitCode> {
    if names.is_empty() {
        let live = |row: &ProjectionView| row.state == "live";
        names = match projections(connection).await {
            Ok(rows) => rows.into_iter().filter(live).map(|row| row.name).collect(),
            Err(error) => return connection.fail(&error),
        };
    }
    let mut answers = vec![];
    for projection in &names {
        output::say(format_args!("brain: verifying {projection}"));
        match post(connection, projection, "verify").timeout(VERIFY_WAIT).read::<VerifyAnswer>().await {
            Ok(answer) => answers.push(answer),
            Err(error) => return connection.fail(&error),
        }
    }
    let equal = answers.iter().all(|answer| answer.equal);
    connection.show(Ok(serde_json::to_value(&answers)?), |answers: Vec<VerifyAnswer>| table::verified(&answers))?;
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}
