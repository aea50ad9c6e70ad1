//! Erasing memories, from the call to the receipt of each, over HTTP; against raw secure deletes of as many messages of the same size in a
//! stream of the same definition, in the same run. What lies between is the rest: ledger, projections, files of Postgres and the index,
//! receipts.
//!
//! `cargo bench --bench erase -- [--count 1000] [--company 10000] [--rounds 1]`

mod ground;

use std::time::{Duration, Instant};

use async_nats::jetstream;
use futures::{StreamExt, TryStreamExt, stream};
use ground::{Ground, median, setting};
use second_brain::{
    runtime::Durability,
    wiring::{Brain, Links, Roles},
};
use serde_json::{Value, json};

/// Memories of a batch.
const BATCH: usize = 500;
const FLIGHT: usize = 64;
/// How often it is asked whether all is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn main() -> anyhow::Result<()> {
    ground::run(async {
        let (count, company, rounds) = (setting("count", 1_000), setting("company", 10_000), setting("rounds", 1));
        println!(
            "| memories | among | events appended, s | until the receipts, s | messages | raw deletes of as many, s | share |"
        );
        println!("|---|---|---|---|---|---|---|");
        let ground = Ground::new(Durability::Power).await?;
        let mut shares = vec![];
        for round in 0..rounds {
            shares.push(measure(&ground, round, (count, company)).await?);
        }
        println!("share of raw deletes, median: {:.2}", median(shares));
        ground.end().await
    })
}

/// A client with the owner's key.
struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Client {
    async fn send(&self, method: reqwest::Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key).json(&body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    async fn fill(&self, user: &str, count: usize) -> anyhow::Result<()> {
        for from in (0..count).step_by(BATCH) {
            let note = |n: usize| {
                let content = format!("note {n} of {user}: {}", "what was said that day ".repeat(12));
                json!({"content": content, "tags": ["diary", user], "user_id": user})
            };
            let memories: Vec<Value> = (from..count.min(from + BATCH)).map(note).collect();
            self.send(reqwest::Method::POST, "/api/v1/memories/batch", json!({"memories": memories})).await?;
        }
        Ok(())
    }

    async fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
        while !holds(&self.send(reqwest::Method::GET, path, Value::Null).await?) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

async fn measure(ground: &Ground, round: usize, (count, company): (usize, usize)) -> anyhow::Result<f64> {
    let name = format!("erase_{round}");
    ground.database(&name).await?.close().await;
    let folder = tempfile::tempdir()?;
    let links = Links::embedded(&ground.servers, &name);
    let brain = Brain::start(links, ground::place(folder.path(), &name, Roles::all())?).await?;
    let client =
        Client { http: reqwest::Client::new(), url: brain.credentials.url.clone(), key: brain.credentials.api_key.clone() };
    client.fill("bob", company / 2).await?;
    client.fill("ann", count).await?;
    client.fill("bob", company - company / 2).await?;
    client.until("/api/v1/status", |status| status["embeddings_pending"] == 0).await?;
    let begun = Instant::now();
    let wish = json!({"filters": {"user_id": "ann"}, "erase": true, "limit": 10_000});
    let erased = client.send(reqwest::Method::POST, "/api/v1/memories/delete", wish).await?;
    anyhow::ensure!(erased["deleted"] == count, "{erased}");
    let appended = begun.elapsed();
    let open = format!("/api/v1/erasures?open=true&limit=1&min_position={}", erased["position"]);
    client.until(&open, |page| page["erasures"].as_array().is_some_and(Vec::is_empty)).await?;
    let done = begun.elapsed();
    let (mut messages, mut before) = (0, String::new());
    loop {
        let page = client.send(reqwest::Method::GET, &format!("/api/v1/erasures?limit=200{before}"), Value::Null).await?;
        let receipts = page["erasures"].as_array().into_iter().flatten();
        messages += receipts.map(|it| count_of(&it["receipt"]["events"]) + count_of(&it["receipt"]["vectors"])).sum::<u64>();
        match page["next_before"].as_u64() {
            Some(position) => before = format!("&before={position}"),
            None => break,
        }
    }
    let raw = raw_deletes(ground, &name, messages as usize, company).await?;
    let share = raw.as_secs_f64() / done.as_secs_f64();
    println!(
        "| {count} | {company} | {:.2} | {:.2} | {messages} | {:.2} | {share:.2} |",
        appended.as_secs_f64(),
        done.as_secs_f64(),
        raw.as_secs_f64()
    );
    brain.stop().await;
    Ok(share)
}

fn count_of(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// Deletes so many messages of an event's size one after the other, amid others.
async fn raw_deletes(ground: &Ground, name: &str, count: usize, company: usize) -> anyhow::Result<Duration> {
    let context = jetstream::new(ground.bare_nats().await?);
    let mut definition: Value = serde_json::from_str(include_str!("../nats/events.json"))?;
    (definition["name"], definition["subjects"]) = (format!("raw_{name}").into(), json!([format!("raw.{name}.>")]));
    definition["num_replicas"] = 1.into();
    let definition: jetstream::stream::Config = serde_json::from_value(definition)?;
    let stream = context.create_stream(definition).await?;
    let payload = "x".repeat(1_000);
    let publish = |n: usize| {
        let (context, subject, payload) = (&context, format!("raw.{name}.{n}"), payload.clone());
        async move { anyhow::Ok(context.publish(subject, payload.into()).await?.await?.sequence) }
    };
    let all = 2 * company + count;
    let sequences: Vec<u64> = stream::iter((0..all).map(publish)).buffered(FLIGHT).try_collect().await?;
    let begun = Instant::now();
    for seq in &sequences[company..company + count] {
        stream.delete_message(*seq).await?;
    }
    Ok(begun.elapsed())
}
