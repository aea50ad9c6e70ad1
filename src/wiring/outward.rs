//! What goes out of a brain: how webhooks are put together. Called when a brain starts.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::Links;
use crate::{
    adapters::{
        http::{Guard, Sender},
        nats::Nats,
        postgres::Postgres,
        vault::MasterKey,
    },
    api::{LiveParts, WebhookParts, live::door::Door},
    commands::Commands,
    config,
    domain::{
        ids::{SpaceId, WebhookId},
        webhook::Reason,
    },
    fanout::{
        feed::Tail,
        live::Hub,
        webhooks::{EndpointControl, Parts, Settings},
    },
    ports::Clock,
};

/// Settings of what leaves the machine.
#[derive(Clone, Debug, Default)]
pub struct Outward {
    pub webhooks: config::Webhooks,
    pub security: config::Security,
    /// Sites whose pages may call, beside our own.
    pub allowed_origins: Vec<String>,
    /// What only the tests change.
    pub settings: Settings,
}

impl Outward {
    /// What webhooks consist of.
    pub(super) fn webhooks(
        &self,
        data_dir: &Path,
        links: &Links,
        (tail, nats): (&Arc<Tail>, &Nats),
        (postgres, commands, clock): (&Postgres, &Arc<Commands>, &Arc<dyn Clock>),
    ) -> anyhow::Result<Parts> {
        crate::cli::client::install_tls();
        let guard = Guard { allow_loopback: self.webhooks.allow_loopback };
        let sender = Sender::new(guard).context("cannot set up TLS for webhooks")?;
        let vault = match &self.security.master_key_file {
            Some(path) => MasterKey::open(path)?,
            // Alone, a brain makes its own key; one of several must be told which it is.
            None if links.is_embedded || data_dir.join("master.key").exists() => MasterKey::open(&data_dir.join("master.key"))?,
            None => MasterKey::absent(),
        };
        Ok(Parts {
            tail: tail.clone(),
            log: nats.log(),
            derived: nats.derived(),
            facts: nats.fact_appender(),
            store: postgres.deliveries(),
            sender: Arc::new(sender),
            vault: Arc::new(vault),
            control: Arc::new(Control(commands.clone())),
            clock: clock.clone(),
            settings: self.settings,
        })
    }
}

impl Outward {
    /// What the sockets and streams need.
    pub(super) fn for_connections(self, hub: Arc<Hub>, door: Door, stop: &CancellationToken) -> LiveParts {
        LiveParts { hub, door, origins: self.allowed_origins, stop: stop.clone() }
    }
}

/// What the handlers of webhooks need of it.
pub(super) fn for_clients(parts: Parts, postgres: &Postgres) -> WebhookParts {
    let (vault, sender) = (parts.vault.clone(), parts.sender.clone());
    WebhookParts { reads: postgres.webhook_reads(), vault, sender, prober: Arc::new(parts) }
}

/// Switches endpoints off by the one write path.
struct Control(Arc<Commands>);

#[async_trait]
impl EndpointControl for Control {
    async fn disable(
        &self,
        space: &SpaceId,
        id: WebhookId,
        reason: Reason,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.disable_webhook(space, id, reason).await?)
    }
}
