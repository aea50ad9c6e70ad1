//! What every part of a process stands on: the servers, the write path, the tail of the log, and what ends it all. Made first.

use std::sync::Arc;

use anyhow::Context;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Links;
use crate::{
    adapters::{nats::Nats, postgres::Postgres, system::SystemClock},
    commands::Commands,
    domain::{memory::ScriptTags, webhook::Retry},
    fanout::feed::Tail,
    journal::subject::Prefix,
    ports::Clock,
    projectors::{self, keeper::prepare},
};

/// What all parts share.
pub(super) struct Core {
    pub links: Links,
    pub nats: Nats,
    pub postgres: Postgres,
    pub clock: Arc<dyn Clock>,
    pub commands: Arc<Commands>,
    /// The node's one follower of the log.
    pub tail: Arc<Tail>,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

impl Core {
    /// Connects to the servers and makes the read models' tables: the first question may come before an engine has looked.
    pub async fn connect(links: Links, prefix: Prefix, (script_tags, retry): (ScriptTags, Retry)) -> anyhow::Result<Self> {
        let nats = Nats::connect(&links.nats, prefix).await?;
        let postgres = Postgres::connect(&links.owner_url, &links.app_url).await?;
        let store = postgres.projection_store();
        for definition in projectors::definition::all() {
            prepare(&*store, &definition).await.context("cannot make the tables of the read models")?;
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let commands = Commands::new(nats.log(), nats.appender(), clock.clone())
            .with_storage(links.storage.clone())
            .with_command_log(postgres.command_log())
            .with_script_tags(script_tags)
            .with_retry(retry);
        let (commands, tail) = (Arc::new(commands), Tail::new(nats.log()));
        Ok(Self { links, nats, postgres, clock, commands, tail, tasks: TaskTracker::new(), stop: CancellationToken::new() })
    }
}
