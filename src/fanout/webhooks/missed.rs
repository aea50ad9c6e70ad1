//! What clients ask for beside the stream of events: deliveries to be made again, and events that an endpoint has missed.
//! Runs beside the dispatcher, in pieces that are written down one by one, so that an interruption costs nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use super::{Parts, dispatcher::delivery, matching};
use crate::{
    domain::ids::WebhookId,
    journal::{Recorded, catalog},
    ports::{
        log::{self, ReadError},
        webhooks::{DeliveryError, Endpoint, Redelivery},
    },
    retry::Backoff,
};

/// How often wishes are looked for.
const LOOK: Duration = Duration::from_millis(250);
/// Events looked at before what was found is written down.
const PIECE: usize = 2_000;
const PAUSE_MS_MAX: u64 = 5_000;
/// How often what is finished is forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);

/// Wakes the lanes that are open.
#[derive(Clone, Default)]
pub struct Wakes(Arc<Mutex<HashMap<WebhookId, Arc<Notify>>>>);

impl Wakes {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<WebhookId, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane's own.
    pub fn add(&self, id: WebhookId) -> Arc<Notify> {
        self.map().entry(id).or_default().clone()
    }

    pub fn remove(&self, id: WebhookId) {
        self.map().remove(&id);
    }

    pub fn wake(&self, id: WebhookId) {
        if let Some(wake) = self.map().get(&id) {
            wake.notify_one();
        }
    }
}

/// Until it is dropped; outages are waited out.
pub async fn run(parts: Parts, wakes: Wakes) {
    let mut pause = Backoff::new(PAUSE_MS_MAX);
    let mut pruned = None;
    loop {
        match look(&parts, &wakes, &mut pruned).await {
            Ok(()) => {
                pause.reset();
                sleep(LOOK).await;
            }
            Err(cause) => {
                let wait = pause.next_pause();
                tracing::warn!(%cause, wait_ms = wait.as_millis(), "wishes for deliveries wait");
                sleep(wait).await;
            }
        }
    }
}

async fn look(parts: &Parts, wakes: &Wakes, pruned: &mut Option<tokio::time::Instant>) -> Result<(), DeliveryError> {
    for id in parts.store.nudged().await? {
        wakes.wake(id);
    }
    let wishes = parts.store.redeliveries().await?;
    if !wishes.is_empty() {
        let endpoints = parts.store.endpoints().await?;
        for wish in wishes {
            let endpoint = endpoints.iter().map(|(endpoint, _)| endpoint).find(|endpoint| endpoint.id == wish.webhook);
            if let Some(endpoint) = endpoint {
                redeliver(parts, wakes, endpoint, wish).await?;
            }
        }
    }
    if pruned.is_none_or(|at| at.elapsed() >= PRUNE_EVERY) {
        let keep = chrono::TimeDelta::from_std(parts.settings.retention).unwrap_or(chrono::TimeDelta::MAX);
        parts.store.prune(parts.clock.now() - keep).await?;
        *pruned = Some(tokio::time::Instant::now());
    }
    Ok(())
}

/// Every event of the span that the endpoint wants as it is now, and that it never had a delivery of.
async fn redeliver(parts: &Parts, wakes: &Wakes, endpoint: &Endpoint, mut wish: Redelivery) -> Result<(), DeliveryError> {
    let unreadable = |cause: ReadError| DeliveryError::Unavailable(cause.into());
    // A filtered reader waits for ever behind the last event of its space.
    let end = wish.upto.min(parts.log.last_of(&endpoint.space).await.map_err(unreadable)?);
    let mut events = match wish.at < end {
        true => Some(parts.log.read(wish.at, Some(&endpoint.space)).await.map_err(unreadable)?),
        false => None,
    };
    loop {
        let mut found = vec![];
        let mut looked_at = 0;
        while let Some(events) = events.as_mut().filter(|_| wish.at < end && looked_at < PIECE) {
            let (seq, recorded) = log::next(events).await.map_err(unreadable)?;
            (wish.at, looked_at) = (seq, looked_at + 1);
            let is_wanted = |it: &Recorded| catalog::is_public(&it.event.kind) && matching::wants(&endpoint.webhook, it);
            found.extend(recorded.filter(|it| seq <= end && is_wanted(it)).map(|it| delivery(endpoint.id, &it)));
        }
        if wish.at >= end {
            wish.at = wish.upto;
        }
        parts.store.redeliver(&wish, &found).await?;
        wakes.wake(endpoint.id);
        if wish.at >= wish.upto {
            return Ok(());
        }
    }
}
