//! How kept answers are put together. Called when a brain starts.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    caches::{Caches, Settings, invalidator::Invalidator, ledger::Source},
    fanout::feed::Tail,
    ports::{DerivedLog, EventLog, KeywordIndex, KeywordText, Positions, cache::Stamp},
};

/// Vectors that the tail of DERIVED keeps in memory; only the caches follow it.
const DERIVED_RING: usize = 256;

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

/// Keeps answers and follows both logs, of which the tail of EVENTS is followed already. A process without the API is not told
/// of anything, and keeps nothing.
pub(super) async fn start(
    settings: Settings,
    told: Option<Told>,
    positions: Arc<dyn Positions>,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Arc<Caches> {
    let Some(told) = told else {
        return Caches::new(Settings { max_bytes: 0, ..settings }, positions, Stamp::default());
    };
    let Told { tail, log, derived, index, model } = told;
    let of_vectors = Tail::with_ring(derived.clone(), DERIVED_RING);
    tasks.spawn(of_vectors.clone().follow(stop.clone()));
    let floor = Stamp { events: tail.head().await, derived: Some(of_vectors.head().await) };
    let caches = Caches::new(settings, positions, floor);
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
