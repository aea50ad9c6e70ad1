//! How a brain reaches its servers: those that it runs itself, or those that somebody else runs. Made by `brain up`, `brain serve` and
//! the tests.

use std::sync::Arc;

use anyhow::Context;

use super::durability::{self, Proof};
use crate::{
    adapters::nats::Access,
    ports::storage::{Storage, Unwatched},
    queries::status::Part,
    runtime::{PartState, Servers},
};

/// The role that readers have in Postgres; see the first migration.
const APP_ROLE: &str = "brain_app";

/// Addresses and credentials, and what can be said of the servers behind them.
pub struct Links {
    pub nats: Access,
    /// This process runs the servers itself, so it is the only one of its instance.
    pub is_embedded: bool,
    pub owner_url: String,
    /// As `brain_app`, which sees one space at a time.
    pub app_url: String,
    /// Where nats-server describes itself.
    pub monitor_url: Option<String>,
    /// The disk that they write to, if it is ours to watch.
    pub storage: Arc<dyn Storage>,
    /// The servers as status shows them.
    pub parts: Arc<dyn Fn() -> Vec<Part> + Send + Sync>,
}

impl Links {
    /// To the servers that this process runs.
    pub fn embedded(servers: &Arc<Servers>, database: &str) -> Self {
        let (nats, postgres) = (servers.nats(), servers.postgres());
        // Weak: a request that is still running must not keep the servers from being stopped.
        let weak = Arc::downgrade(servers);
        Self {
            nats: Access { url: nats.url.clone(), user: nats.user.clone(), password: nats.password.clone(), replicas: 1 },
            is_embedded: true,
            owner_url: postgres.owner_url(database),
            app_url: postgres.app_url(database),
            monitor_url: Some(nats.monitor_url.clone()),
            storage: servers.storage(),
            parts: Arc::new(move || weak.upgrade().map(|servers| parts(&servers)).unwrap_or_default()),
        }
    }

    /// To servers that somebody else runs. URLs: `nats://user:password@host:4222`, `postgres://user:password@host/database`.
    /// The user of the database may grant itself [`APP_ROLE`]; readers then act as that role.
    pub fn external(nats_url: &str, database_url: &str, replicas: usize) -> anyhow::Result<Self> {
        let mut nats =
            reqwest::Url::parse(nats_url).context("BRAIN_NATS_URL is no URL such as nats://user:password@host:4222")?;
        let (user, password) = (nats.username().to_owned(), nats.password().unwrap_or_default().to_owned());
        // Both can only fail for URLs without a host.
        let _ = (nats.set_username(""), nats.set_password(None));
        let mut app = reqwest::Url::parse(database_url)
            .context("BRAIN_DATABASE_URL is no URL such as postgres://user:password@host:5432/brain")?;
        app.query_pairs_mut().append_pair("options[role]", APP_ROLE);
        let url = nats.as_str().trim_end_matches('/').to_owned();
        Ok(Self {
            nats: Access { url, user, password, replicas },
            is_embedded: false,
            owner_url: database_url.to_owned(),
            app_url: app.into(),
            monitor_url: None,
            storage: Arc::new(Unwatched),
            parts: Arc::new(Vec::new),
        })
    }

    pub(super) async fn proof(&self) -> Proof {
        match &self.monitor_url {
            Some(url) => durability::of(url).await,
            None => Proof::Unknown,
        }
    }
}

fn parts(servers: &Servers) -> Vec<Part> {
    let part = |part: crate::runtime::Part| {
        let state = match part.state {
            PartState::Running => "running",
            PartState::Restarting => "restarting",
            PartState::Stopped => "stopped",
        };
        Part { name: part.name, version: part.version, state: state.into() }
    };
    servers.parts().into_iter().map(part).collect()
}
