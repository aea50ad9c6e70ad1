//! An endpoint that webhooks are sent to: remembers every request and answers as it is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// With the question mark and what follows.
    pub path: String,
    /// By lower-case name.
    pub headers: HashMap<String, String>,
    pub body: String,
    pub at: Instant,
}

/// What the sink answers.
#[derive(Clone, Debug)]
pub enum Answer {
    Status(u16),
    /// With one more header line.
    With(u16, String),
    /// 200 with this body.
    Says(String),
    /// With this body.
    Body(u16, String),
    /// Takes the request and says nothing.
    Silence,
    /// 200 and then a byte now and then, for ever.
    Drip,
    /// 200 and a body without end.
    Flood,
    /// Closes the connection hard.
    Reset,
}

type Script = Arc<Mutex<Box<dyn FnMut(&Request) -> Answer + Send>>>;

pub struct Sink {
    pub url: String,
    requests: Arc<watch::Sender<Vec<Request>>>,
    script: Script,
    _tasks: JoinSet<()>,
}

impl Sink {
    /// Listens on a free port and answers by `script`.
    pub async fn new(script: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://127.0.0.1:{}/hook", listener.local_addr().expect("an address").port());
        let requests = Arc::new(watch::channel(vec![]).0);
        let script: Script = Arc::new(Mutex::new(Box::new(script)));
        let (seen, asked) = (requests.clone(), script.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, seen.clone(), asked.clone()));
            }
        });
        Self { url, requests, script, _tasks: tasks }
    }

    /// Answers by another script from now on.
    pub fn answer(&self, script: impl FnMut(&Request) -> Answer + Send + 'static) {
        *self.script.lock().expect("no panic") = Box::new(script);
    }

    pub fn seen(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// Waits until so many requests have come.
    pub async fn wait_for(&self, count: usize) -> Vec<Request> {
        let mut requests = self.requests.subscribe();
        let seen = tokio::time::timeout(super::DEADLINE, requests.wait_for(|seen| seen.len() >= count));
        seen.await.unwrap_or_else(|_| panic!("{} of {count} requests came", self.seen().len())).expect("open").clone()
    }
}

async fn serve(mut socket: TcpStream, seen: Arc<watch::Sender<Vec<Request>>>, script: Script) {
    let mut buffer = vec![];
    while let Some(request) = read(&mut socket, &mut buffer).await {
        let answer = (script.lock().expect("no panic"))(&request);
        seen.send_modify(|seen| seen.push(request));
        let text = |status: u16, extra: &str| format!("HTTP/1.1 {status} X\r\n{extra}content-length: 2\r\n\r\nok");
        let written = match answer {
            Answer::Status(status) => socket.write_all(text(status, "").as_bytes()).await,
            Answer::With(status, header) => socket.write_all(text(status, &format!("{header}\r\n")).as_bytes()).await,
            Answer::Says(body) => {
                let text = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                socket.write_all(text.as_bytes()).await
            }
            Answer::Body(status, body) => {
                let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                socket.write_all(text.as_bytes()).await
            }
            Answer::Silence => std::future::pending().await,
            Answer::Drip => {
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n").await;
                while socket.write_all(b".").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                return;
            }
            Answer::Flood => {
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await;
                while socket.write_all(&[b'.'; 16_384]).await.is_ok() {}
                return;
            }
            Answer::Reset => {
                let _ = socket.set_zero_linger();
                return;
            }
        };
        if written.is_err() {
            return;
        }
    }
}

async fn read(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
            let headers: HashMap<_, _> = head.lines().skip(1).filter_map(pair).collect();
            let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if buffer.len() >= end + 4 + length {
                let body = String::from_utf8(buffer[end + 4..end + 4 + length].to_vec()).expect("UTF-8");
                buffer.drain(..end + 4 + length);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                return Some(Request { path, headers, body, at: Instant::now() });
            }
        }
        let mut part = [0; 16_384];
        match socket.read(&mut part).await {
            Ok(count) if count > 0 => buffer.extend_from_slice(&part[..count]),
            _ => return None,
        }
    }
}
