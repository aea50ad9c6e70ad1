//! Commands a second, in process and over HTTP, against raw pipelined publishing of the same bytes with the same headers to a
//! stream of the same definition, in both durabilities. Goals: in process at least 0.80 of the limit, creating over 64 connections at
//! least half of what it is in process, batches at least 0.80 of the limit.
//!
//! HTTP is asked of a brain with the role `api` alone and of a whole one: what lies between them is what projections, index, model and
//! webhooks take from the same two processors meanwhile. The client runs in this process and is as lean as can be.
//!
//! `cargo bench --bench commands -- [--count 4000] [--rounds 5] [--flight 256]`

mod ground;

use std::{path::Path, sync::Arc, time::Instant};

use async_nats::jetstream::{self, context::traits::Publisher, message::PublishMessage};
use futures::{StreamExt, TryStreamExt, stream};
use ground::{Ground, median, processor::Spent, setting, wire::Wire};
use second_brain::{
    adapters::system::{SystemClock, SystemIds},
    commands::{Actor, CommandKey, Commands, MemoryAction, Request},
    domain::{
        ids::{MemoryId, PrincipalId, SpaceId},
        memory::Draft,
    },
    journal::{codec, subject::Prefix},
    ports::IdSource,
    runtime::Durability,
    wiring::{Brain, Links, Roles},
};
use serde_json::json;
use uuid::Uuid;

const CONNECTIONS: usize = 64;
/// Memories of a batch, and batches that are on their way at a time.
const BATCH: usize = 500;
const BATCHES: usize = 4;

fn main() -> anyhow::Result<()> {
    ground::run(async {
        println!("| durability | what | limit/s | ours/s | ratio | µs of processor each: brain and client, nats-server |");
        println!("|---|---|---|---|---|---|");
        for durability in [Durability::Power, Durability::Os] {
            let ground = Ground::new(durability).await?;
            measure(&ground, durability).await?;
            ground.end().await?;
        }
        Ok(())
    })
}

/// Rates of one kind, and what a call took of the processors.
#[derive(Default)]
struct Row {
    limit: Vec<f64>,
    ours: Vec<f64>,
    ratio: Vec<f64>,
    spent: Vec<(f64, f64)>,
}

impl Row {
    fn add(&mut self, limit: f64, (ours, spent): (f64, Spent), calls: usize) {
        self.limit.push(limit);
        self.ours.push(ours);
        self.ratio.push(ours / limit);
        self.spent.push((spent.here_us / calls as f64, spent.there_us / calls as f64));
    }

    fn print(self, durability: Durability, what: &str) {
        let of = |place: fn(&(f64, f64)) -> f64| median(self.spent.iter().map(place).collect());
        let (here, there) = (of(|spent| spent.0), of(|spent| spent.1));
        let (limit, ours, ratio) = (median(self.limit), median(self.ours), median(self.ratio));
        println!("| {durability:?} | {what} | {limit:.0} | {ours:.0} | {ratio:.2} | {here:.0}, {there:.0} |");
    }
}

async fn measure(ground: &Ground, durability: Durability) -> anyhow::Result<()> {
    // Without flushes it goes ten times as fast, and a round is to last.
    let count = setting("count", 4_000) * if durability == Durability::Os { 5 } else { 1 };
    let (rounds, flight) = (setting("rounds", 5), setting("flight", 256));
    let nats = ground.nats("ours").await?;
    let log = nats.log();
    let commands = Commands::new(log.clone(), nats.appender(), Arc::new(SystemClock));
    let limit = Limit::new(ground).await?;
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let lone = front_door(ground, folders[0].path(), ("lone", "api")).await?;
    let mut rows: [Row; 5] = Default::default();
    for round in 0..=rounds {
        let last = log.last_seq().await?;
        let inside = clocked(ground, rate(count, flight, |n| create(&commands, n))).await?;
        // The limit publishes what ours has just written, to the byte.
        let messages: Vec<_> = log.read(last, None).await?.take(count).try_collect().await?;
        let raw = rate(count, flight, |n| limit.publish(&messages[n].event)).await?;
        let health = clocked(ground, over_http(&lone, count, CONNECTIONS, ask)).await?;
        let single = clocked(ground, over_http(&lone, count, CONNECTIONS, post)).await?;
        let batch = clocked(ground, over_http(&lone, count, BATCHES, post_batch)).await?;
        // The first round warms up.
        if round > 0 {
            let of_inside = inside.0;
            for (row, (limit, ours)) in
                rows.iter_mut().zip([(raw, inside), (raw, health), (of_inside, single), (raw, single), (raw, batch)])
            {
                row.add(limit, ours, count);
            }
        }
    }
    lone.stop().await;
    let (raw, inside) = (median(rows[0].limit.clone()), median(rows[0].ours.clone()));
    let names = [
        "in process | raw publish",
        "HTTP: one that does nothing",
        "HTTP, role api: create | in process",
        "HTTP, role api: create | raw publish",
        "HTTP, role api: batches of 500 | raw publish",
    ];
    for (row, name) in rows.into_iter().zip(names) {
        row.print(durability, name);
    }
    // A whole brain also projects, indexes and embeds what it was told, so it only runs for its own figure.
    let whole = front_door(ground, folders[1].path(), ("whole", "api,projector,reactor,fanout")).await?;
    let (mut single, mut batch) = (Row::default(), Row::default());
    for _ in 0..rounds {
        let few = count / 4;
        single.add(inside, clocked(ground, over_http(&whole, few, CONNECTIONS, post)).await?, few);
        batch.add(raw, clocked(ground, over_http(&whole, count, BATCHES, post_batch)).await?, count);
    }
    single.print(durability, "HTTP, all roles: create | in process");
    batch.print(durability, "HTTP, all roles: batches of 500 | raw publish");
    whole.stop().await;
    Ok(())
}

/// A rate, and what this process and nats-server have spent on it.
async fn clocked(ground: &Ground, run: impl Future<Output = anyhow::Result<f64>>) -> anyhow::Result<(f64, Spent)> {
    let before = Spent::so_far(ground.servers.nats().pid)?;
    let rate = run.await?;
    Ok((rate, Spent::so_far(ground.servers.nats().pid)?.since(before)))
}

/// Runs `count` calls with `flight` of them at a time; how many a second.
async fn rate<F: Future<Output = anyhow::Result<()>>>(
    count: usize,
    flight: usize,
    call: impl Fn(usize) -> F,
) -> anyhow::Result<f64> {
    let started = Instant::now();
    stream::iter(0..count).map(Ok).try_for_each_concurrent(flight, call).await?;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

fn content(n: usize) -> String {
    format!(
        "Note {n}: the kettle is descaled every second month, the tea is kept in the blue tin behind the rice. {}",
        "x".repeat(200)
    )
}

async fn create(commands: &Commands, n: usize) -> anyhow::Result<()> {
    let command_id = SystemIds.command_id();
    let actor = Actor::within(SpaceId::default_space(), PrincipalId(Uuid::nil()));
    let draft = Draft { content: content(n), tags: vec!["bench".into()], ..Draft::default() };
    let action = MemoryAction::Create { draft, created_at: None };
    commands
        .memory(
            Request {
                actor,
                key: CommandKey { seed: command_id, fresh: true },
                id: MemoryId(command_id.0),
                if_match: None,
                action,
            },
            Default::default(),
        )
        .await?;
    Ok(())
}

/// Calls a second of so many connections, which share `count` memories.
async fn over_http<F>(brain: &Brain, count: usize, connections: usize, call: F) -> anyhow::Result<f64>
where
    F: AsyncFn(&mut Wire, std::ops::Range<usize>) -> anyhow::Result<usize> + Copy,
{
    let wires = Wire::several(&brain.credentials.url, &brain.credentials.api_key, connections).await?;
    let share = count / connections;
    let each = wires.into_iter().enumerate().map(async |(place, mut wire)| {
        let mut left = place * share..(place + 1) * share;
        while !left.is_empty() {
            left.start += call(&mut wire, left.clone()).await?;
        }
        anyhow::Ok(())
    });
    let started = Instant::now();
    futures::future::try_join_all(each).await?;
    Ok((share * connections) as f64 / started.elapsed().as_secs_f64())
}

async fn ask(wire: &mut Wire, _: std::ops::Range<usize>) -> anyhow::Result<usize> {
    wire.get("/health/live").await?;
    Ok(1)
}

fn memory(n: usize) -> serde_json::Value {
    json!({"content": content(n), "tags": ["bench"]})
}

async fn post(wire: &mut Wire, left: std::ops::Range<usize>) -> anyhow::Result<usize> {
    wire.post("/api/v1/memories", &memory(left.start).to_string()).await?;
    Ok(1)
}

async fn post_batch(wire: &mut Wire, left: std::ops::Range<usize>) -> anyhow::Result<usize> {
    let memories: Vec<_> = left.take(BATCH).map(memory).collect();
    let answer = wire.post("/api/v1/memories/batch", &json!({"memories": memories}).to_string()).await?;
    let made = answer.windows(12).filter(|twelve| twelve == b"\"status\":201").count();
    anyhow::ensure!(made == memories.len(), "{made} of {} were made", memories.len());
    Ok(made)
}

async fn front_door(ground: &Ground, data_dir: &Path, (name, roles): (&str, &str)) -> anyhow::Result<Brain> {
    ground.database(name).await?.close().await;
    let roles: Roles = roles.parse().map_err(anyhow::Error::msg)?;
    Brain::start(Links::embedded(&ground.servers, name), ground::place(data_dir, name, roles)?).await
}

/// A bare client on a stream like ours.
struct Limit {
    context: jetstream::Context,
    prefix: Prefix,
}

impl Limit {
    async fn new(ground: &Ground) -> anyhow::Result<Self> {
        // Makes the stream, with the same definition.
        drop(ground.nats("limit").await?);
        Ok(Self { context: jetstream::new(ground.bare_nats().await?), prefix: Prefix::parse("limit")? })
    }

    async fn publish(&self, event: &second_brain::journal::Envelope) -> anyhow::Result<()> {
        let message = PublishMessage::build()
            .header("ev-type", event.kind.as_str())
            .header("ev-ver", event.version.to_string().as_str())
            .header("cmd-id", event.command_id.to_string().as_str())
            .header("corr-id", event.correlation_id.to_string().as_str())
            .payload(codec::encode(event)?.into())
            .message_id(event.id.to_string())
            .expected_stream(self.prefix.stream("EVENTS"))
            .expected_last_subject_sequence(0)
            .outbound_message(self.prefix.event(&event.space, &event.aggregate, &event.aggregate_id));
        self.context.publish_message(message).await?.await?;
        Ok(())
    }
}
