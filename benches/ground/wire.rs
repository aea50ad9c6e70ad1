//! HTTP spoken by hand over one keep-alive connection: what a client costs at least, so that little of what is measured is the client's.

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub struct Wire {
    socket: TcpStream,
    host: String,
    key: String,
    received: Vec<u8>,
}

impl Wire {
    pub async fn open(url: &str, key: &str) -> anyhow::Result<Self> {
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let socket = TcpStream::connect(&host).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, host, key: key.to_owned(), received: vec![] })
    }

    /// So many of them.
    pub async fn several(url: &str, key: &str, count: usize) -> anyhow::Result<Vec<Self>> {
        let mut wires = vec![];
        for _ in 0..count {
            wires.push(Self::open(url, key).await?);
        }
        Ok(wires)
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<&[u8]> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        self.exchange(request.into_bytes()).await
    }

    pub async fn post(&mut self, path: &str, json: &str) -> anyhow::Result<&[u8]> {
        let (host, key, length) = (&self.host, &self.key, json.len());
        let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n");
        let request = format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}");
        self.exchange(request.into_bytes()).await
    }

    /// The answer's body. Errors: anything but a success.
    async fn exchange(&mut self, request: Vec<u8>) -> anyhow::Result<&[u8]> {
        self.socket.write_all(&request).await?;
        self.received.clear();
        let head = loop {
            ensure!(self.socket.read_buf(&mut self.received).await? > 0, "the connection was closed");
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.received[..head])?.to_ascii_lowercase();
        ensure!(text.starts_with("http/1.1 2"), "{text}");
        let length = text.split("content-length:").nth(1).and_then(|rest| rest.split("\r\n").next()).context("no length")?;
        let end = head + length.trim().parse::<usize>()?;
        while self.received.len() < end {
            ensure!(self.socket.read_buf(&mut self.received).await? > 0, "the answer broke off");
        }
        Ok(&self.received[head..end])
    }
}
