//! Whether the log really is as durable as was asked for: nats-server is asked, not believed. Called at start only.

use std::time::Duration;

use serde_json::Value;

use crate::runtime::Durability;

/// How long nats-server may take to describe itself, in seconds.
const ASK_S: u64 = 5;

/// What nats-server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Every append is on the disk before it is acknowledged.
    SyncAlways,
    /// Appends reach the disk later.
    SyncLater,
    Unknown,
}

impl Proof {
    /// What `brain up` may claim.
    pub fn sentence(self, wanted: Durability) -> &'static str {
        match (wanted, self) {
            (Durability::Power, Self::SyncAlways) => "power (proven: every append is on the disk before it is acknowledged)",
            (Durability::Power, _) => "NOT PROVEN: power was asked for, but nats-server does not say that it syncs every append",
            (Durability::Os, Self::SyncAlways) => "power (more than was asked for)",
            (Durability::Os, _) => "os (survives a crash of brain; a power cut may lose the last two minutes)",
        }
    }
}

/// Reads `/varz` of the monitoring port.
pub async fn of(monitor_url: &str) -> Proof {
    let ask = async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(ASK_S)).no_proxy().build()?;
        client.get(format!("{monitor_url}/varz")).send().await?.json::<Value>().await
    };
    match ask.await {
        Ok(varz) => match varz.pointer("/jetstream/config/sync_always") {
            Some(Value::Bool(true)) => Proof::SyncAlways,
            _ => Proof::SyncLater,
        },
        Err(cause) => {
            // The address holds a secret.
            let cause = cause.without_url();
            tracing::warn!(%cause, "nats-server does not describe itself");
            Proof::Unknown
        }
    }
}
