//! How the vectors in memory are put together. Called by the API's part.

use std::sync::Arc;

use anyhow::Context;

use super::core::Core;
use crate::{
    adapters::vectors::{Crew, MemoryIndex},
    fanout::feed::Tail,
    projectors::semantic::{Parts, Semantic},
};

/// Facts that the tail of DERIVED keeps in memory.
const DERIVED_RING: usize = 256;

/// The tail of DERIVED, followed from now on.
pub(super) fn tail(core: &Core) -> Arc<Tail> {
    let tail = Tail::with_ring(core.nats.derived(), DERIVED_RING);
    core.tasks.spawn(tail.clone().follow(core.stop.clone()));
    tail
}

/// Loads the vectors of a model and follows the log, with at most so many bytes of them.
pub(super) fn start(core: &Core, model: &str, bytes_max: u64, tail: &Arc<Tail>) -> anyhow::Result<Arc<Semantic>> {
    let (crew, tail) = (Crew::start().context("there can be no threads that search vectors")?, tail.clone());
    let semantic = Semantic::new(Parts {
        model: model.to_owned(),
        make: Box::new(move || Arc::new(MemoryIndex::new(crew.clone(), bytes_max))),
        subscribe: Box::new(move |after| Box::new(tail.subscribe(after))),
        source: core.postgres.vector_source(),
        positions: core.postgres.positions(),
    });
    core.tasks.spawn(semantic.clone().follow(core.stop.clone()));
    Ok(semantic)
}
