//! How soon and how fast events reach subscribers and webhooks.
//!
//! Limits in the same run: for live frames, a bare subscriber of NATS to the same subjects (goal: p99 at most 3 ms later at 100
//! connections), and nats-server's own WebSocket with as many connections (goal: p99 at most 5 ms later than there at 1,000); for webhooks,
//! a bare reqwest loop to the same sink with the same concurrency (goal: 0.7 of its rate); for nine healthy endpoints beside one that
//! hangs, the same nine without it (goal: p99 within 10 %). Resident memory per idle connection: at most 20 KB.
//!
//! `cargo bench --bench fanout -- [--events 300] [--deliveries 20000] [--idle 2000] [--storm 2000]`

mod ground;

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use ground::{
    Ground,
    client::Client,
    quantile, setting,
    sink::Sink,
    sockets::{self, NatsWebSocket, Peer},
};
use second_brain::{
    adapters::system::{SystemClock, SystemIds},
    commands::{Actor, CommandKey, Commands, MemoryAction, Request},
    config::Webhooks,
    domain::{
        ids::{MemoryId, PrincipalId, SpaceId},
        memory::Draft,
    },
    ports::IdSource,
    runtime::Durability,
    wiring::{Brain, Links, Outward, Place, Roles},
};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

const PREFIX: &str = "fanout";
const CONCURRENCY: usize = 32;
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if let Some((peer, count)) = Peer::told() {
        return peer.listen(count).await;
    }
    let (events, deliveries, idle) = (setting("events", 300), setting("deliveries", 20_000), setting("idle", 2_000));
    let storming = setting("storm", 2_000);
    let ground = Ground::new(Durability::Os).await?;
    let nats = ground.nats(PREFIX).await?;
    let commands = Arc::new(Commands::new(nats.log(), nats.appender(), Arc::new(SystemClock)));
    ground.database(PREFIX).await?.close().await;
    let folder = tempfile::tempdir()?;
    let roles: Roles = "api,projector,fanout".parse().map_err(anyhow::Error::msg)?;
    let loopback = Webhooks { allow_loopback: true, ..Webhooks::default() };
    let outward = Outward { webhooks: loopback, ..Outward::default() };
    let place = Place { outward, ..ground::place(folder.path(), PREFIX, roles)? };
    let brain = Brain::start(Links::embedded(&ground.servers, PREFIX), place).await?;
    let client = Client::new(&brain)?;

    // First, while nothing that was freed can be used again.
    let rival = NatsWebSocket::start(&ground).await?;
    let ours = Peer::Brain { url: client.url.clone(), key: client.key.clone() };
    let theirs = Peer::Nats { url: rival.url.clone() };
    println!("| of {idle} idle connections | brain | nats-server\'s WebSocket |\n|---|---|---|");
    let (us, them) = (ours.resident(std::process::id(), idle).await?, theirs.resident(rival.pid(), idle).await?);
    println!("| resident memory each | {us:.1} KiB | {them:.1} KiB |\n");
    println!(
        "| event appended → received | raw NATS p50 / p99 | frame p50 / p99 | nats-server\'s WebSocket p50 / p99 | later at p99 than raw, than WebSocket |\n|---|---|---|---|---|"
    );
    for connections in [1, 100, 1_000] {
        live(&ground, &client, &commands, &rival, connections, events).await?;
    }
    let rate = rival.burst(100, 1_000).await?;
    println!("\nnats-server\'s WebSocket, 100 connections, a burst of 1000 messages: {rate:.0} frames/s");
    drop(rival);
    storm(&client, &commands, storming).await?;
    webhooks(&client, &commands, events, deliveries).await?;
    brain.stop().await;
    drop(nats);
    ground.end().await
}

fn wish(n: usize) -> Request<MemoryId, MemoryAction> {
    let (command_id, actor) = (SystemIds.command_id(), Actor::within(SpaceId::default_space(), PrincipalId(Uuid::nil())));
    let draft = Draft { content: format!("Note {n}: where the blue tin stands."), ..Draft::default() };
    let action = MemoryAction::Create { draft, created_at: None };
    Request { actor, key: CommandKey { seed: command_id, fresh: true }, id: MemoryId(command_id.0), if_match: None, action }
}

type Arrivals = Arc<Mutex<Vec<Instant>>>;

async fn live(
    ground: &Ground,
    client: &Client,
    commands: &Commands,
    rival: &NatsWebSocket,
    connections: usize,
    events: usize,
) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    let frames: Arrivals = Arc::default();
    for _ in 0..connections {
        let (mut socket, frames) = (sockets::subscriber(&client.url, &client.key).await?, frames.clone());
        tasks.spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let now = Instant::now();
                let Message::Text(text) = message else { continue };
                let count = text.lines().filter(|line| line.contains("\"pub\"")).count();
                frames.lock().expect("no panic").extend(std::iter::repeat_n(now, count));
            }
        });
    }
    let raw = ground.bare_nats().await?;
    let mut subscription = raw.subscribe(format!("{PREFIX}.ev.>")).await?;
    // The server reads one connection in order: once it gives this back it knows of the subscription.
    let mut probe = raw.subscribe("probe").await?;
    raw.publish("probe", "".into()).await?;
    probe.next().await;
    let bare: Arrivals = Arc::default();
    let arrived = bare.clone();
    tasks.spawn(async move {
        while subscription.next().await.is_some() {
            arrived.lock().expect("no panic").push(Instant::now());
        }
    });
    let (mut of_frames, mut of_bare) = (vec![], vec![]);
    for n in 0..events {
        let started = Instant::now();
        commands.memory(wish(n), Default::default()).await?;
        while frames.lock().expect("no panic").len() < connections || bare.lock().expect("no panic").is_empty() {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let since = |at: Instant| at.saturating_duration_since(started);
        of_frames.extend(std::mem::take(&mut *frames.lock().expect("no panic")).into_iter().map(since));
        of_bare.extend(std::mem::take(&mut *bare.lock().expect("no panic")).into_iter().map(since));
    }
    let at = |times: &[Duration], q| quantile(times.to_vec(), q);
    let (raw50, raw99) = (at(&of_bare, 0.5), at(&of_bare, 0.99));
    let (ours50, ours99) = (at(&of_frames, 0.5), at(&of_frames, 0.99));
    let of_rival = rival.paced(connections, events).await?;
    let (web50, web99) = (at(&of_rival, 0.5), at(&of_rival, 0.99));
    let (later, than_web) = (ours99.saturating_sub(raw99), ours99.saturating_sub(web99));
    println!(
        "| {connections} connections | {raw50:.2?} / {raw99:.2?} | {ours50:.2?} / {ours99:.2?} | {web50:.2?} / {web99:.2?} | {later:.2?}, {than_web:.2?} |"
    );
    let burst = 1_000;
    let started = Instant::now();
    let append = |n| async move { commands.memory(wish(n), Default::default()).await.map(drop) };
    stream::iter(0..burst).map(append).buffer_unordered(256).for_each(|_| async {}).await;
    while frames.lock().expect("no panic").len() < connections * burst {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let rate = (connections * burst) as f64 / started.elapsed().as_secs_f64();
    println!("| | | {rate:.0} frames/s in a burst of {burst} events | | |");
    Ok(())
}

/// Clients that all come at once and have missed so many events each.
async fn storm(client: &Client, commands: &Commands, clients: usize) -> anyhow::Result<()> {
    const MISSED: u64 = 100;
    let mut last = 0;
    for n in 0..MISSED as usize {
        last = commands.memory(wish(n), Default::default()).await?.position.0;
    }
    let from = last - MISSED;
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for _ in 0..clients {
        let (url, key) = (client.url.clone(), client.key.clone());
        tasks.spawn(async move {
            let recovered = sockets::recovered(&url, &key, from).await?;
            anyhow::Ok((recovered, started.elapsed()))
        });
    }
    let mut times = vec![];
    while let Some(done) = tasks.join_next().await {
        let (recovered, took) = done??;
        anyhow::ensure!(recovered == MISSED as usize, "a client got {recovered} of {MISSED}");
        times.push(took);
    }
    let all = times.iter().max().copied().unwrap_or_default();
    let rate = clients as f64 * MISSED as f64 / all.as_secs_f64();
    println!("\n| {clients} clients that missed {MISSED} events each | p50 | all | events/s |\n|---|---|---|---|");
    println!("| | {:.2?} | {all:.2?} | {rate:.0} |", quantile(times, 0.5));
    Ok(())
}

async fn webhooks(client: &Client, commands: &Commands, events: usize, deliveries: usize) -> anyhow::Result<()> {
    let append = |n| async move { commands.memory(wish(n), Default::default()).await.map(drop) };
    stream::iter(0..deliveries).map(append).buffer_unordered(256).for_each(|_| async {}).await;

    let sink = Sink::new(true).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let body = "x".repeat(900);
    let post = |_| async { http.post(&sink.url).body(body.clone()).send().await.map(drop) };
    let started = Instant::now();
    stream::iter(0..deliveries).map(post).buffer_unordered(CONCURRENCY).for_each(|_| async {}).await;
    let limit = deliveries as f64 / started.elapsed().as_secs_f64();

    let sink = Sink::new(true).await?;
    let endpoint = client.register(&sink.url).await?;
    let started = Instant::now();
    client.post(&format!("{endpoint}/replay"), &json!({"after": 0})).await?;
    sink.wait_for(deliveries).await;
    let ours = deliveries as f64 / started.elapsed().as_secs_f64();
    println!("\n| deliveries of a backlog | bare reqwest loop | ratio |\n|---|---|---|");
    println!("| {ours:.0}/s | {limit:.0}/s | {:.2} |", ours / limit);
    while client.get(&format!("{endpoint}/health")).await?["pending"] != 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    client.post(&format!("{endpoint}/disable"), &json!(null)).await?;

    let mut nine = vec![];
    for _ in 0..9 {
        let sink = Sink::new(true).await?;
        client.register(&sink.url).await?;
        nine.push(sink);
    }
    let calm = published(commands, &nine, events).await?;
    let hanging = Sink::new(false).await?;
    client.register(&hanging.url).await?;
    let beside = published(commands, &nine, events).await?;
    let at = |times: &[Duration], q| quantile(times.to_vec(), q);
    println!("\n| publish → sink, nine endpoints | p50 | p99 |\n|---|---|---|");
    println!("| alone | {:.2?} | {:.2?} |", at(&calm, 0.5), at(&calm, 0.99));
    println!("| beside one that hangs | {:.2?} | {:.2?} |", at(&beside, 0.5), at(&beside, 0.99));
    Ok(())
}

/// One event after the other to all sinks: how long each took to arrive.
async fn published(commands: &Commands, sinks: &[Sink], events: usize) -> anyhow::Result<Vec<Duration>> {
    let mut times = vec![];
    for n in 0..events {
        let before: Vec<usize> = sinks.iter().map(|sink| sink.seen.load(Ordering::Relaxed)).collect();
        let started = Instant::now();
        commands.memory(wish(n), Default::default()).await?;
        for (sink, before) in sinks.iter().zip(before) {
            sink.wait_for(before + 1).await;
            let arrived = sink.arrivals.lock().expect("no panic").last().copied();
            times.extend(arrived.map(|at| at.saturating_duration_since(started)));
        }
    }
    Ok(times)
}

impl Client {
    /// Registers an endpoint; answers its path.
    async fn register(&self, url: &str) -> anyhow::Result<String> {
        let wish = json!({"url": url, "events": ["memory.created"], "concurrency": CONCURRENCY});
        let made = self.post("/api/v1/webhooks", &wish).await?;
        let id = made["webhook"]["id"].as_str().unwrap_or_default();
        let path = format!("/api/v1/webhooks/{id}");
        // The dispatcher knows it once its health is told of.
        while self.get(&format!("{path}/health")).await?["active"] != true {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(path)
    }
}
