//! What every part of a process stands on: the servers, the write path, the tail of the log, and what ends it all. Made first.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Links;
use crate::{
    adapters::{
        nats::Nats,
        postgres::Postgres,
        system::SystemClock,
        vault::{MasterKey, SealedKeys},
    },
    commands::Commands,
    domain::{
        memory::{ScriptTags, Sealing},
        webhook::Retry,
    },
    fanout::feed::Tail,
    journal::subject::Prefix,
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

/// The master key that this process shares with the others of its instance. Errors: it cannot be read, or made.
pub(super) fn master_key(is_embedded: bool, file: Option<&Path>, data_dir: &Path) -> anyhow::Result<Arc<dyn Vault>> {
    let own_key = data_dir.join("master.key");
    Ok(Arc::new(match file {
        Some(path) => MasterKey::open(path)?,
        // Alone, a brain makes its own key; one of several must be told which it is.
        None if is_embedded || own_key.exists() => MasterKey::open(&own_key)?,
        None => MasterKey::absent(),
    }))
}

impl Core {
    /// Opens the master key, connects to the servers and makes the read models' tables: the first question may come before an engine has looked.
    pub async fn connect(links: Links, prefix: Prefix, vault: Arc<dyn Vault>, rules: Rules) -> anyhow::Result<Self> {
        let nats = Nats::connect(&links.nats, prefix).await?;
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
        Ok(Self {
            links,
            nats,
            postgres,
            clock,
            vault,
            data_keys,
            commands,
            tail,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }
}
