//! Answers that were given before, for as long as they are still true: kept with what they depend on and ended by the log itself.
//!
//! - [`ledger`]: the rule, pure: who is taken, who has to go.
//! - [`dependants`]: who depends on what.
//! - [`body`]: what a client gets, packed.
//! - [`store`]: room and age (moka) under that rule.
//! - [`changes`]: what an event means for answers, pure.
//! - [`invalidator`]: finds out what that takes, and tells the store.
//! - [`flight`]: equal questions that come together are asked once.
//! - [`embeddings`]: vectors of queries.
//!
//! Called by the use cases around their questions; fed by the node's tails of EVENTS and DERIVED. Never asks a read model itself.
//!
//! Decision 2026-11-25: what a key opens is looked up in the directory of keys, which holds all of them in memory as the log has them
//! and hears of a revocation at once; a cache before it could only be later.

mod audit;
pub mod body;
pub mod changes;
pub mod dependants;
pub mod embeddings;
pub mod entry;
pub mod flight;
pub mod invalidator;
pub mod ledger;
#[cfg(test)]
mod model;
pub mod store;

use std::{
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use self::{
    entry::{Entry, Key},
    flight::{Flights, Ticket},
    ledger::{Refused, Source},
    store::Store,
};
use crate::{
    domain::ids::StreamSeq,
    ports::{
        Positions, QueryError,
        cache::{Answer, Stamp},
    },
};

/// The projection whose positions count in DERIVED.
const VECTORS: &str = "vectors";
/// How long a kept answer waits for the tail to reach what the caller has written.
const HEAD_WAIT: Duration = Duration::from_millis(100);
/// How often it is looked whether read models have changed without an event.
const GENERATION_EVERY: Duration = Duration::from_secs(1);
/// How often a question waits for somebody else's answer before it is asked apart.
const FOLLOWS_MAX: usize = 2;

/// What is put aside first when room is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eviction {
    /// What was used longest ago (specification §1.1).
    #[default]
    Lru,
    /// What is used least often.
    TinyLfu,
}

impl FromStr for Eviction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "lru" => Ok(Self::Lru),
            "tinylfu" => Ok(Self::TinyLfu),
            other => Err(format!("{other:?} is no way of eviction; there are lru, tinylfu")),
        }
    }
}

/// How answers are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Room for answers; 0 keeps none.
    pub max_bytes: u64,
    pub ttl: Duration,
    pub eviction: Eviction,
    /// Whether changes are held against searches and lists one by one; without, each ends all of its space.
    pub narrowing: bool,
    /// One in so many hits is asked again and compared; 0 for none.
    pub audit_every: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let ttl = Duration::from_secs(60 * 60);
        Self { max_bytes: 1_000_000_000, ttl, eviction: Eviction::default(), narrowing: true, audit_every: 0 }
    }
}

/// What is asked for, and how new the answer must be.
pub struct Wanted<'a> {
    pub key: Key,
    pub at_least: StreamSeq,
    /// The projections that answer it.
    pub views: &'a [&'static str],
    /// Whether its members are judged change by change.
    pub is_narrowed: bool,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Hit {
        age: Duration,
    },
    Miss(Result<(), Refused>),
    /// Asked by somebody else at the same time.
    Collapsed,
    /// Nothing is kept just now.
    Bypass,
}

pub struct Served {
    pub entry: Arc<Entry>,
    pub outcome: Outcome,
}

/// All kept answers of a process.
pub struct Caches {
    pub store: Store,
    settings: Settings,
    positions: Arc<dyn Positions>,
    flights: Flights<Key, Arc<Entry>>,
    /// Whether the log is heard: else nobody would say when an answer is over.
    hears: AtomicBool,
    generation: Mutex<Generation>,
    hits: AtomicU64,
}

#[derive(Default)]
struct Generation {
    known: Option<u64>,
    /// Projections in which something is put aside: what they show may change without an event.
    parked: Vec<String>,
}

impl Caches {
    /// `floor`: the positions from which the invalidators will tell of touches.
    pub fn new(settings: Settings, positions: Arc<dyn Positions>, floor: Stamp) -> Arc<Self> {
        Arc::new(Self {
            store: Store::new(settings, floor),
            settings,
            positions,
            flights: Flights::default(),
            hears: AtomicBool::new(true),
            generation: Mutex::default(),
            hits: AtomicU64::new(0),
        })
    }

    /// Gives the kept answer, or asks: `settle` waits until that may be done, `ask` does it, `differs` tells a kept answer from one
    /// that is true now. Errors: those of asking.
    pub async fn serve<E: From<QueryError>>(
        &self,
        wanted: Wanted<'_>,
        settle: impl AsyncFn() -> Result<(), E>,
        ask: impl AsyncFn() -> Result<Answer, E>,
        differs: impl AsyncFn(&Entry) -> Result<bool, E>,
    ) -> Result<Served, E> {
        let kind = wanted.key.kind();
        if self.settings.max_bytes == 0 || !self.hears.load(Ordering::Relaxed) {
            settle().await?;
            let entry = Arc::new(Entry::new(0, wanted.key, ask().await?, Stamp::default(), 0));
            metrics::counter!("brain_cache_bypasses", "kind" => kind).increment(1);
            return Ok(Served { entry, outcome: Outcome::Bypass });
        }
        for _ in 0..=FOLLOWS_MAX {
            if let Some(entry) = self.kept(&wanted).await {
                entry.count_hit();
                metrics::counter!("brain_cache_hits", "kind" => kind).increment(1);
                let count = self.hits.fetch_add(1, Ordering::Relaxed);
                if self.settings.audit_every > 0 && count.is_multiple_of(self.settings.audit_every) {
                    self.audit(&entry, &wanted, &settle, &differs).await?;
                }
                return Ok(Served { outcome: Outcome::Hit { age: entry.since.elapsed() }, entry });
            }
            match self.flights.join(&wanted.key) {
                Ticket::Leader(leader) => {
                    let served = self.ask(&wanted, &settle, &ask).await?;
                    leader.complete(served.entry.clone());
                    return Ok(served);
                }
                Ticket::Waiter(mut waiting) => {
                    let Ok(entry) = waiting.wait_for(Option::is_some).await.map(|entry| entry.clone().expect("waited for"))
                    else {
                        continue;
                    };
                    if entry.stamp.events >= wanted.at_least {
                        metrics::counter!("brain_cache_collapsed", "kind" => kind).increment(1);
                        return Ok(Served { entry, outcome: Outcome::Collapsed });
                    }
                }
            }
        }
        self.ask(&wanted, &settle, &ask).await
    }

    /// The kept answer, as new as it must be: what the tail has not reached may have ended it.
    async fn kept(&self, wanted: &Wanted<'_>) -> Option<Arc<Entry>> {
        // Only where there is something to wait for. The position is looked at first: what it ended is gone by then.
        let is_told = self.store.head(Source::Events) >= wanted.at_least
            || (self.store.get(&wanted.key).is_some()
                && self.store.reached(ledger::Source::Events, wanted.at_least, HEAD_WAIT).await);
        if is_told { self.store.get(&wanted.key) } else { None }
    }

    async fn ask<E: From<QueryError>>(
        &self,
        wanted: &Wanted<'_>,
        settle: &impl AsyncFn() -> Result<(), E>,
        ask: &impl AsyncFn() -> Result<Answer, E>,
    ) -> Result<Served, E> {
        let kind = wanted.key.kind();
        metrics::counter!("brain_cache_misses", "kind" => kind).increment(1);
        if wanted.is_narrowed {
            self.store.expect_narrowed();
        }
        settle().await?;
        // Read before the question is asked: the answer shows at least this.
        let stamp = self.stamp(wanted.views).await?;
        let started = Instant::now();
        let mut answer = ask().await?;
        metrics::histogram!("brain_cache_fill_seconds", "kind" => kind).record(started.elapsed());
        answer.is_whole &= !self.is_parked(wanted.views);
        let (entry, taken) = self.store.put(wanted.key.clone(), answer, stamp);
        if let Err(refused) = taken {
            metrics::counter!("brain_cache_refused", "kind" => kind, "cause" => refused.as_str()).increment(1);
        }
        Ok(Served { entry, outcome: Outcome::Miss(taken) })
    }

    /// What reads of these projections show at least from now on.
    async fn stamp(&self, views: &[&'static str]) -> Result<Stamp, QueryError> {
        let (mut events, mut derived) = (None, None);
        for view in views {
            let (source, position) = match *view {
                VECTORS => (Source::Derived, &mut derived),
                _ => (Source::Events, &mut events),
            };
            let shown = self.positions.shown(view, self.store.head(source)).await?;
            *position = Some(position.map_or(shown, |other: StreamSeq| other.min(shown)));
        }
        Ok(Stamp { events: events.unwrap_or_default(), derived })
    }

    fn is_parked(&self, views: &[&'static str]) -> bool {
        let generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        generation.parked.iter().any(|parked| views.contains(&parked.as_str()))
    }

    pub fn max_bytes(&self) -> u64 {
        self.settings.max_bytes
    }

    /// Says whether the log is heard.
    pub fn set_hears(&self, hears: bool) {
        self.hears.store(hears, Ordering::Relaxed);
    }

    /// Ends everything whenever the read models have changed in another way than by an event. Until told to stop.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            match self.positions.generation().await {
                Ok((generation, parked)) => self.heed(generation, parked),
                Err(cause) => tracing::debug!(%cause, "the read models do not tell their versions"),
            }
            if stop.run_until_cancelled(tokio::time::sleep(GENERATION_EVERY)).await.is_none() {
                return;
            }
        }
    }

    fn heed(&self, generation: u64, parked: Vec<String>) {
        let mut known = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.known.replace(generation);
        known.parked = parked;
        if before.is_some_and(|before| before != generation) {
            self.store.flush(None);
        }
    }
}
