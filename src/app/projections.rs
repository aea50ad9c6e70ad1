//! What operators do with projections: rebuild, roll back, verify, and what was put aside. They show the rows of every space.

use std::sync::Arc;

use super::{Caller, Error};
use crate::{
    caches::Caches,
    ports::{
        DerivedLog, EventLog, Positions,
        replay::{ParkedEvent, Replay, Retried, Target, Verified},
    },
    queries::status::{self, ProjectionView},
};

/// The use cases of operators. Errors of all: `auth.operator_only`.
pub struct Projections {
    pub operator: Arc<dyn Replay>,
    pub log: Arc<dyn EventLog>,
    pub derived: Arc<dyn DerivedLog>,
    pub positions: Arc<dyn Positions>,
    pub caches: Arc<Caches>,
}

impl Projections {
    /// Where every version of every projection stands.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<ProjectionView>, Error> {
        caller.require_operator()?;
        let (_, projections) = status::projections(&*self.log, &*self.derived, &*self.positions).await?;
        Ok(projections)
    }

    /// Fills a projection anew beside the live one; answers its version. Errors: `replay.unknown_projection`, `replay.busy`.
    pub async fn rebuild(&self, caller: &Caller, projection: &str) -> Result<u32, Error> {
        caller.require_operator()?;
        Ok(self.operator.rebuild(projection).await?)
    }

    /// Stops a rebuild, or brings back the version that was live before. Errors: also `replay.nothing_to_roll_back`.
    pub async fn rollback(&self, caller: &Caller, projection: &str) -> Result<u32, Error> {
        caller.require_operator()?;
        Ok(self.operator.rollback(projection).await?)
    }

    /// Whether the rows of a projection are what the log says.
    pub async fn verify(&self, caller: &Caller, projection: &str) -> Result<Verified, Error> {
        caller.require_operator()?;
        Ok(self.operator.verify(projection).await?)
    }

    /// Events that could not be applied, of one projection or of all.
    pub async fn parked(&self, caller: &Caller, projection: Option<&str>) -> Result<Vec<ParkedEvent>, Error> {
        caller.require_operator()?;
        Ok(self.operator.parked(projection).await?)
    }

    /// Makes the rows of an aggregate anew from the log, or applies one message once more.
    pub async fn retry(&self, caller: &Caller, projection: &str, target: &Target) -> Result<Retried, Error> {
        caller.require_operator()?;
        let retried = self.operator.retry(projection, target).await?;
        // Rows have changed without an event.
        self.caches.store.flush(None);
        Ok(retried)
    }

    /// Lets go what is parked of an aggregate; answers how many events.
    pub async fn skip(&self, caller: &Caller, projection: &str, target: &Target) -> Result<u64, Error> {
        caller.require_operator()?;
        let skipped = self.operator.skip(projection, target).await?;
        // What was hidden is shown again.
        self.caches.store.flush(None);
        Ok(skipped)
    }
}
