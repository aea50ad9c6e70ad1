//! How soon and how fast events reach subscribers and webhooks.
//!
//! Limits in the same run: for live frames, a bare subscriber of NATS to the same subjects (goal: p99 at most 3 ms later at 100
//! connections); for webhooks, a bare reqwest loop to the same sink with the same concurrency (goal: 0.7 of its rate); for nine healthy
//! endpoints beside one that hangs, the same nine without it (goal: p99 within 10 %). Resident memory per idle connection: at most 20 KB.
//!
//! `cargo bench --bench fanout -- [--events 300] [--deliveries 20000] [--idle 2000]`

mod ground;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{SinkExt, StreamExt, stream};
use ground::{Ground, client::Client, quantile, setting};
use second_brain::{
    adapters::system::{SystemClock, SystemIds},
    commands::{Action, Caller, Commands, Identity, Wish},
    domain::{
        ids::{MemoryId, PrincipalId, SpaceId},
        memory::Draft,
    },
    journal::subject::Prefix,
    ports::IdSource,
    runtime::Durability,
    wiring::{Brain, Links, Outward, Place, Roles},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{connect_async, tungstenite::Message};
use uuid::Uuid;

const PREFIX: &str = "fanout";
const CONCURRENCY: usize = 32;
/// The environment by which this program is told to be clients that only listen: address and key.
const IDLE_CLIENTS: &str = "FANOUT_IDLE_CLIENTS";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if let Ok(told) = std::env::var(IDLE_CLIENTS) {
        return idle_clients(&told).await;
    }
    let (events, deliveries, idle) = (setting("events", 300), setting("deliveries", 20_000), setting("idle", 2_000));
    let ground = Ground::new(Durability::Os).await?;
    let nats = ground.nats(PREFIX).await?;
    let commands = Arc::new(Commands::new(nats.log(), Arc::new(SystemClock)));
    ground.database(PREFIX).await?.close().await;
    let folder = tempfile::tempdir()?;
    let roles: Roles = "api,projector,fanout".parse().map_err(anyhow::Error::msg)?;
    let outward = Outward { webhook_allow_loopback: true, ..Outward::default() };
    let place =
        Place { data_dir: folder.path(), prefix: Prefix::parse(PREFIX)?, listen: ([127, 0, 0, 1], 0).into(), roles, outward };
    let brain = Brain::start(Links::embedded(&ground.servers, PREFIX), place).await?;
    let client = Client::new(&brain)?;

    // First, while nothing that was freed can be used again.
    resident(&client, idle).await?;
    println!("| event appended → received | raw NATS p50 / p99 | frame p50 / p99 | later at p99 |\n|---|---|---|---|");
    for connections in [1, 100, 1_000] {
        live(&ground, &client, &commands, connections, events).await?;
    }
    webhooks(&client, &commands, events, deliveries).await?;
    brain.stop().await;
    drop(nats);
    ground.end().await
}

fn wish(n: usize) -> Wish {
    let (command_id, caller) =
        (SystemIds.command_id(), Caller { space: SpaceId::default_space(), principal: PrincipalId(Uuid::nil()) });
    let draft = Draft { content: format!("Note {n}: where the blue tin stands."), ..Draft::default() };
    let action = Action::Create { draft, created_at: None };
    Wish { caller, identity: Identity { command_id, fresh: true }, id: MemoryId(command_id.0), if_match: None, action }
}

type Arrivals = Arc<Mutex<Vec<Instant>>>;

/// A connection that is subscribed to everything.
async fn subscriber(
    url: &str,
    key: &str,
) -> anyhow::Result<tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>> {
    let (mut socket, _) = connect_async(format!("{}/api/v1/ws", url.replace("http", "ws"))).await?;
    socket.send(Message::text(json!({"id": 1, "connect": {"token": key}}).to_string())).await?;
    socket.send(Message::text(json!({"id": 2, "subscribe": {"channel": "space"}}).to_string())).await?;
    let mut replies = 0;
    while replies < 2 {
        if let Some(Message::Text(text)) = socket.next().await.transpose()? {
            replies += text.lines().count();
        }
    }
    Ok(socket)
}

async fn live(ground: &Ground, client: &Client, commands: &Commands, connections: usize, events: usize) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    let frames: Arrivals = Arc::default();
    for _ in 0..connections {
        let (mut socket, frames) = (subscriber(&client.url, &client.key).await?, frames.clone());
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
    raw.flush().await?;
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
        commands.memory(wish(n)).await?;
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
    let later = ours99.saturating_sub(raw99);
    println!("| {connections} connections | {raw50:.2?} / {raw99:.2?} | {ours50:.2?} / {ours99:.2?} | {later:.2?} |");
    let burst = 1_000;
    let started = Instant::now();
    let append = |n| async move { commands.memory(wish(n)).await.map(drop) };
    stream::iter(0..burst).map(append).buffer_unordered(256).for_each(|_| async {}).await;
    while frames.lock().expect("no panic").len() < connections * burst {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let rate = (connections * burst) as f64 / started.elapsed().as_secs_f64();
    println!("| | | {rate:.0} frames/s in a burst of {burst} events | |");
    Ok(())
}

/// Resident memory of this process before and after another one opens connections to it.
async fn resident(client: &Client, count: usize) -> anyhow::Result<()> {
    let before = resident_kib()?;
    let told = format!("{} {} {count}", client.url, client.key);
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .env(IDLE_CLIENTS, told)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let out = child.stdout.take();
    tokio::task::spawn_blocking(move || out.map(|mut out| std::io::Read::read(&mut out, &mut [0; 8]))).await?;
    let after = resident_kib()?;
    let each = (after as f64 - before as f64) / count as f64;
    println!("resident memory per idle connection, of {count}: {each:.1} KiB\n");
    child.kill()?;
    child.wait()?;
    Ok(())
}

async fn idle_clients(told: &str) -> anyhow::Result<()> {
    let mut words = told.split(' ');
    let (url, key, count) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
    let count: usize = count.unwrap_or_default().parse()?;
    let mut sockets = vec![];
    for _ in 0..count {
        sockets.push(subscriber(url, key).await?);
    }
    println!("ready");
    std::future::pending::<()>().await;
    Ok(())
}

fn resident_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}

/// An endpoint that answers 200 and counts, or never answers.
struct Sink {
    url: String,
    seen: Arc<AtomicUsize>,
    arrivals: Arrivals,
    _tasks: JoinSet<()>,
}

impl Sink {
    async fn new(answers: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://127.0.0.1:{}/", listener.local_addr()?.port());
        let (seen, arrivals) = (Arc::new(AtomicUsize::new(0)), Arrivals::default());
        let mut tasks = JoinSet::new();
        let (count, times) = (seen.clone(), arrivals.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, answers, count.clone(), times.clone()));
            }
        });
        Ok(Self { url, seen, arrivals, _tasks: tasks })
    }

    async fn wait_for(&self, count: usize) {
        while self.seen.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }
}

async fn serve(mut socket: TcpStream, answers: bool, seen: Arc<AtomicUsize>, arrivals: Arrivals) {
    let (mut buffer, mut part) = (Vec::new(), [0; 8_192]);
    loop {
        let Ok(count) = socket.read(&mut part).await else { return };
        if count == 0 {
            return;
        }
        buffer.extend_from_slice(&part[..count]);
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if buffer.len() < end + 4 + length.unwrap_or(0) {
            continue;
        }
        buffer.clear();
        if !answers {
            std::future::pending::<()>().await;
        }
        seen.fetch_add(1, Ordering::Relaxed);
        arrivals.lock().expect("no panic").push(Instant::now());
        if socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

async fn webhooks(client: &Client, commands: &Commands, events: usize, deliveries: usize) -> anyhow::Result<()> {
    let append = |n| async move { commands.memory(wish(n)).await.map(drop) };
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
        commands.memory(wish(n)).await?;
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
