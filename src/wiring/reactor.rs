//! The role `reactor`: events turned into derived facts. And the model, which searches need as well.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use bert::{kernels::Kernel, shape::Precision};

use super::core::Core;
use crate::{
    adapters::encoder::{Computing, CrossEncoder, MiniLm},
    config::Models,
    ports::{Embedder, Reranker},
    reactors::embedder::{self, Reactor},
    runtime,
};

/// The name of the model that vectors are made by.
pub(super) const MODEL: &str = MiniLm::NAME;

/// The embedding model, whose files are looked for in the cache folder when it is first asked.
/// Errors: the processor does not have the instructions that a setting names.
pub(super) fn model(core: &Core, cache_dir: PathBuf, models: &Models) -> anyhow::Result<Arc<dyn Embedder>> {
    let model = Arc::new(MiniLm::new(Arc::new(move || model_folder(&cache_dir)), computing(models)?)?);
    if let Some(idle) = models.idle {
        let (idle_model, stop) = (model.clone(), core.stop.clone());
        core.tasks.spawn(async move { idle_model.unload_idle(idle, stop).await });
    }
    Ok(model)
}

/// The cross-encoder of the settings, if there is one. Errors: as of [`model()`].
pub(super) fn reranker(core: &Core, models: &Models) -> anyhow::Result<Option<Arc<dyn Reranker>>> {
    let Some(folder) = models.reranker.clone() else { return Ok(None) };
    let model = Arc::new(CrossEncoder::new(folder, computing(models)?)?);
    if let Some(idle) = models.idle {
        let (idle_model, stop) = (model.clone(), core.stop.clone());
        core.tasks.spawn(async move { idle_model.unload_idle(idle, stop).await });
    }
    Ok(Some(model))
}

fn computing(models: &Models) -> anyhow::Result<Computing> {
    let kernel = match &models.kernel {
        None => Kernel::best(),
        Some(name) => Kernel::named(name).with_context(|| {
            let here: Vec<&str> = Kernel::all().iter().map(|kernel| kernel.name()).collect();
            format!("models.kernel is {name}, which this processor does not have; it has {}", here.join(", "))
        })?,
    };
    let precision = Precision::named(&models.precision).with_context(|| format!("there is no precision {}", models.precision))?;
    Ok(Computing { precision, kernel })
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
