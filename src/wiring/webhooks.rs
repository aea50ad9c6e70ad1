//! The role `fanout`: webhooks, and what they need to leave the machine. The API tells of them, and tests them.

use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;

use super::core::Core;
use crate::{
    adapters::http::{Guard, Sender},
    commands::Commands,
    config,
    domain::{
        ids::{SpaceId, WebhookId},
        webhook::Reason,
    },
    fanout::webhooks::{self, EndpointControl, Parts, Settings},
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

/// What webhooks consist of. Errors: TLS cannot be set up.
pub(super) fn parts(core: &Core, outward: &Outward) -> anyhow::Result<Parts> {
    let guard = Guard { allow_loopback: outward.webhooks.allow_loopback };
    let sender = Sender::new(guard).context("cannot set up TLS for webhooks")?;
    Ok(Parts {
        tail: core.tail.clone(),
        log: core.nats.log(),
        derived: core.nats.derived(),
        facts: core.nats.fact_appender(),
        store: core.postgres.deliveries(core.clock.clone()),
        sender: Arc::new(sender),
        vault: core.vault.clone(),
        control: Arc::new(Control(core.commands.clone())),
        clock: core.clock.clone(),
        settings: outward.settings,
    })
}

/// Dispatches and delivers.
pub(super) fn start(core: &Core, parts: Parts) {
    core.tasks.spawn(webhooks::run(parts, core.stop.clone()));
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
