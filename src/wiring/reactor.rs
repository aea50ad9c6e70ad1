//! The role `reactor`: events turned into derived facts. And the model, which searches need as well.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::core::Core;
use crate::{
    adapters::candle::MiniLm,
    ports::Embedder,
    reactors::embedder::{self, Reactor},
    runtime,
};

/// The name of the model that vectors are made by.
pub(super) const MODEL: &str = MiniLm::NAME;

/// The embedding model, whose files are looked for in the cache folder when it is first asked.
pub(super) fn model(cache_dir: PathBuf) -> anyhow::Result<Arc<dyn Embedder>> {
    Ok(Arc::new(MiniLm::new(Arc::new(move || model_folder(&cache_dir)))?))
}

/// Where the model's files are; fetched at the first call if need be.
fn model_folder(cache_dir: &Path) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    // A target of its own: the first fetch takes a while, and is told also where other steps are not.
    Ok(runtime::model_dir(cache_dir, &|step| tracing::info!(target: "second_brain::fetching", "{step}"))?)
}

/// Embeds every memory's newest text.
pub(super) fn start(core: &Core, embedder: Arc<dyn Embedder>) {
    let reactor = Reactor {
        log: core.nats.log(),
        derived: core.nats.derived(),
        facts: core.nats.fact_appender(),
        embedder,
        storage: core.links.storage.clone(),
        clock: core.clock.clone(),
    };
    core.tasks.spawn(embedder::run(reactor, core.stop.clone()));
}
