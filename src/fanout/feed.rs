//! A node's one tail of the log, shared by all that follow it here: a ring of the newest events in memory, and for whoever is further
//! behind a reader of its own until it has caught up. Used by the page-wise feed; caches and live streams will stand on it too.
//!
//! A slow follower never holds up another one, nor the tail: it falls out of the ring and reads for itself.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::ids::StreamSeq,
    journal::Recorded,
    ports::{
        EventReader, Feed, Follow, Next, Recent,
        log::{self, Events, ReadError},
    },
    retry::Backoff,
};

/// Most events in memory.
const RING_EVENTS_MAX: usize = 16_384;
const PAUSE_MS_MAX: u64 = 2_000;
/// Events handed to a follower at once.
const BATCH_EVENTS_MAX: usize = 256;

/// The newest events: all of the log in (`floor`, `head`].
#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<Recorded>>,
    floor: StreamSeq,
    head: StreamSeq,
    /// Counts how often the log turned out to be another one than before.
    epoch: u64,
}

/// The shared tail.
pub struct Tail {
    log: Arc<dyn EventReader>,
    ring: Mutex<Ring>,
    ring_events_max: usize,
    /// (epoch, head)
    moved: watch::Sender<(u64, StreamSeq)>,
    /// Whether the log can be read at the moment.
    hears: AtomicBool,
}

impl Tail {
    pub fn new(log: Arc<dyn EventReader>) -> Arc<Self> {
        Self::with_ring(log, RING_EVENTS_MAX)
    }

    /// A tail that keeps so many events in memory.
    pub fn with_ring(log: Arc<dyn EventReader>, ring_events_max: usize) -> Arc<Self> {
        let (ring, moved, hears) = (Mutex::default(), watch::channel(Default::default()).0, AtomicBool::new(false));
        Arc::new(Self { log, ring, ring_events_max, moved, hears })
    }

    /// Follows the log until told to stop; outages are waited out.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = Backoff::new(PAUSE_MS_MAX);
        while let Some(cause) = stop.run_until_cancelled(self.pass(&mut pause)).await {
            self.hears.store(false, Ordering::Relaxed);
            let wait = pause.next_pause();
            tracing::warn!(%cause, wait_ms = wait.as_millis(), "the log cannot be followed");
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    async fn pass(&self, pause: &mut Backoff) -> ReadError {
        match self.read_on(pause).await {
            Ok(never) => match never {},
            Err(cause) => cause,
        }
    }

    async fn read_on(&self, pause: &mut Backoff) -> Result<std::convert::Infallible, ReadError> {
        let end = self.log.last_seq().await?;
        let mut feed = self.log.read(self.begin_at(end), None).await?;
        self.hears.store(true, Ordering::Relaxed);
        loop {
            let (seq, event) = log::next(&mut feed).await?;
            self.push(seq, event.map(Arc::new));
            pause.reset();
        }
    }

    /// Where to go on: at the head that is known, or at the log's end when nothing is known or the log is another one.
    fn begin_at(&self, end: StreamSeq) -> StreamSeq {
        let mut ring = self.ring();
        if ring.head > end || ring.epoch == 0 {
            *ring = Ring { events: VecDeque::new(), floor: end, head: end, epoch: ring.epoch + 1 };
            self.moved.send_replace((ring.epoch, end));
        }
        ring.head
    }

    fn push(&self, seq: StreamSeq, event: Option<Arc<Recorded>>) {
        let mut ring = self.ring();
        if seq <= ring.head {
            return;
        }
        if let Some(erased) = event.as_ref().filter(|it| it.event.is_erasure()) {
            // What is to be forgotten is told to nobody any more, however far behind.
            let of = |it: &Recorded| (it.event.space.clone(), it.event.aggregate.clone(), it.event.aggregate_id.clone());
            let gone = of(erased);
            ring.events.retain(|it| it.event.aggregate_id != gone.2 || of(it) != gone);
        }
        ring.events.extend(event);
        while ring.events.len() > self.ring_events_max {
            let Some(oldest) = ring.events.pop_front() else { break };
            ring.floor = oldest.seq;
        }
        ring.head = seq;
        let moved = (ring.epoch, seq);
        drop(ring);
        self.moved.send_replace(moved);
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest position in memory; waits until the log was reached for the first time.
    pub async fn head(&self) -> StreamSeq {
        let mut moved = self.moved.subscribe();
        // The sender lives in self, so waiting cannot fail.
        moved.wait_for(|(epoch, _)| *epoch > 0).await.map_or(StreamSeq(0), |moved| moved.1)
    }

    /// Follows from a position on.
    pub fn subscribe(self: &Arc<Self>, after: StreamSeq) -> Subscription {
        Subscription { tail: self.clone(), at: after, epoch: None, catching_up: None }
    }
}

#[async_trait]
impl Feed for Tail {
    fn recent(&self, after: StreamSeq, max: usize) -> Option<Recent> {
        let ring = self.ring();
        if after < ring.floor || ring.epoch == 0 {
            return None;
        }
        let from = ring.events.partition_point(|event| event.seq <= after);
        let events: Vec<_> = ring.events.range(from..).take(max).cloned().collect();
        // A full hand may leave more behind; else everything up to the head is in it.
        let upto = if events.len() == max { events.last().map_or(after, |last| last.seq) } else { ring.head.max(after) };
        Some(Recent { events, upto })
    }

    async fn moved(&self, beyond: StreamSeq) {
        let mut moved = self.moved.subscribe();
        // The sender lives in self, so waiting cannot fail.
        let _ = moved.wait_for(|(_, head)| *head > beyond).await;
    }
}

/// One follower: no gap and no repeat, whether it reads for itself or from the ring.
pub struct Subscription {
    tail: Arc<Tail>,
    at: StreamSeq,
    epoch: Option<u64>,
    catching_up: Option<Events>,
}

#[async_trait]
impl Follow for Subscription {
    fn position(&self) -> StreamSeq {
        self.at
    }

    fn is_current(&self) -> bool {
        self.tail.hears.load(Ordering::Relaxed)
    }

    async fn next(&mut self) -> Result<Next, ReadError> {
        loop {
            if let Some(end) = self.reset() {
                return Ok(Next::Reset(end));
            }
            match self.tail.recent(self.at, BATCH_EVENTS_MAX) {
                Some(recent) => {
                    self.catching_up = None;
                    if recent.upto > self.at {
                        self.at = recent.upto;
                        if !recent.events.is_empty() {
                            return Ok(Next::Events(recent.events));
                        }
                        continue;
                    }
                    let epoch = self.epoch;
                    let mut moved = self.tail.moved.subscribe();
                    let at = self.at;
                    let _ = moved.wait_for(|(now, head)| *head > at || Some(*now) != epoch).await;
                }
                None => {
                    if let Some(event) = self.catch_up().await? {
                        return Ok(Next::Events(vec![event]));
                    }
                }
            }
        }
    }
}

impl Subscription {
    /// The log's end, if the log is another one since the last look.
    fn reset(&mut self) -> Option<StreamSeq> {
        let (epoch, head) = *self.tail.moved.borrow();
        if epoch == 0 {
            return None;
        }
        let before = self.epoch.replace(epoch);
        let is_another = before.is_some_and(|before| before != epoch);
        if is_another {
            (self.at, self.catching_up) = (head, None);
        }
        is_another.then_some(head)
    }

    /// One event by a reader of its own; `None` when a message was passed that is no event.
    async fn catch_up(&mut self) -> Result<Option<Arc<Recorded>>, ReadError> {
        if self.catching_up.is_none() {
            self.catching_up = Some(self.tail.log.read(self.at, None).await?);
        }
        let reader = self.catching_up.as_mut().expect("opened just now");
        let (seq, event) = log::next(reader).await.inspect_err(|_| self.catching_up = None)?;
        self.at = seq;
        Ok(event.map(Arc::new))
    }
}

#[cfg(test)]
pub(super) mod tests;
