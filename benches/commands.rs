//! Commands a second, in process and over HTTP, against raw pipelined publishing of the same bytes with the same headers to a
//! stream of the same definition, in both durabilities. Goal: at least 0.80 of the limit in process.
//!
//! `cargo bench --bench commands -- [--count 4000] [--rounds 5] [--flight 256]`

mod ground;

use std::{path::Path, sync::Arc, time::Instant};

use async_nats::jetstream::{self, context::traits::Publisher, message::PublishMessage};
use futures::{StreamExt, TryStreamExt, stream};
use ground::{Ground, median, setting};
use second_brain::{
    adapters::system::{SystemClock, SystemIds},
    commands::{Action, Caller, Commands, Identity, Wish},
    domain::{
        ids::{MemoryId, PrincipalId, SpaceId},
        memory::Draft,
    },
    journal::{codec, subject::Prefix},
    ports::IdSource,
    runtime::Durability,
    wiring::{Brain, Caching, Links, Outward, Place, Roles},
};
use serde_json::json;
use uuid::Uuid;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!("| durability | limit: raw publish/s | in process/s | ratio | over HTTP/s | ratio |\n|---|---|---|---|---|---|");
    for durability in [Durability::Power, Durability::Os] {
        let ground = Ground::new(durability).await?;
        measure(&ground, durability).await?;
        ground.end().await?;
    }
    Ok(())
}

async fn measure(ground: &Ground, durability: Durability) -> anyhow::Result<()> {
    let (count, rounds, flight) = (setting("count", 4_000), setting("rounds", 5), setting("flight", 256));
    let log = ground.nats("ours").await?.log();
    let commands = Commands::new(log.clone(), Arc::new(SystemClock));
    let limit = Limit::new(ground).await?;
    let (mut raw, mut inside, mut http) = (vec![], vec![], vec![]);
    for round in 0..=rounds {
        let last = log.last_seq().await?;
        let ours = rate(count, flight, |n| create(&commands, n)).await?;
        // The limit publishes what ours has just written, to the byte.
        let messages: Vec<_> = log.read(last, None).await?.take(count).try_collect().await?;
        let bare = rate(count, flight, |n| limit.publish(&messages[n].event)).await?;
        // The first round warms up.
        if round > 0 {
            raw.push(bare);
            inside.push((ours, ours / bare));
        }
    }
    // A whole brain also projects, indexes and embeds what it was told, so it only runs for its own figure.
    let folder = tempfile::tempdir()?;
    let front = front_door(ground, folder.path()).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    for _ in 0..rounds {
        let over_http = rate(count / 4, flight.min(64), |n| post(&client, &front, n)).await?;
        http.push((over_http, over_http / median(raw.clone())));
    }
    let of = |pairs: &[(f64, f64)], ratio: bool| median(pairs.iter().map(|pair| if ratio { pair.1 } else { pair.0 }).collect());
    println!(
        "| {durability:?} | {:.0} | {:.0} | {:.2} | {:.0} | {:.2} |",
        median(raw),
        of(&inside, false),
        of(&inside, true),
        of(&http, false),
        of(&http, true)
    );
    front.stop().await;
    Ok(())
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
    let caller = Caller { space: SpaceId::default_space(), principal: PrincipalId(Uuid::nil()) };
    let draft = Draft { content: content(n), tags: vec!["bench".into()], ..Draft::default() };
    let action = Action::Create { draft, created_at: None };
    commands
        .memory(Wish {
            caller,
            identity: Identity { seed: command_id, fresh: true },
            id: MemoryId(command_id.0),
            if_match: None,
            action,
        })
        .await?;
    Ok(())
}

async fn post(client: &reqwest::Client, front: &Brain, n: usize) -> anyhow::Result<()> {
    let request = client.post(format!("{}/api/v1/memories", front.credentials.url)).bearer_auth(&front.credentials.api_key);
    request.json(&json!({"content": content(n), "tags": ["bench"]})).send().await?.error_for_status()?.bytes().await?;
    Ok(())
}

async fn front_door(ground: &Ground, data_dir: &Path) -> anyhow::Result<Brain> {
    ground.database("front").await?.close().await;
    let place = Place {
        data_dir,
        prefix: Prefix::parse("front")?,
        listen: ([127, 0, 0, 1], 0).into(),
        roles: Roles::all(),
        outward: Outward::default(),
        caching: Caching::default(),
    };
    Brain::start(Links::embedded(&ground.servers, "front"), place).await
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
