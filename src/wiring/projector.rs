//! The role `projector`: an engine for each projection.

use std::sync::Arc;

use tokio::sync::watch;

use super::core::Core;
use crate::{
    ports::EventReader,
    projectors::{self, keeper::Keeper},
};

/// Keeps every projection; the sender is told of the first that has stopped for good.
pub(super) fn start(core: &Core, stopped: watch::Sender<Option<String>>) {
    let stopped = Arc::new(stopped);
    for definition in projectors::definition::all() {
        let log: Arc<dyn EventReader> = if definition.stream == "DERIVED" { core.nats.derived() } else { core.nats.log() };
        let (announcer, name) = (core.nats.clone(), definition.name.clone());
        let (woken, announcing) = (core.postgres.on_applied(&name), core.tasks.clone());
        let on_applied = Arc::new(move |seq| {
            woken(seq);
            let (announcer, name) = (announcer.clone(), name.clone());
            announcing.spawn(async move { announcer.announce(&name, seq).await });
        });
        let stopped = stopped.clone();
        let keeper = Keeper {
            definition,
            log,
            store: core.postgres.projection_store(),
            on_applied,
            on_stopped: Arc::new(move |why| drop(stopped.send_replace(Some(why.to_string())))),
            tasks: core.tasks.clone(),
        };
        core.tasks.spawn(keeper.keep(core.stop.clone()));
    }
}
