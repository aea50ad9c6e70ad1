//! Whether this brain can do all that it is for, beside the parts that answer by themselves. Asked by `/health/ready`.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{adapters::nats::Appends, ports::storage::Storage};

/// `Err` says in one sentence what is not ready: a projection that has stopped for good, a full disk, a log that does not write.
pub(super) fn readiness(
    stopped: watch::Receiver<Option<String>>,
    storage: Arc<dyn Storage>,
    appends: Appends,
) -> Arc<dyn Fn() -> Result<(), String> + Send + Sync> {
    Arc::new(move || {
        stopped.borrow().clone().map_or(Ok(()), Err)?;
        storage.room().map_err(|full| full.to_string())?;
        appends.failing().map_or(Ok(()), |reason| Err(format!("nats does not take what is written: {reason}")))
    })
}
