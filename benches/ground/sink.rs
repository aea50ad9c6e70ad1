//! A place that webhooks are sent to.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// An endpoint that answers 200 and counts, or never answers.
pub struct Sink {
    pub url: String,
    pub seen: Arc<AtomicUsize>,
    pub arrivals: Arc<Mutex<Vec<Instant>>>,
    _tasks: JoinSet<()>,
}

impl Sink {
    pub async fn new(answers: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://127.0.0.1:{}/", listener.local_addr()?.port());
        let (seen, arrivals) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(vec![])));
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

    pub async fn wait_for(&self, count: usize) {
        while self.seen.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }
}

async fn serve(mut socket: TcpStream, answers: bool, seen: Arc<AtomicUsize>, arrivals: Arc<Mutex<Vec<Instant>>>) {
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
