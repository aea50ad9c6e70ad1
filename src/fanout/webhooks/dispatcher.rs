//! Follows the log and writes down one delivery for every endpoint that wants an event, together with its own position: exactly once,
//! wherever it is interrupted. Knows the endpoints by the same log, so an endpoint gets exactly the events after its registration.

use std::{collections::HashMap, time::Duration};

use futures::FutureExt;
use tokio::time::{Instant, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Parts,
    lane::{Handle, Lane},
    matching,
    missed::{self, Wakes},
    recorder::Recorder,
    settled,
};
use crate::{
    domain::{
        ids::{StreamSeq, WebhookId},
        webhook::Event,
    },
    fanout::feed::Subscription,
    journal::{Recorded, catalog, events::Storable},
    ports::{
        Follow, Next,
        log::ReadError,
        webhooks::{Condition, Delivery, DeliveryError, Dispatched, Endpoint},
    },
    retry::Backoff,
};

/// Events looked at before what they cause is written down.
const TOGETHER_MAX: u64 = 1_000;
/// How often the position is written down while nothing is delivered.
const POSITION_EVERY: Duration = Duration::from_secs(1);
const PAUSE_MS_MAX: u64 = 2_000;
/// How often another process is asked whether it still dispatches.
const OWNED_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("the log cannot be followed")]
    Log(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] DeliveryError),
}

pub struct Dispatcher {
    parts: Parts,
}

/// What one owner has at hand.
struct Desk {
    epoch: i64,
    /// Nothing up to here is delivered: endpoints have had it, whatever the tables know.
    settled: StreamSeq,
    /// As they stand at the newest event looked at; the lanes know them as they stand at the position written down.
    endpoints: HashMap<WebhookId, Endpoint>,
    lanes: HashMap<WebhookId, Handle>,
    wakes: Wakes,
    recorder: Recorder,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Dispatcher {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    pub async fn run(self, stop: CancellationToken) {
        let mut pause = Backoff::new(PAUSE_MS_MAX);
        while !stop.is_cancelled() {
            let (tasks, ours) = (TaskTracker::new(), stop.child_token());
            let worked = stop.run_until_cancelled(self.own(&tasks, &ours, &mut pause)).await;
            ours.cancel();
            tasks.close();
            tasks.wait().await;
            self.parts.store.release().await;
            let wait = match worked {
                None => return,
                Some(Interrupted::Store(DeliveryError::Owned)) => OWNED_PAUSE,
                Some(cause) => {
                    let wait = pause.next_pause();
                    tracing::warn!(%cause, wait_ms = wait.as_millis(), "webhooks wait");
                    wait
                }
            };
            stop.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    async fn own(&self, tasks: &TaskTracker, stop: &CancellationToken, pause: &mut Backoff) -> Interrupted {
        match self.claim_and_dispatch(tasks, stop, pause).await {
            Ok(never) => match never {},
            Err(interrupted) => interrupted,
        }
    }

    async fn claim_and_dispatch(
        &self,
        tasks: &TaskTracker,
        stop: &CancellationToken,
        pause: &mut Backoff,
    ) -> Result<std::convert::Infallible, Interrupted> {
        let claim = self.parts.store.claim(StreamSeq(0)).await?;
        let settled = settled::read(&self.parts).await?;
        tracing::info!(epoch = claim.epoch, applied_seq = %claim.applied_seq, %settled, "webhooks are ours");
        let (recorder, recording) = Recorder::new(self.parts.store.clone());
        tasks.spawn(recording);
        let mut desk = Desk {
            epoch: claim.epoch,
            settled,
            endpoints: HashMap::new(),
            lanes: HashMap::new(),
            wakes: Wakes::default(),
            recorder,
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        for (endpoint, condition) in self.parts.store.endpoints().await? {
            desk.endpoints.insert(endpoint.id, endpoint.clone());
            desk.open(&self.parts, endpoint, condition);
        }
        let beside =
            futures::future::join(missed::run(self.parts.clone(), desk.wakes.clone()), settled::run(self.parts.clone(), settled));
        let stopped = stop.clone();
        tasks.spawn(async move { stopped.run_until_cancelled(beside).await });
        let mut feed = self.parts.tail.subscribe(claim.applied_seq);
        let mut written = claim.applied_seq;
        let mut found = Dispatched::default();
        let mut write_by = Instant::now() + POSITION_EVERY;
        loop {
            tokio::select! {
                next = feed.next() => desk.look(next?, &mut found),
                () = sleep_until(write_by) => {}
            }
            look_on(&mut feed, &mut desk, &mut found, written)?;
            let upto = feed.position();
            let is_late = Instant::now() + Duration::from_millis(1) >= write_by;
            if is_late {
                write_by = Instant::now() + POSITION_EVERY;
            }
            let nothing = found == Dispatched::default();
            if is_late && upto == written && !self.parts.store.stands_at(desk.epoch, written).await? {
                // Postgres was killed and has lost what was written last: it is dispatched again.
                return Err(DeliveryError::Lost.into());
            }
            if upto == written || (nothing && !is_late && upto.0 < written.0 + TOGETHER_MAX) {
                continue;
            }
            self.parts.store.dispatch(desk.epoch, (written, upto), &found).await?;
            metrics::gauge!("brain_webhooks_dispatched_seq").set(upto.0 as f64);
            desk.act(&self.parts, std::mem::take(&mut found));
            (written, write_by) = (upto, Instant::now() + POSITION_EVERY);
            pause.reset();
        }
    }
}

/// Takes along what is there already.
fn look_on(feed: &mut Subscription, desk: &mut Desk, found: &mut Dispatched, written: StreamSeq) -> Result<(), ReadError> {
    while feed.position().0 < written.0 + TOGETHER_MAX {
        let Some(next) = feed.next().now_or_never() else { break };
        desk.look(next?, found);
    }
    Ok(())
}

impl Desk {
    fn look(&mut self, next: Next, found: &mut Dispatched) {
        match next {
            Next::Events(events) => events.iter().for_each(|event| self.judge(event, found)),
            Next::Reset(end) => tracing::error!(%end, "the log is another one than before: webhooks go on from its end"),
        }
    }

    /// What one event means: for an endpoint, if it is one's own; for all that want it.
    fn judge(&mut self, recorded: &Recorded, found: &mut Dispatched) {
        let event = &recorded.event;
        if event.space.is_sys() {
            return;
        }
        if event.aggregate == catalog::WEBHOOK
            && let (Ok(id), Ok(change)) = (event.aggregate_id.parse::<WebhookId>(), Event::load(&event.kind, &event.data))
        {
            let webhook = change.webhook().clone();
            let endpoint = Endpoint { space: event.space.clone(), id, webhook, ver: recorded.seq };
            match endpoint.webhook.deleted_at {
                None => drop(self.endpoints.insert(id, endpoint.clone())),
                Some(_) => drop(self.endpoints.remove(&id)),
            }
            found.endpoints.push(endpoint);
        }
        if recorded.seq <= self.settled || !catalog::is_public(&event.kind) {
            return;
        }
        let wanting = self.endpoints.values().filter(|it| it.space == event.space && matching::wants(&it.webhook, recorded));
        found.deliveries.extend(wanting.map(|endpoint| delivery(endpoint.id, recorded)));
    }

    /// Tells the lanes of what is written down now.
    fn act(&mut self, parts: &Parts, found: Dispatched) {
        for endpoint in found.endpoints {
            let id = endpoint.id;
            if endpoint.webhook.deleted_at.is_some() {
                if let Some(lane) = self.lanes.remove(&id) {
                    lane.stop.cancel();
                    self.wakes.remove(id);
                }
            } else if let Some(lane) = self.lanes.get(&id) {
                lane.endpoint.send_replace(endpoint);
            } else {
                self.open(parts, endpoint, Condition::default());
            }
        }
        let mut woken: Vec<WebhookId> = found.deliveries.into_iter().map(|delivery| delivery.webhook).collect();
        woken.sort_unstable();
        woken.dedup();
        for id in woken {
            self.wakes.wake(id);
        }
    }

    fn open(&mut self, parts: &Parts, endpoint: Endpoint, condition: Condition) {
        let id = endpoint.id;
        let (lane, handle) = Lane::new(parts.clone(), self.recorder.clone(), endpoint, self.wakes.add(id));
        let (gone, stop) = (handle.stop.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = lane.run(condition) => {}
                () = gone.cancelled() => {}
                () = stop.cancelled() => {}
            }
        });
        self.lanes.insert(id, handle);
    }
}

/// The delivery of an event to an endpoint, not tried yet.
pub(super) fn delivery(webhook: WebhookId, recorded: &Recorded) -> Delivery {
    let event = &recorded.event;
    Delivery {
        webhook,
        seq: recorded.seq,
        space: event.space.clone(),
        event_id: event.id,
        kind: event.kind.clone(),
        aggregate: event.aggregate.clone(),
        aggregate_id: event.aggregate_id.clone(),
        attempts: 0,
        round: 0,
    }
}
