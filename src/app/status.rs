//! How the whole stands, and whether it can serve: for clients, supervisors and scrapers. Shows numbers and names, never content or secrets.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{Caller, Error};
use crate::{
    caches::{Caches, store::Totals},
    domain::ids::KeyId,
    ports::{AccessDirectory, Clock, DerivedLog, EventLog, Positions, SearchReads},
    queries::status::{self, Part, Status},
};

/// How long a part may take to answer before it counts as away.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// What the whole consists of.
pub struct Overview {
    pub log: Arc<dyn EventLog>,
    pub derived: Arc<dyn DerivedLog>,
    pub positions: Arc<dyn Positions>,
    pub search: Arc<dyn SearchReads>,
    pub directory: Arc<dyn AccessDirectory>,
    /// The key that stands in this process's credentials.json.
    pub file_key: KeyId,
    pub clock: Arc<dyn Clock>,
    pub caches: Arc<Caches>,
    /// The parts that run.
    pub parts: Arc<dyn Fn() -> Vec<Part> + Send + Sync>,
    /// `Err` says in one sentence what is not ready.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Overview {
    /// How the whole stands, with the keys of the caller's space; an operator is shown those of all.
    /// Errors: that the log or the read models are away.
    pub async fn status(&self, caller: &Caller) -> Result<Status, Error> {
        let space = (!caller.is_operator()).then(|| caller.space());
        let keys = status::living_keys(self.directory.keys(), self.clock.now(), space, self.file_key);
        Ok(Status { keys, ..self.figures().await? })
    }

    /// The same without keys, for the metrics.
    pub async fn figures(&self) -> Result<Status, Error> {
        Ok(status::ask(&*self.log, &*self.derived, &*self.positions, &*self.search, (self.parts)()).await?)
    }

    pub fn cache_totals(&self) -> Totals {
        self.caches.store.totals()
    }

    /// Whether it can do all that it is for. Errors: one sentence of what is not ready.
    pub async fn ready(&self) -> Result<(), String> {
        (self.ready)()?;
        let (log, positions) =
            tokio::join!(timeout(ANSWER_WAIT, self.log.last_seq()), timeout(ANSWER_WAIT, self.positions.all()));
        if !matches!(log, Ok(Ok(_))) {
            return Err("nats does not answer: writes are refused until it does".into());
        }
        if !matches!(positions, Ok(Ok(_))) {
            return Err("postgres does not answer: writes are accepted, reads are refused until it does".into());
        }
        Ok(())
    }
}
