//! How soon a write is read, how fast a projection is rebuilt, and what a rebuild costs those who read meanwhile.
//!
//! Limits in the same run: for the visible write, the time of the append itself and of a bare one-row transaction (goal: p99 at most
//! append p99 + 2 × commit p99 + 7 ms); for the rebuild, one COPY of the same rows with the indexes made afterwards (goal: 0.6);
//! for reads during a rebuild, the same reads without one (goal: p99 at most twice).
//!
//! `cargo bench --bench rebuild -- [--count 100000] [--rounds 3] [--writes 400]`

mod ground;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use ground::{Ground, client::Client, median, quantile, resident_kib, setting};
use second_brain::{
    adapters::system::{SystemClock, SystemIds},
    commands::{Actor, CommandKey, Commands, MemoryAction, Request},
    domain::{
        ids::{MemoryId, PrincipalId, SpaceId},
        memory::Draft,
    },
    ports::IdSource,
    projectors::definition,
    runtime::Durability,
    wiring::{Brain, Links, Roles},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

const APPENDS_IN_FLIGHT: usize = 512;
const PREFIX: &str = "rebuild";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (count, rounds, writes) = (setting("count", 100_000), setting("rounds", 3), setting("writes", 400));
    if std::env::var_os("BRAIN_LOG").is_some() {
        let filter = second_brain::config::Config::of_environment()?.logging.filter;
        second_brain::telemetry::log_to_stderr(second_brain::telemetry::Telling::Steps, filter);
    }
    let ground = Ground::new(Durability::Os).await?;
    let nats = ground.nats(PREFIX).await?;
    let commands = Commands::new(nats.log(), nats.appender(), Arc::new(SystemClock));
    fill(&commands, count).await?;
    ground.database(PREFIX).await?.close().await;
    let folder = tempfile::tempdir()?;
    // Without the embedder, which would take a core for an hour.
    let roles: Roles = "api,projector".parse().map_err(anyhow::Error::msg)?;
    let place = ground::place(folder.path(), PREFIX, roles)?;
    let brain = Brain::start(Links::embedded(&ground.servers, PREFIX), place).await?;
    let client = Client::new(&brain)?;
    client.settle(&nats).await?;
    println!(
        "resident memory of brain with {count} memories in all projections: {} MiB\n",
        resident_kib(std::process::id())? / 1024
    );

    let commit = bare_commits(&ground, writes).await?;
    let (append, quiet) = visible(&client, &commands, writes).await?;
    let bound = append.p99() + 2 * commit.p99() + Duration::from_millis(7);
    println!("| command → read | append | bare commit | visible | bound |\n|---|---|---|---|---|");
    println!("| p50 | {:.2?} | {:.2?} | {:.2?} | |", append.p50(), commit.p50(), quiet.p50());
    println!("| p99 | {:.2?} | {:.2?} | {:.2?} | {bound:.2?} |\n", append.p99(), commit.p99(), quiet.p99());

    let (mut ours, mut limit) = (vec![], vec![]);
    for round in 0..rounds {
        ours.push(client.rebuild().await?.as_secs_f64());
        limit.push(copy(&ground, &format!("copied{round}")).await?.as_secs_f64());
    }
    let (ours, limit) = (median(ours), median(limit));
    println!("| rebuild of {count} memories | COPY, indexes after | ratio |\n|---|---|---|");
    println!("| {ours:.2} s | {limit:.2} s | {:.2} |\n", limit / ours);

    let (_, calm) = visible(&client, &commands, writes).await?;
    let during = busy(&client, &commands).await?;
    println!("| live p99 | without a rebuild | during one | ratio |\n|---|---|---|---|");
    let ratio = during.p99().as_secs_f64() / calm.p99().as_secs_f64();
    println!("| {} writes | {:.2?} | {:.2?} | {ratio:.2} |", during.0.len(), calm.p99(), during.p99());
    brain.stop().await;
    drop(nats);
    ground.end().await
}

/// Times of the same thing.
struct Times(Vec<Duration>);

impl Times {
    fn p50(&self) -> Duration {
        quantile(self.0.clone(), 0.5)
    }

    fn p99(&self) -> Duration {
        quantile(self.0.clone(), 0.99)
    }
}

fn wish(n: usize) -> Request<MemoryId, MemoryAction> {
    let (command_id, actor) = (SystemIds.command_id(), Actor::within(SpaceId::default_space(), PrincipalId(Uuid::nil())));
    let content = format!("Note {n}: where the blue tin stands. {}", "word ".repeat(n % 60));
    let draft = Draft { content, tags: vec![format!("tag{}", n % 50)], ..Draft::default() };
    let action = MemoryAction::Create { draft, created_at: None };
    Request { actor, key: CommandKey { seed: command_id, fresh: true }, id: MemoryId(command_id.0), if_match: None, action }
}

async fn fill(commands: &Commands, count: usize) -> anyhow::Result<()> {
    let append = |n| async move { commands.memory(wish(n), Default::default()).await.map(drop) };
    Ok(stream::iter(0..count).map(Ok).try_for_each_concurrent(APPENDS_IN_FLIGHT, append).await?)
}

/// Append, then read over HTTP with the position: how long the append took, and how long both.
async fn write_and_read(client: &Client, commands: &Commands, n: usize) -> anyhow::Result<(Duration, Duration)> {
    let started = Instant::now();
    let done = commands.memory(wish(n), Default::default()).await?;
    let appended = started.elapsed();
    client.get(&format!("/api/v1/memories/{}?min_position={}", done.record.id, done.position)).await?;
    Ok((appended, started.elapsed()))
}

async fn visible(client: &Client, commands: &Commands, writes: usize) -> anyhow::Result<(Times, Times)> {
    let (mut append, mut both) = (vec![], vec![]);
    for n in 0..writes {
        let (appended, read) = write_and_read(client, commands, n).await?;
        append.push(appended);
        both.push(read);
    }
    Ok((Times(append), Times(both)))
}

/// Writes and reads for as long as a rebuild takes.
async fn busy(client: &Client, commands: &Commands) -> anyhow::Result<Times> {
    let mut times = vec![];
    let mut rebuild = std::pin::pin!(client.rebuild());
    loop {
        tokio::select! {
            biased;
            done = &mut rebuild => {
                done?;
                return Ok(Times(times));
            }
            one = write_and_read(client, commands, times.len()) => times.push(one?.1),
        }
    }
}

/// One-row transactions as anybody would write them, with the projections' setting for the disk.
async fn bare_commits(ground: &Ground, count: usize) -> anyhow::Result<Times> {
    let mut raw = PgConnection::connect(&ground.servers.postgres().owner_url(PREFIX)).await?;
    sqlx::raw_sql("CREATE TABLE bare (id bigint PRIMARY KEY, content text); SET synchronous_commit = off")
        .execute(&mut raw)
        .await?;
    let mut times = vec![];
    for n in 0..count {
        let started = Instant::now();
        let mut transaction = raw.begin().await?;
        sqlx::query("INSERT INTO bare VALUES ($1, $2)").bind(n as i64).bind("note").execute(&mut *transaction).await?;
        transaction.commit().await?;
        times.push(started.elapsed());
    }
    Ok(Times(times))
}

/// The live rows into an empty table by one COPY, then the indexes, in one transaction.
async fn copy(ground: &Ground, to: &str) -> anyhow::Result<Duration> {
    ground.database(to).await?.close().await;
    let database = ground.servers.postgres();
    let mut source = PgConnection::connect(&database.owner_url(PREFIX)).await?;
    let version: i32 =
        sqlx::query_scalar("SELECT version FROM brain.live WHERE projection = 'memories'").fetch_one(&mut source).await?;
    let mut bytes = Vec::new();
    let mut out = source.copy_out_raw(&format!("COPY memories_v{version}.memories TO STDOUT")).await?;
    while let Some(part) = out.try_next().await? {
        bytes.extend_from_slice(&part);
    }
    drop(out);
    let mut target = PgConnection::connect(&database.owner_url(to)).await?;
    let sql = definition::memories().sql;
    sqlx::raw_sql(AssertSqlSafe(sql.schema)).execute(&mut target).await?;
    let started = Instant::now();
    let mut transaction = target.begin().await?;
    let mut copy = transaction.copy_in_raw("COPY memories_v1.memories FROM STDIN").await?;
    for part in bytes.chunks(64 * 1024) {
        copy.send(part).await?;
    }
    copy.finish().await?;
    sqlx::raw_sql(AssertSqlSafe(sql.indexes)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(started.elapsed())
}

impl Client {
    /// Rebuilds the memories; answers the time until the new version is live.
    async fn rebuild(&self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let answer = self.post("/api/v1/replay/memories/rebuild", &Value::Null).await?;
        loop {
            let status = self.get("/api/v1/replay").await?;
            let rows = status["projections"].as_array().cloned().unwrap_or_default();
            let is_live =
                |row: &Value| row["name"] == "memories" && row["version"] == answer["version"] && row["state"] == "live";
            if rows.iter().any(is_live) {
                return Ok(started.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
