//! What every part of a process stands on: the servers, the write path, the tail of the log, and what ends it all. Made first.

use std::sync::Arc;

use anyhow::Context;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Links, Outward};
use crate::{
    adapters::{nats::Nats, postgres::Postgres, system::SystemClock, vault::SealedKeys},
    commands::Commands,
    domain::{
        memory::{ScriptTags, Sealing},
        webhook::Retry,
    },
    fanout::feed::Tail,
    ports::{Clock, data_keys::DataKeys, webhooks::Vault},
    projectors::{self, keeper::prepare},
};

/// What all parts share.
pub(super) struct Core {
    pub links: Links,
    pub nats: Nats,
    pub postgres: Postgres,
    pub clock: Arc<dyn Clock>,
    /// The master key.
    pub vault: Arc<dyn Vault>,
    /// The keys of sensitive memories.
    pub data_keys: Arc<dyn DataKeys>,
    pub commands: Arc<Commands>,
    /// The node's one follower of the log.
    pub tail: Arc<Tail>,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// What the instance says of every write.
pub(super) struct Rules {
    pub script_tags: ScriptTags,
    pub sealing: Sealing,
    pub retry: Retry,
}

impl Rules {
    pub fn of(script_tags: ScriptTags, outward: &Outward) -> Self {
        let security = &outward.security;
        let (is_possible, detects) = (security.encryption_enabled, security.detect_sensitive);
        Self {
            script_tags,
            sealing: Sealing { is_possible, detects, ..Sealing::default() },
            retry: outward.webhooks.retry.clone(),
        }
    }
}

impl Core {
    /// Connects to Postgres and makes the read models' tables: the first question may come before an engine has looked.
    pub async fn connect(links: Links, nats: Nats, vault: Arc<dyn Vault>, rules: Rules) -> anyhow::Result<Self> {
        let postgres = Postgres::connect(&links.owner_url, &links.app_url).await?;
        let store = postgres.projection_store();
        for definition in projectors::definition::all() {
            prepare(&*store, &definition).await.context("cannot make the tables of the read models")?;
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let data_keys: Arc<dyn DataKeys> = Arc::new(SealedKeys::new(vault.clone(), nats.data_keys()));
        let commands = Commands::new(nats.log(), nats.appender(), clock.clone())
            .with_storage(links.storage.clone())
            .with_command_log(postgres.command_log())
            .with_script_tags(rules.script_tags)
            .with_sealing(data_keys.clone(), rules.sealing)
            .with_retry(rules.retry);
        let (commands, tail) = (Arc::new(commands), Tail::new(nats.log()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        Ok(Self { links, nats, postgres, clock, vault, data_keys, commands, tail, tasks, stop })
    }
}
