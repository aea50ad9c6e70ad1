//! What clients ask for beside the stream of events: deliveries to be made again, and events that an endpoint has missed.
//! Runs beside the dispatcher, in pieces that are written down one by one, so that an interruption costs nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use tokio::{sync::Notify, time::sleep};

use super::{Parts, dispatcher::delivery, matching};
use crate::{
    domain::ids::{StreamSeq, WebhookId},
    journal::public,
    patience::Patience,
    ports::{
        log::ReadError,
        webhooks::{DeliveryError, Endpoint, Redelivery},
    },
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

    pub fn add(&self, id: WebhookId, wake: Arc<Notify>) {
        self.map().insert(id, wake);
    }

    pub fn wake(&self, id: WebhookId) {
        if let Some(wake) = self.map().get(&id) {
            wake.notify_one();
        }
    }
}

/// Until it is dropped; outages are waited out.
pub async fn run(parts: Parts, wakes: Wakes) {
    let mut pause = Patience::new(PAUSE_MS_MAX);
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
    let mut events = parts.log.read(wish.at, Some(&endpoint.space)).await.map_err(unreadable)?;
    while wish.at < end {
        let mut found = vec![];
        for _ in 0..PIECE {
            match events.next().await {
                Some(Ok(recorded)) => {
                    wish.at = recorded.seq;
                    if recorded.seq <= end
                        && public::is_public(&recorded.event.kind)
                        && matching::wants(&endpoint.webhook, &recorded)
                    {
                        found.push(delivery(endpoint.id, &recorded));
                    }
                }
                Some(Err(ReadError::Poison { seq, .. })) => wish.at = StreamSeq(seq),
                Some(Err(away)) => return Err(unreadable(away)),
                None => return Err(unreadable(ReadError::ended())),
            }
            if wish.at >= end {
                break;
            }
        }
        if wish.at >= end {
            wish.at = wish.upto;
        }
        parts.store.redeliver(&wish, &found, parts.clock.now()).await?;
        wakes.wake(endpoint.id);
    }
    if wish.at < wish.upto {
        wish.at = wish.upto;
        parts.store.redeliver(&wish, &[], parts.clock.now()).await?;
    }
    Ok(())
}
