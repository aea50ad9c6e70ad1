//! How kept answers are put together. Called by the API's part.

use std::sync::Arc;

use super::core::Core;
use crate::{
    caches::{Caches, Settings, invalidator::Invalidator, ledger::Source},
    fanout::feed::Tail,
    ports::{KeywordIndex, KeywordText, Positions, cache::Stamp},
};

/// Keeps answers and follows both logs, whose tails are followed already.
pub(super) async fn start(
    core: &Core,
    settings: Settings,
    positions: Arc<dyn Positions>,
    (index, model): (Arc<dyn KeywordIndex>, &'static str),
    of_vectors: &Arc<Tail>,
) -> Arc<Caches> {
    let (log, derived, stop) = (core.nats.log(), core.nats.derived(), &core.stop);
    let floor = Stamp { events: core.tail.head().await, derived: Some(of_vectors.head().await) };
    let caches = Caches::new(settings, positions, floor);
    let tokenize = Arc::new(move |text: &KeywordText| index.words(text));
    let invalidator = Invalidator { caches: caches.clone(), log, derived, tokenize, model };
    let feeds = [
        (Source::Events, core.tail.subscribe(floor.events)),
        (Source::Derived, of_vectors.subscribe(floor.derived.unwrap_or_default())),
    ];
    for (source, feed) in feeds {
        core.tasks.spawn(invalidator.clone().follow(source, Box::new(feed), stop.clone()));
    }
    core.tasks.spawn(caches.clone().watch(stop.clone()));
    caches
}

/// What keeps nothing, for a process that answers no questions.
pub(super) fn none(positions: Arc<dyn Positions>) -> Arc<Caches> {
    Caches::new(Settings { max_bytes: 0, ..Settings::default() }, positions, Stamp::default())
}
