//! People who ask and write: questions by Zipf's law, each in a mix of kinds, over HTTP from so many clients at a time.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    client::Client,
    dice::Dice,
    language::Language,
    library::{TAGS, id},
    quantile,
};

/// One in so many requests writes.
const WRITES_EVERY: u64 = 10;
/// One in so many only goes there and back, where that is wanted.
const BARE_EVERY: u64 = 5;

/// Ranks from 0, each as often as 1 / (rank + 1): Zipf(1.0).
#[derive(Clone)]
pub struct Zipf(Vec<f64>);

impl Zipf {
    pub fn new(ranks: usize) -> Self {
        let mut sum = 0.0;
        Self((1..=ranks).map(|rank| (sum += 1.0 / rank as f64, sum).1).collect())
    }

    pub fn draw(&self, dice: &mut Dice) -> usize {
        let all = self.0.last().copied().unwrap_or(1.0);
        let wanted = dice.share() * all;
        self.0.partition_point(|sum| *sum <= wanted)
    }
}

/// What is asked and written.
#[derive(Clone)]
pub struct Mix {
    /// A key of its own for each client.
    keys: Vec<String>,
    language: Arc<Language>,
    memories: usize,
    questions: Zipf,
    /// Memories that are changed, by the same law.
    changed: Zipf,
    /// Whether one request in so many only goes there and back.
    has_bare: bool,
    /// Whether clients take compressed answers, as most do.
    takes_gzip: bool,
}

/// One request: its kind, and where it goes with what.
struct Ask {
    kind: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
}

/// How long requests took, by kind and by whether they were kept.
#[derive(Default)]
pub struct Times {
    pub by_kind: BTreeMap<(&'static str, bool), Vec<Duration>>,
    pub refused: usize,
    pub took: Duration,
}

impl Mix {
    pub fn new(keys: Vec<String>, language: Arc<Language>, memories: usize, questions: usize) -> Arc<Self> {
        let (questions, changed) = (Zipf::new(questions), Zipf::new(memories));
        Arc::new(Self { keys, language, memories, questions, changed, has_bare: false, takes_gzip: true })
    }

    /// The same with bare round trips in between: what answering takes at least, amid everything else that goes on.
    pub fn with_bare(&self) -> Arc<Self> {
        Arc::new(Self { has_bare: true, ..self.clone() })
    }

    /// The same from clients that take answers only as they are.
    pub fn without_gzip(&self) -> Arc<Self> {
        Arc::new(Self { takes_gzip: false, ..self.clone() })
    }

    /// A popular memory is anywhere.
    fn memory(&self, rank: usize) -> usize {
        (rank * 7_919) % self.memories
    }

    fn ask(&self, dice: &mut Dice) -> Ask {
        if self.has_bare && dice.next().is_multiple_of(BARE_EVERY) {
            return Ask { kind: "bare", method: Method::GET, path: "/health/live".into(), body: None };
        }
        if dice.next().is_multiple_of(WRITES_EVERY) {
            return self.write(dice);
        }
        self.question(self.questions.draw(dice))
    }

    fn question(&self, rank: usize) -> Ask {
        let get = |kind, path| Ask { kind, method: Method::GET, path, body: None };
        match rank % 10 {
            0..=3 => get("get", format!("/api/v1/memories/{}", id(self.memory(rank)))),
            4..=6 => {
                let body = Some(json!({"query": self.language.question(rank)}));
                Ask { kind: "search", method: Method::POST, path: "/api/v1/search".into(), body }
            }
            7 | 8 => get("list", format!("/api/v1/memories?tag=tag{}&limit=20", rank % TAGS)),
            _ => get("graph", format!("/api/v1/graph/neighbors?id={}&depth=3", id(self.memory(rank)))),
        }
    }

    fn write(&self, dice: &mut Dice) -> Ask {
        let number = dice.next() as usize % 1_000_000_000;
        let content = self.language.text(number);
        let tags = json!([format!("tag{}", number % TAGS)]);
        let target = format!("/api/v1/memories/{}", id(self.memory(self.changed.draw(dice))));
        let (method, path, body) = match number % 4 {
            0 | 1 => (Method::POST, "/api/v1/memories".to_owned(), json!({"content": content, "tags": tags})),
            2 => (Method::PATCH, target, json!({"importance": (number % 100) as f64 / 100.0})),
            _ => (Method::PATCH, target, json!({"content": content})),
        };
        Ask { kind: "write", method, path, body: Some(body) }
    }

    /// Asks every question once, so that what is measured afterwards is not the first time.
    pub async fn ask_all(self: &Arc<Self>, client: &Arc<Client>) -> anyhow::Result<()> {
        let ask = |rank: usize| async move {
            let answer = self.send(client, 0, &self.question(rank)).await?;
            anyhow::ensure!(answer.status().is_success(), "question {rank}: {}", answer.status());
            answer.bytes().await?;
            Ok(())
        };
        stream::iter(0..self.questions.0.len()).map(Ok).try_for_each_concurrent(4, ask).await
    }

    async fn send(&self, client: &Client, one: usize, ask: &Ask) -> reqwest::Result<Response> {
        let request = client.http.request(ask.method.clone(), format!("{}{}", client.url, ask.path));
        let request = request.bearer_auth(&self.keys[one % self.keys.len()]);
        let request = if self.takes_gzip { request.header("accept-encoding", "gzip") } else { request };
        ask.body.iter().fold(request, |request, body| request.json(body)).send().await
    }

    /// So many clients at once, each one request after the other, for so many requests in all.
    pub async fn run(
        self: &Arc<Self>,
        client: &Arc<Client>,
        clients: usize,
        requests: usize,
        seed: u64,
    ) -> anyhow::Result<Times> {
        self.run_until(client, (clients, Duration::ZERO), seed, move |done, _| done < requests / clients).await
    }

    /// The same for so many seconds; each client pauses after an answer, for `pause` on average.
    pub async fn run_for(
        self: &Arc<Self>,
        client: &Arc<Client>,
        (clients, pause): (usize, Duration),
        seconds: u64,
        seed: u64,
    ) -> anyhow::Result<Times> {
        self.run_until(client, (clients, pause), seed, move |_, since| since < Duration::from_secs(seconds)).await
    }

    async fn run_until(
        self: &Arc<Self>,
        client: &Arc<Client>,
        (clients, pause): (usize, Duration),
        seed: u64,
        goes_on: impl Fn(usize, Duration) -> bool + Copy + Send + 'static,
    ) -> anyhow::Result<Times> {
        let mut tasks = JoinSet::new();
        let started = Instant::now();
        for one in 0..clients {
            let (mix, client, mut dice) = (self.clone(), client.clone(), Dice::new(seed * 1_000 + one as u64));
            tasks.spawn(async move {
                let (mut times, mut done) = (Times::default(), 0);
                while goes_on(done, started.elapsed()) {
                    done += 1;
                    tokio::time::sleep(pause.mul_f64(dice.share() * 2.0)).await;
                    let ask = mix.ask(&mut dice);
                    let started = Instant::now();
                    let response = mix.send(&client, one, &ask).await?;
                    // Told to come again: above capacity, because others changed the same memory five times meanwhile, or because its own
                    // write does not show yet.
                    if matches!(response.status().as_u16(), 503 | 409 | 504) {
                        times.refused += 1;
                        // It does, if sooner than it should.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                    anyhow::ensure!(response.status().is_success(), "{} {}", ask.path, response.status());
                    let kept =
                        response.headers().get("cache-status").is_some_and(|text| text.as_bytes().starts_with(b"brain; hit"));
                    response.bytes().await?;
                    times.by_kind.entry((ask.kind, kept)).or_default().push(started.elapsed());
                }
                anyhow::Ok(times)
            });
        }
        let mut all = Times::default();
        while let Some(done) = tasks.join_next().await {
            let times = done??;
            all.refused += times.refused;
            for (kind, found) in times.by_kind {
                all.by_kind.entry(kind).or_default().extend(found);
            }
        }
        all.took = started.elapsed();
        Ok(all)
    }
}

impl Times {
    fn of(&self, wanted: impl Fn(&str, bool) -> bool) -> Vec<Duration> {
        let chosen = self.by_kind.iter().filter(|((kind, kept), _)| wanted(kind, *kept));
        chosen.flat_map(|(_, times)| times.iter().copied()).collect()
    }

    /// The share of reads that were kept.
    pub fn hit_rate(&self) -> f64 {
        let (kept, all) = (self.of(|_, kept| kept).len(), self.of(|kind, _| kind != "write").len());
        kept as f64 / all.max(1) as f64
    }

    pub fn hit_rate_of(&self, wanted: &str) -> f64 {
        let (kept, all) = (self.of(|kind, kept| kept && kind == wanted).len(), self.of(|kind, _| kind == wanted).len());
        kept as f64 / all.max(1) as f64
    }

    pub fn quantile(&self, wanted: impl Fn(&str, bool) -> bool, share: f64) -> Duration {
        let times = self.of(wanted);
        if times.is_empty() { Duration::ZERO } else { quantile(times, share) }
    }

    pub fn rate(&self) -> f64 {
        self.of(|_, _| true).len() as f64 / self.took.as_secs_f64()
    }
}
