//! The lane of one endpoint: takes what is due, sends as many at a time as the endpoint wants, and hands in what came of it.
//! Started by the dispatcher. No lane waits for another one.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Parts,
    breaker::CircuitBreaker,
    matching,
    recorder::Recorder,
    target::{Target, Tried},
};
use crate::{
    domain::{
        ids::{StreamSeq, Timestamp},
        webhook::{Reason, retry::Verdict},
    },
    journal::Recorded,
    ports::{
        Feed,
        log::ReadError,
        webhooks::{Attempt, Condition, Delivery, DeliveryError, Due, Endpoint, Outcome, Standing},
    },
    retry::Backoff,
};

/// Deliveries taken out of the store at once.
const TAKEN_TOGETHER: u32 = 256;
/// Longest time that nothing is looked for.
const IDLE: Duration = Duration::from_secs(30);
const PAUSE_MS_MAX: u64 = 2_000;

/// What the dispatcher keeps of a lane.
pub struct Handle {
    pub endpoint: watch::Sender<Endpoint>,
    pub stop: CancellationToken,
}

pub struct Lane {
    parts: Parts,
    recorder: Recorder,
    endpoint: watch::Receiver<Endpoint>,
    wake: Arc<Notify>,
}

type Flight = BoxFuture<'static, (Delivery, Option<Tried>)>;
type Writing = BoxFuture<'static, StreamSeq>;

/// What has come to its end: a request, or the writing down of one.
enum Landed {
    /// Without a result when the event could not be read.
    Sent(Box<(Delivery, Option<Tried>)>),
    Written(StreamSeq),
}

/// What is on its way.
#[derive(Default)]
struct Traffic {
    waiting: VecDeque<Delivery>,
    sending: FuturesUnordered<Flight>,
    writing: FuturesUnordered<Writing>,
    /// Everything in one of the three.
    held: HashSet<StreamSeq>,
    /// The store may have more than is held.
    more: bool,
    next_due: Option<Timestamp>,
}

impl Traffic {
    /// The next thing that comes to its end; `None` when nothing is on its way. Cancel-safe.
    async fn landed(&mut self) -> Option<Landed> {
        tokio::select! {
            Some(sent) = self.sending.next() => Some(Landed::Sent(Box::new(sent))),
            Some(seq) = self.writing.next() => Some(Landed::Written(seq)),
            else => None,
        }
    }
}

impl Lane {
    /// Looks for work whenever `wake` says so.
    pub fn new(parts: Parts, recorder: Recorder, endpoint: Endpoint, wake: Arc<Notify>) -> (Self, Handle) {
        let (sender, receiver) = watch::channel(endpoint);
        let handle = Handle { endpoint: sender, stop: CancellationToken::new() };
        (Self { parts, recorder, endpoint: receiver, wake }, handle)
    }

    /// Works until stopped or left alone; the store's outages are waited out. What was sent and not written down is sent again by the next owner.
    pub async fn run(mut self, condition: Condition) {
        let mut pause = Backoff::new(PAUSE_MS_MAX);
        let settings = self.parts.settings;
        let mut breaker = CircuitBreaker::new(condition, settings.breaker_failures, settings.breaker_recovery);
        loop {
            let endpoint = self.endpoint.borrow_and_update().clone();
            let target = Target::new(&endpoint.space, endpoint.id, endpoint.webhook.clone(), &*self.parts.vault);
            let ended = match target {
                Ok(target) if endpoint.webhook.is_active() => self.serve(&endpoint, Arc::new(target), &mut breaker).await,
                Ok(_) => Ok(()),
                Err(cause) => {
                    tracing::error!(webhook = %endpoint.id, %cause, "the endpoint cannot be sent to");
                    Ok(())
                }
            };
            match ended {
                // Until it changes there is nothing to do; and without a dispatcher it never will.
                Ok(()) => {
                    if self.endpoint.changed().await.is_err() {
                        return;
                    }
                    pause.reset();
                }
                Err(cause) => {
                    let wait = pause.next_pause();
                    tracing::warn!(webhook = %endpoint.id, %cause, wait_ms = wait.as_millis(), "deliveries wait");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Sends until the endpoint changes.
    async fn serve(
        &mut self,
        endpoint: &Endpoint,
        target: Arc<Target>,
        breaker: &mut CircuitBreaker,
    ) -> Result<(), DeliveryError> {
        let config = &endpoint.webhook.config;
        let spacing = config.rate_per_s.map(|rate| Duration::from_secs_f64(1.0 / f64::from(rate)));
        let mut next_slot = Instant::now();
        let mut traffic = Traffic { more: true, ..Traffic::default() };
        loop {
            if self.endpoint.has_changed().unwrap_or(true) {
                // What is on its way gets its end, under the old definition.
                while let Some(landed) = traffic.landed().await {
                    self.settle(endpoint, breaker, &mut traffic, landed).await?;
                }
                return Ok(());
            }
            let now = self.parts.clock.now();
            let width = breaker.width(now, config.concurrency as usize);
            if width > traffic.sending.len() && traffic.waiting.is_empty() && traffic.more {
                self.take(endpoint, now, &mut traffic).await?;
            }
            while traffic.sending.len() < width && spacing.is_none_or(|_| next_slot <= Instant::now()) {
                let Some(delivery) = traffic.waiting.pop_front() else { break };
                if let Some(spacing) = spacing {
                    next_slot = next_slot.max(Instant::now() - spacing) + spacing;
                }
                traffic.sending.push(Box::pin(fly(self.parts.clone(), target.clone(), delivery)));
            }
            let again = [
                breaker.closed_until().map(|until| until_instant(until, now)),
                traffic.next_due.map(|due| until_instant(due, now)),
                (!traffic.waiting.is_empty()).then_some(spacing.map(|_| next_slot)).flatten(),
            ];
            let again = again.into_iter().flatten().min().unwrap_or(Instant::now() + IDLE);
            let flying = !traffic.sending.is_empty() || !traffic.writing.is_empty();
            let landed = tokio::select! {
                landed = traffic.landed(), if flying => landed,
                () = self.wake.notified() => None,
                () = sleep_until(again) => None,
                _ = self.endpoint.changed() => {
                    self.endpoint.mark_changed();
                    None
                }
            };
            match landed {
                Some(landed) => self.settle(endpoint, breaker, &mut traffic, landed).await?,
                None => traffic.more = true,
            }
        }
    }

    /// Takes what is due out of the store, but for what is on its way.
    async fn take(&self, endpoint: &Endpoint, now: Timestamp, traffic: &mut Traffic) -> Result<(), DeliveryError> {
        let held = traffic.held.iter().copied().collect();
        let wanted = Due { now, without: held, ordered: endpoint.webhook.config.ordered, limit: TAKEN_TOGETHER };
        let due = self.parts.store.due(endpoint.id, &wanted).await?;
        traffic.more = due.len() == TAKEN_TOGETHER as usize;
        traffic.next_due = match traffic.more {
            true => traffic.next_due.filter(|due| *due > now),
            // What is due later is looked for again then.
            false => self.parts.store.next_due(endpoint.id, now).await?,
        };
        traffic.held.extend(due.iter().map(|delivery| delivery.seq));
        traffic.waiting.extend(due);
        Ok(())
    }

    async fn settle(
        &self,
        endpoint: &Endpoint,
        breaker: &mut CircuitBreaker,
        traffic: &mut Traffic,
        landed: Landed,
    ) -> Result<(), DeliveryError> {
        match landed {
            Landed::Sent(sent) => match *sent {
                (delivery, Some(tried)) => self.note(endpoint, breaker, traffic, delivery, tried).await?,
                // The log could not be read; it stays due.
                (delivery, None) => {
                    traffic.held.remove(&delivery.seq);
                    traffic.next_due = Some(self.parts.clock.now() + TimeDelta::milliseconds(PAUSE_MS_MAX as i64));
                }
            },
            Landed::Written(seq) => {
                traffic.held.remove(&seq);
                // What follows it in its aggregate may go now.
                traffic.more |= endpoint.webhook.config.ordered;
            }
        }
        Ok(())
    }

    /// Draws the consequences of an attempt: for the delivery, for the breaker, for the endpoint.
    async fn note(
        &self,
        endpoint: &Endpoint,
        breaker: &mut CircuitBreaker,
        traffic: &mut Traffic,
        delivery: Delivery,
        tried: Tried,
    ) -> Result<(), DeliveryError> {
        let now = self.parts.clock.now();
        let seq = delivery.seq;
        metrics::histogram!("brain_webhook_attempt_seconds").record(tried.attempt.duration);
        metrics::counter!("brain_webhook_attempts", "verdict" => tried.verdict.as_str()).increment(1);
        let before = breaker.condition;
        let asked = tried.retry_after;
        let until = asked.and_then(|wait| Some(now + TimeDelta::from_std(wait).ok()?));
        let retry = &endpoint.webhook.config.retry;
        let standing = match tried.verdict {
            Verdict::Delivered => Standing::Delivered,
            Verdict::Failed => Standing::Failed,
            Verdict::Retry | Verdict::Gone => {
                let luck = f64::from(u32::from(self.parts.vault.random(1)[0])) / 255.0;
                let pause = retry.pause_after(delivery.round + 1, asked, luck);
                pause.map_or(Standing::Failed, |pause| Standing::PendingUntil(now + pause))
            }
        };
        match tried.verdict {
            Verdict::Delivered | Verdict::Failed if tried.attempt.status.is_some() => breaker.well(),
            _ => breaker.failed(now, until),
        }
        if breaker.condition != before {
            self.parts.store.set_condition(endpoint.id, breaker.condition).await?;
        }
        if let Some(reason) = self.reason_to_stop(&tried, breaker, now) {
            self.switch_off(endpoint, reason).await;
        }
        if let Standing::PendingUntil(due) = standing {
            traffic.next_due = Some(traffic.next_due.map_or(due, |known| known.min(due)));
        }
        let outcome = Outcome { delivery, attempt: tried.attempt, standing };
        let recorder = self.recorder.clone();
        traffic.writing.push(Box::pin(async move {
            recorder.record(outcome).await;
            seq
        }));
        Ok(())
    }

    fn reason_to_stop(&self, tried: &Tried, breaker: &CircuitBreaker, now: Timestamp) -> Option<Reason> {
        let limit = TimeDelta::from_std(self.parts.settings.disable_after).unwrap_or(TimeDelta::MAX);
        match tried.verdict {
            Verdict::Gone => Some(Reason::Gone),
            Verdict::Retry if breaker.condition.failing_since.is_some_and(|since| now - since >= limit) => Some(Reason::Failing),
            _ => None,
        }
    }

    async fn switch_off(&self, endpoint: &Endpoint, reason: Reason) {
        tracing::warn!(webhook = %endpoint.id, reason = reason.as_str(), "the endpoint is switched off");
        if let Err(cause) = self.parts.control.disable(&endpoint.space, endpoint.id, reason).await {
            // The next failure asks again.
            tracing::error!(webhook = %endpoint.id, %cause, "the endpoint could not be switched off");
        }
    }
}

/// One attempt; `None` when the event cannot be read just now.
async fn fly(parts: Parts, target: Arc<Target>, delivery: Delivery) -> (Delivery, Option<Tried>) {
    let number = delivery.attempts + 1;
    let event = match event_of(&parts, &delivery).await {
        Ok(event) => event,
        Err(cause) => {
            tracing::warn!(seq = %delivery.seq, %cause, "the event of a delivery cannot be read");
            return (delivery, None);
        }
    };
    let body = event.and_then(|event| matching::body(&event, target.webhook.config.payload));
    let tried = match body {
        Some(body) => target.send(&delivery.event_id.to_string(), body, number, &*parts.sender, &*parts.clock).await,
        None => {
            let error = Some(("erased".to_owned(), "the event is not in the log any more".to_owned()));
            let (at, duration) = (parts.clock.now(), Duration::ZERO);
            let attempt = Attempt { number, at, duration, status: None, error, response_head: String::new() };
            Tried { attempt, verdict: Verdict::Failed, retry_after: None }
        }
    };
    (delivery, Some(tried))
}

/// The event: out of memory where it is recent, else from the log.
async fn event_of(parts: &Parts, delivery: &Delivery) -> Result<Option<Arc<Recorded>>, ReadError> {
    let before = StreamSeq(delivery.seq.0.saturating_sub(1));
    if let Some(found) = parts.tail.recent(before, 1).and_then(|recent| recent.events.into_iter().next())
        && found.seq == delivery.seq
    {
        return Ok(Some(found));
    }
    let found = match parts.log.next(&delivery.space, &delivery.aggregate, &delivery.aggregate_id, delivery.seq).await {
        Err(ReadError::Poison { .. }) => None,
        other => other?,
    };
    Ok(found.filter(|found| found.seq == delivery.seq).map(Arc::new))
}

fn until_instant(until: Timestamp, now: Timestamp) -> Instant {
    Instant::now() + (until - now).to_std().unwrap_or_default()
}
