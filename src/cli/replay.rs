//! `brain replay …`: an operator's verbs. Rebuild and verification show their progress on standard error.

use std::{process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::{Method, StatusCode};

use super::{
    client::{Connection, Error, REFUSED},
    table,
};
use crate::{
    api::replay::{ParkedAnswer, ProjectionsAnswer, RetryAnswer, RetryInput, VerifyAnswer, VersionAnswer},
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
    Rebuild { projection: String },
    /// Stop a rebuild, or bring back the version that was live before
    Rollback { projection: String },
    /// Prove that the rows of a projection are what the log says; all projections when none is named
    Verify { projections: Vec<String> },
    /// Show the events that could not be applied
    Parked { projection: Option<String> },
    /// Apply what is parked of an aggregate once more
    Retry {
        projection: String,
        space: String,
        /// memory or relationship
        aggregate: String,
        id: String,
    },
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
        Wish::Retry { projection, space, aggregate, id } => {
            let input = RetryInput { space, aggregate, id };
            let answer = post(connection, &projection, "retry").body(&input).send().await;
            connection.show(answer, |answer: RetryAnswer| format!("{} events applied", answer.applied))
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
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} events, {elapsed}").expect("the template is a constant");
    bar.set_style(style);
    loop {
        let rows = match projections(connection).await {
            Ok(rows) => rows,
            Err(error) => return connection.fail(&error),
        };
        let Some(row) = rows.iter().find(|row| row.name == projection && row.version == version.version) else {
            return Ok(Error::Strange { status: StatusCode::OK }.report());
        };
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
        eprintln!("brain: verifying {projection}");
        match post(connection, projection, "verify").patience(VERIFY_WAIT).read::<VerifyAnswer>().await {
            Ok(answer) => answers.push(answer),
            Err(error) => return connection.fail(&error),
        }
    }
    let equal = answers.iter().all(|answer| answer.equal);
    connection.show(Ok(serde_json::to_value(&answers)?), |answers: Vec<VerifyAnswer>| table::verified(&answers))?;
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}
