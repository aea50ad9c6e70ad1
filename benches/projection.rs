//! Rows a second that the engine projects from the log, against one transaction that copies the same rows into the same table
//! with the same indexes. Goal: at least 0.50 of the limit.
//!
//! `cargo bench --bench projection -- [--count 50000] [--rounds 5]`

mod ground;

use std::{sync::Arc, time::Instant};

use futures::{StreamExt, TryStreamExt, stream};
use ground::{Ground, median, setting};
use second_brain::{
    adapters::{
        nats::Nats,
        postgres::Postgres,
        system::{SystemClock, SystemIds},
    },
    commands::{Actor, CommandKey, Commands, MemoryAction, Request},
    domain::{
        ids::{MemoryId, PrincipalId, SpaceId, StreamSeq},
        memory::Draft,
    },
    ports::IdSource,
    projectors::{self, definition},
    runtime::Durability,
};
use sqlx::{Connection, PgConnection};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

const APPENDS_IN_FLIGHT: usize = 512;
const WAIT_MS: u64 = 600_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (count, rounds) = (setting("count", 50_000), setting("rounds", 5));
    let ground = Ground::new(Durability::Os).await?;
    let nats = ground.nats("projection").await?;
    fill(&nats, count).await?;
    let (mut ours, mut limit, mut ratios) = (vec![], vec![], vec![]);
    for round in 0..=rounds {
        let projected = format!("projected{round}");
        let postgres = ground.database(&projected).await?;
        let engine = project(&nats, &postgres, count).await?;
        postgres.close().await;
        let copied = copy(&ground, &projected, &format!("copied{round}"), count).await?;
        // The first round warms up.
        if round > 0 {
            ours.push(engine);
            limit.push(copied);
            ratios.push(engine / copied);
        }
    }
    println!("| rows | limit: one COPY, rows/s | projected rows/s | ratio |\n|---|---|---|---|");
    println!("| {count} | {:.0} | {:.0} | {:.2} |", median(limit), median(ours), median(ratios));
    ground.end().await
}

async fn fill(nats: &Nats, count: usize) -> anyhow::Result<()> {
    let commands = Commands::new(nats.log(), nats.appender(), Arc::new(SystemClock));
    let actor = Actor::within(SpaceId::default_space(), PrincipalId(Uuid::nil()));
    let append = |n: usize| {
        let (actor, commands, command_id) = (actor.clone(), &commands, SystemIds.command_id());
        let content = format!("Note {n}: where the blue tin stands. {}", "word ".repeat(n % 60));
        let draft = Draft { content, tags: vec![format!("tag{}", n % 50)], ..Draft::default() };
        let action = MemoryAction::Create { draft, created_at: None };
        let wish = Request {
            actor,
            key: CommandKey { seed: command_id, fresh: true },
            id: MemoryId(command_id.0),
            if_match: None,
            action,
        };
        async move { commands.memory(wish, Default::default()).await.map(drop) }
    };
    stream::iter(0..count).map(Ok).try_for_each_concurrent(APPENDS_IN_FLIGHT, append).await?;
    Ok(())
}

/// From an empty read model to the end of the log.
async fn project(nats: &Nats, postgres: &Postgres, count: usize) -> anyhow::Result<f64> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    projectors::keeper::prepare(&*postgres.projection_store(), &definition::memories()).await?;
    let woken = postgres.on_applied("memories");
    let started = Instant::now();
    let engine = projectors::run(
        definition::memories(),
        nats.log(),
        postgres.projection_store(),
        Arc::new(woken),
        Default::default(),
        stop.clone(),
    );
    let engine = tasks.spawn(engine);
    let end: StreamSeq = nats.log().last_seq().await?;
    while !postgres.positions().reached("memories", end, WAIT_MS).await? {}
    let rate = count as f64 / started.elapsed().as_secs_f64();
    stop.cancel();
    engine.await??;
    Ok(rate)
}

/// The rows that were projected, in one transaction into an empty table of the same definition.
async fn copy(ground: &Ground, from: &str, to: &str, count: usize) -> anyhow::Result<f64> {
    ground.database(to).await?.close().await;
    let database = ground.servers.postgres();
    let mut source = PgConnection::connect(&database.owner_url(from)).await?;
    let mut bytes = Vec::new();
    let mut out = source.copy_out_raw("COPY memories_v1.memories TO STDOUT").await?;
    while let Some(part) = out.try_next().await? {
        bytes.extend_from_slice(&part);
    }
    drop(out);
    let mut target = PgConnection::connect(&database.owner_url(to)).await?;
    let sql = definition::memories().sql;
    for statements in [sql.schema, sql.indexes] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut target).await?;
    }
    let started = Instant::now();
    let mut transaction = target.begin().await?;
    let mut copy = transaction.copy_in_raw("COPY memories_v1.memories FROM STDIN").await?;
    for part in bytes.chunks(64 * 1024) {
        copy.send(part).await?;
    }
    copy.finish().await?;
    transaction.commit().await?;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}
