//! Webhooks: every public event to every endpoint that wants it, at least once, whatever falls over in between.
//!
//! Dispatcher (event → one delivery per endpoint, written down with its own position) and one lane per endpoint (delivery → attempts).
//! One process at a time does both; another takes over where it left off. Started by `wiring`.
//!
//! Decision 2026-11-24: times of retries are rows in Postgres, not scheduled messages in JetStream: a delivery, its attempt and its next
//! time change in one transaction, can be listed and moved by hand, and cost one write instead of three.

mod breaker;
mod dispatcher;
mod lane;
mod matching;
mod missed;
mod recorder;
mod settled;
mod signing;
mod target;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use self::target::Target;
use super::feed::Tail;
use crate::{
    domain::{
        ids::{SpaceId, WebhookId},
        webhook::Reason,
    },
    ports::{
        Clock, DerivedLog, EventLog, FactAppender,
        webhooks::{Attempt, DeliveryStore, HttpSender, Prober, Vault, WebhookRecord},
    },
};

/// Switches an endpoint off, by a command like anybody's.
#[async_trait]
pub trait EndpointControl: Send + Sync {
    async fn disable(
        &self,
        space: &SpaceId,
        id: WebhookId,
        reason: Reason,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// What the tests make shorter.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Failures in a row after which the breaker opens, and for how long (specification §2.1).
    pub breaker_failures: u32,
    pub breaker_recovery: Duration,
    /// An endpoint to which nothing could be delivered for so long is switched off.
    pub disable_after: Duration,
    /// How long finished deliveries are remembered.
    pub retention: Duration,
    /// How often it is written down beside the log what endpoints have had.
    pub settle_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            breaker_failures: 5,
            breaker_recovery: Duration::from_secs(60),
            disable_after: 5 * DAY,
            retention: 30 * DAY,
            settle_every: Duration::from_secs(10),
        }
    }
}

/// Everything that webhooks need.
#[derive(Clone)]
pub struct Parts {
    pub tail: Arc<Tail>,
    pub log: Arc<dyn EventLog>,
    pub derived: Arc<dyn DerivedLog>,
    pub facts: Arc<dyn FactAppender>,
    pub store: Arc<dyn DeliveryStore>,
    pub sender: Arc<dyn HttpSender>,
    pub vault: Arc<dyn Vault>,
    pub control: Arc<dyn EndpointControl>,
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
}

#[async_trait]
impl Prober for Parts {
    async fn probe(&self, space: &SpaceId, record: WebhookRecord, (id, body): (&str, String)) -> Result<Attempt, String> {
        let target = Target::new(space, record.id, record.webhook, &*self.vault).map_err(|cause| cause.to_string())?;
        Ok(target.send(id, body, 1, &*self.sender, &*self.clock).await.attempt)
    }
}

/// Dispatches and delivers until told to stop; outages and other owners are waited out.
pub async fn run(parts: Parts, stop: CancellationToken) {
    dispatcher::Dispatcher::new(parts).run(stop).await;
}
