//! WebSocket clients of brain and, as the limit, of nats-server's own WebSocket.

use std::{
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{Ground, resident_kib};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The environment by which this program is told to be clients that only listen: a peer and how many.
const IDLE_CLIENTS: &str = "BENCH_IDLE_CLIENTS";
/// Stands in every message of a burst once.
const MARK: u8 = 1;

/// A connection to brain that is subscribed to everything.
pub async fn subscriber(url: &str, key: &str) -> anyhow::Result<Socket> {
    Ok(subscribe(url, key, json!({"channel": "space"})).await?.0)
}

/// How many events a client gets that was there last at `offset`.
pub async fn recovered(url: &str, key: &str, offset: u64) -> anyhow::Result<usize> {
    let epoch = subscribe(url, key, json!({"channel": "graph"})).await?.1["epoch"].clone();
    let wish = json!({"channel": "space", "recover": true, "epoch": epoch, "offset": offset});
    let (_, answer) = subscribe(url, key, wish).await?;
    Ok(answer["publications"].as_array().map_or(0, Vec::len))
}

async fn subscribe(url: &str, key: &str, wish: Value) -> anyhow::Result<(Socket, Value)> {
    let (mut socket, _) = connect_async(format!("{}/api/v1/ws", url.replace("http", "ws"))).await?;
    socket.send(Message::text(json!({"id": 1, "connect": {"token": key}}).to_string())).await?;
    socket.send(Message::text(json!({"id": 2, "subscribe": wish}).to_string())).await?;
    loop {
        let Some(Message::Text(text)) = socket.next().await.transpose()? else { continue };
        for line in text.lines() {
            let mut reply: Value = serde_json::from_str(line)?;
            if reply["id"] == 2 {
                return Ok((socket, reply["subscribe"].take()));
            }
        }
    }
}

/// A message as large as a public event.
fn payload() -> Vec<u8> {
    let mut payload = vec![b'x'; 900];
    payload[0] = MARK;
    payload
}

async fn nats_subscriber(url: &str) -> anyhow::Result<Socket> {
    let (mut socket, _) = connect_async(url).await?;
    socket.send(Message::binary(&b"CONNECT {\"verbose\":false}\r\nSUB bench 1\r\nPING\r\n"[..])).await?;
    while let Some(message) = socket.next().await.transpose()? {
        if message.into_data().windows(4).any(|four| four == b"PONG") {
            break;
        }
    }
    Ok(socket)
}

/// A server that idle clients connect to.
pub enum Peer {
    Brain { url: String, key: String },
    Nats { url: String },
}

impl Peer {
    /// What another process has told this one to be a client of.
    pub fn told() -> Option<(Self, usize)> {
        let told = std::env::var(IDLE_CLIENTS).ok()?;
        let words: Vec<&str> = told.split(' ').collect();
        match words[..] {
            [url, key, count] => Some((Self::Brain { url: url.into(), key: key.into() }, count.parse().ok()?)),
            [url, count] => Some((Self::Nats { url: url.into() }, count.parse().ok()?)),
            _ => None,
        }
    }

    /// Opens so many connections and holds them until it is killed.
    pub async fn listen(self, count: usize) -> anyhow::Result<()> {
        let mut sockets = vec![];
        for _ in 0..count {
            sockets.push(match &self {
                Self::Brain { url, key } => subscriber(url, key).await?,
                Self::Nats { url } => nats_subscriber(url).await?,
            });
        }
        println!("ready");
        std::future::pending().await
    }

    /// KiB by which a process grows for each of so many idle connections that another process opens to it.
    pub async fn resident(&self, pid: u32, count: usize) -> anyhow::Result<f64> {
        let before = resident_kib(pid)?;
        let told = match self {
            Self::Brain { url, key } => format!("{url} {key} {count}"),
            Self::Nats { url } => format!("{url} {count}"),
        };
        let mut child = Command::new(std::env::current_exe()?)
            .env(IDLE_CLIENTS, told)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take();
        tokio::task::spawn_blocking(move || out.map(|mut out| std::io::Read::read(&mut out, &mut [0; 8]))).await?;
        let after = resident_kib(pid)?;
        child.kill()?;
        child.wait()?;
        Ok((after as f64 - before as f64) / count as f64)
    }
}

/// A nats-server of its own that serves WebSockets.
pub struct NatsWebSocket {
    child: Child,
    pub url: String,
    client_url: String,
    _folder: tempfile::TempDir,
}

impl Drop for NatsWebSocket {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl NatsWebSocket {
    pub async fn start(ground: &Ground) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let free = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let (plain, web) = (free()?.port(), free()?.port());
        let configuration = folder.path().join("server.conf");
        let text = format!("listen: \"127.0.0.1:{plain}\"\nwebsocket {{ listen: \"127.0.0.1:{web}\", no_tls: true }}\n");
        std::fs::write(&configuration, text)?;
        let program = std::fs::read_link(format!("/proc/{}/exe", ground.servers.nats().pid))?;
        let child = Command::new(program).arg("-c").arg(&configuration).stderr(Stdio::null()).spawn()?;
        let (url, client_url) = (format!("ws://127.0.0.1:{web}/"), format!("nats://127.0.0.1:{plain}"));
        let server = Self { child, url, client_url, _folder: folder };
        while connect_async(&server.url).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How long each of so many connections waits for each of so many messages as large as a public event, one after the other.
    pub async fn paced(&self, connections: usize, messages: usize) -> anyhow::Result<Vec<Duration>> {
        let mut tasks = JoinSet::new();
        let arrivals: Arc<Mutex<Vec<Instant>>> = Arc::default();
        for _ in 0..connections {
            let (mut socket, arrivals) = (nats_subscriber(&self.url).await?, arrivals.clone());
            tasks.spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    let now = Instant::now();
                    let count = message.into_data().iter().filter(|byte| **byte == MARK).count();
                    arrivals.lock().expect("no panic").extend(std::iter::repeat_n(now, count));
                }
            });
        }
        let publisher = async_nats::connect(&self.client_url).await?;
        let mut times = vec![];
        for _ in 0..messages {
            let started = Instant::now();
            publisher.publish("bench", payload().into()).await?;
            publisher.flush().await?;
            while arrivals.lock().expect("no panic").len() < connections {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            let arrived = std::mem::take(&mut *arrivals.lock().expect("no panic"));
            times.extend(arrived.into_iter().map(|at| at.saturating_duration_since(started)));
        }
        Ok(times)
    }

    /// Frames per second that so many connections get of a burst of messages as large as a public event.
    pub async fn burst(&self, connections: usize, messages: usize) -> anyhow::Result<f64> {
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let mut socket = nats_subscriber(&self.url).await?;
            tasks.spawn(async move {
                let mut seen = 0;
                while seen < messages {
                    let Some(Ok(message)) = socket.next().await else { break };
                    seen += message.into_data().iter().filter(|byte| **byte == MARK).count();
                }
            });
        }
        let publisher = async_nats::connect(&self.client_url).await?;
        let payload = payload();
        let started = Instant::now();
        for _ in 0..messages {
            publisher.publish("bench", payload.clone().into()).await?;
        }
        publisher.flush().await?;
        while tasks.join_next().await.is_some() {}
        Ok((connections * messages) as f64 / started.elapsed().as_secs_f64())
    }
}
