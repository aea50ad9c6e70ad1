//! The way out to endpoints: one shared client that follows no redirect, knows no proxy, looks at every address before it connects, and
//! never reads more of an answer than it needs. Implements [`HttpSender`].

mod guard;
mod tls;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, ClientBuilder, dns::Resolve, redirect::Policy};
use tokio::time::{Instant, timeout_at};
use url::Url;

pub use guard::Guard;
use guard::{Machine, Vetted};
pub use tls::install_tls;

use crate::ports::webhooks::{HttpSender, Post, Reply, SendError};

const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Most of an answer that is ever read, in bytes; the rest is cut off with its connection.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// How much of it attempts keep.
const HEAD_CHARS_MAX: usize = 512;
/// Idle connections that are kept to one host.
const IDLE_PER_HOST_MAX: usize = 64;

/// How every client of ours begins that leaves the machine: it follows no redirect, knows no proxy, and says what it is.
pub fn outgoing() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_WAIT)
        .user_agent(concat!("second-brain/", env!("CARGO_PKG_VERSION")))
}

/// Sends by HTTP/1.1 or 2, over TLS with the roots of the web.
pub struct Sender {
    client: Client,
    guard: Guard,
}

impl Sender {
    /// Errors: TLS cannot be set up.
    pub fn new(guard: Guard) -> Result<Self, reqwest::Error> {
        Self::with_names(guard, Machine)
    }

    fn with_names(guard: Guard, names: impl Resolve + 'static) -> Result<Self, reqwest::Error> {
        let client = outgoing()
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .tcp_nodelay(true)
            .dns_resolver(Arc::new(Vetted { guard, names }))
            .build()?;
        Ok(Self { client, guard })
    }

    /// The status is known once the head of the answer is there, and stands whatever becomes of the rest.
    async fn send(&self, post: Post) -> Result<Reply, SendError> {
        let deadline = Instant::now() + post.timeout;
        let timeout = post.timeout;
        let mut request = self.client.post(post.url).header("content-type", "application/cloudevents+json; charset=utf-8");
        for (name, value) in &post.headers {
            request = request.header(name, value);
        }
        let sent = timeout_at(deadline, request.body(post.body).send()).await;
        let mut answer = sent.map_err(|_| SendError::Timeout(timeout))?.map_err(failed)?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Ok(Ok(Some(part))) = timeout_at(deadline, answer.chunk()).await {
            body.extend_from_slice(&part);
            if body.len() >= ANSWER_BYTES_MAX {
                break;
            }
        }
        let head = String::from_utf8_lossy(&body).chars().filter(|one| *one != '\0').take(HEAD_CHARS_MAX).collect();
        Ok(Reply { status, retry_after, head })
    }
}

#[async_trait]
impl HttpSender for Sender {
    fn admits(&self, url: &Url) -> Result<(), SendError> {
        self.guard.admits_url(url)
    }

    async fn post(&self, post: Post) -> Result<Reply, SendError> {
        self.guard.admits_url(&post.url)?;
        self.send(post).await
    }
}

/// What the client's error means; the refusal of a name comes from inside it.
fn failed(error: reqwest::Error) -> SendError {
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |one| one.source());
    for cause in causes {
        if let Some(refused) = cause.downcast_ref::<SendError>() {
            return refused.clone();
        }
    }
    let deepest = std::iter::successors(Some(&error as &dyn std::error::Error), |one| one.source()).last();
    let text = deepest.map(ToString::to_string).unwrap_or_default();
    if error.is_connect() { SendError::Connect(text) } else { SendError::Broken(text) }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use reqwest::dns::{Addrs, Name, Resolving};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// A name that leads somewhere else each time.
    struct Flipping(std::sync::Mutex<Vec<Vec<SocketAddr>>>);

    impl Resolve for Flipping {
        fn resolve(&self, _: Name) -> Resolving {
            let next = self.0.lock().unwrap().remove(0);
            Box::pin(std::future::ready(Ok(Box::new(next.into_iter()) as Addrs)))
        }
    }

    /// Answers each connection once; tells how many came.
    async fn sink() -> (SocketAddr, impl Future<Output = usize>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = async move {
            let mut count = 0;
            while let Ok(Ok((mut socket, _))) = tokio::time::timeout(Duration::from_millis(300), listener.accept()).await {
                count += 1;
                let _ = socket.read(&mut [0; 4_096]).await;
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            }
            count
        };
        (address, count)
    }

    #[tokio::test]
    async fn a_name_that_flips_is_looked_at_each_time_and_reaches_nothing_closed() {
        tls::install_tls();
        let (here, connections) = sink().await;
        let closed: SocketAddr = "10.0.0.1:0".parse().unwrap();
        let flips = vec![vec![here], vec![closed], vec![here, closed], vec![here]];
        let sender = Sender::with_names(Guard { allow_loopback: true }, Flipping(flips.into())).unwrap();
        // A name of this machine, so that http is let through; where it leads is the resolver's to say.
        let url: Url = format!("http://hook.localhost:{}/", here.port()).parse().unwrap();
        let post = || Post { url: url.clone(), headers: Default::default(), body: "{}".into(), timeout: Duration::from_secs(5) };
        let answers = async {
            let mut answers = vec![];
            for _ in 0..4 {
                answers.push(sender.post(post()).await.map(|reply| reply.status).map_err(|error| error.class()));
            }
            answers
        };
        let (answers, connections) = tokio::join!(answers, connections);
        assert_eq!(answers, [Ok(200), Err("blocked"), Err("blocked"), Ok(200)]);
        assert_eq!(connections, 2, "what was refused was not knocked at");
    }
}
