//! A client of the HTTP interface, as any other one.

use std::{sync::Arc, time::Duration};

use second_brain::{
    adapters::{nats::Nats, system::SystemClock},
    commands::Commands,
    domain::ids::{PrincipalId, SpaceId},
    ports::Clock,
    wiring::{Brain, credentials},
};
use serde_json::Value;
use uuid::Uuid;

pub struct Client {
    pub http: reqwest::Client,
    pub url: String,
    pub key: String,
}

impl Client {
    pub fn new(brain: &Brain) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, url: brain.credentials.url.clone(), key: brain.credentials.api_key.clone() })
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.key);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.key).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Keys of so many others, each its own principal: who writes waits for no one else's writes when it reads.
    pub async fn others(&self, nats: &Nats, count: usize) -> anyhow::Result<Vec<String>> {
        let commands = Commands::new(nats.log(), nats.appender(), Arc::new(SystemClock));
        let mut keys = vec![];
        for _ in 0..count {
            let secret = second_brain::app::access::secret::fresh_key(&second_brain::adapters::vault::MasterKey::absent());
            let principal = PrincipalId(Uuid::new_v5(&Uuid::NAMESPACE_OID, secret.as_bytes()));
            credentials::issue(&commands, &secret, (SpaceId::default_space(), principal), "bench", SystemClock.now()).await?;
            keys.push(secret);
        }
        let opens = async |key: &String| {
            let request = self.http.get(format!("{}/api/v1/memories?limit=1", self.url)).bearer_auth(key);
            request.send().await.map(|answer| answer.status().is_success())
        };
        while !opens(keys.last().unwrap_or(&self.key)).await? {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(keys)
    }

    /// Waits until every projection shows everything of its stream.
    pub async fn settle(&self, nats: &Nats) -> anyhow::Result<()> {
        let (events, derived) = (nats.log().last_seq().await?.0, nats.derived().last_seq().await?.0);
        loop {
            let status = self.get("/api/v1/replay").await?;
            let rows = status["projections"].as_array().cloned().unwrap_or_default();
            let behind = |row: &Value| {
                let end = if row["stream"] == "EVENTS" { events } else { derived };
                row["state"] == "live" && row["applied_seq"].as_u64() < Some(end)
            };
            if !rows.iter().any(behind) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sums of the metrics whose lines begin so.
    pub async fn counters<const N: usize>(&self, names: [&str; N]) -> anyhow::Result<[f64; N]> {
        let metrics = self.http.get(format!("{}/metrics", self.url)).send().await?.text().await?;
        let sum = |name: &str| {
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            // A sum of nothing is -0.
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).fold(0.0, |sum, value| sum + value)
        };
        Ok(names.map(sum))
    }
}
