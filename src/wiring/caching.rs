//! How kept answers are put together, and what of it is a setting. Called when a brain starts.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    caches::{Caches, Eviction, Settings, invalidator::Invalidator, ledger::Source},
    fanout::feed::Tail,
    ports::{DerivedLog, EventLog, KeywordIndex, KeywordText, Positions, cache::Stamp},
};

/// Vectors that the tail of DERIVED keeps in memory; only the caches follow it.
const DERIVED_RING: usize = 256;

/// Settings of the answers that are kept in memory.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Caching {
    /// Most bytes of kept answers; 0 keeps none
    #[arg(long, env = "BRAIN_CACHE_MAX_BYTES", default_value_t = Settings::default().max_bytes)]
    pub cache_max_bytes: u64,
    /// Longest time that an answer is kept, in seconds
    #[arg(long, env = "BRAIN_CACHE_TTL_S", default_value_t = Settings::default().ttl.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    pub cache_ttl_s: u64,
    /// What goes first when room is wanted: lru, used longest ago; tinylfu, used least often
    #[arg(long, env = "BRAIN_CACHE_EVICTION", default_value = "lru")]
    pub cache_eviction: Eviction,
    /// Ask one in so many kept answers again and count those that are stale; 0 for none
    #[arg(long, env = "BRAIN_CACHE_AUDIT_EVERY", default_value_t = 0)]
    pub cache_audit_every: u64,
    /// Without, each change ends all searches and lists of its space.
    #[arg(skip = true)]
    pub narrowing: bool,
}

impl Default for Caching {
    fn default() -> Self {
        let Settings { max_bytes, ttl, eviction, narrowing, audit_every } = Settings::default();
        Self {
            cache_max_bytes: max_bytes,
            cache_ttl_s: ttl.as_secs(),
            cache_eviction: eviction,
            cache_audit_every: audit_every,
            narrowing,
        }
    }
}

/// What tells that an answer is over.
pub(super) struct Told {
    tail: Arc<Tail>,
    log: Arc<dyn EventLog>,
    derived: Arc<dyn DerivedLog>,
    index: Arc<dyn KeywordIndex>,
    model: &'static str,
}

impl Told {
    pub fn new(
        tail: &Arc<Tail>,
        (log, derived): (&Arc<dyn EventLog>, &Arc<dyn DerivedLog>),
        index: &Arc<dyn KeywordIndex>,
        model: &'static str,
    ) -> Self {
        Self { tail: tail.clone(), log: log.clone(), derived: derived.clone(), index: index.clone(), model }
    }
}

impl Caching {
    fn settings(self) -> Settings {
        Settings {
            max_bytes: self.cache_max_bytes,
            ttl: Duration::from_secs(self.cache_ttl_s),
            eviction: self.cache_eviction,
            narrowing: self.narrowing,
            audit_every: self.cache_audit_every,
        }
    }

    /// Keeps answers and follows both logs, of which the tail of EVENTS is followed already. A process without the API is not told
    /// of anything, and keeps nothing.
    pub(super) async fn start(
        self,
        told: Option<Told>,
        positions: Arc<dyn Positions>,
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> Arc<Caches> {
        let Some(told) = told else {
            return Caches::new(Settings { max_bytes: 0, ..self.settings() }, positions, Stamp::default());
        };
        let Told { tail, log, derived, index, model } = told;
        let of_vectors = Tail::with_ring(derived.clone(), DERIVED_RING);
        tasks.spawn(of_vectors.clone().follow(stop.clone()));
        let floor = Stamp { events: tail.head().await, derived: Some(of_vectors.head().await) };
        let caches = Caches::new(self.settings(), positions, floor);
        let tokenize = Arc::new(move |text: &KeywordText| index.words(text));
        let invalidator = Invalidator { caches: caches.clone(), log, derived, tokenize, model };
        let feeds = [
            (Source::Events, tail.subscribe(floor.events)),
            (Source::Derived, of_vectors.subscribe(floor.derived.unwrap_or_default())),
        ];
        for (source, feed) in feeds {
            tasks.spawn(invalidator.clone().follow(source, Box::new(feed), stop.clone()));
        }
        tasks.spawn(caches.clone().watch(stop.clone()));
        caches
    }
}
