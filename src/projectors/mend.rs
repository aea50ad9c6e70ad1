//! Makes the rows of one aggregate anew from its events. Called by the engine for what an earlier program parked, and by the operator.

use super::{
    batch::Item,
    definition::Definition,
    store::{self, Aggregate, Repaired, Store},
};
use crate::ports::{EventReader, log::ReadError};

/// Why the rows are as they were.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the log cannot be read")]
    Log(#[source] ReadError),
    #[error("the projection cannot be stored")]
    Store(#[source] store::Error),
}

/// Applies all events of the aggregate once more; what can still not be applied is parked again.
pub async fn aggregate(
    definition: &Definition,
    log: &dyn EventReader,
    store: &dyn Store,
    aggregate: &Aggregate,
) -> Result<Repaired, Error> {
    // No space of this name has events.
    let Ok(space) = aggregate.space.parse() else { return Ok(Repaired::default()) };
    let events = log.of_aggregate(&space, (&aggregate.kind, &aggregate.id)).await.map_err(Error::Log)?;
    let items = events.into_iter().filter_map(|read| Item::of(definition, read)).collect();
    store.repair(definition, aggregate, items).await.map_err(Error::Store)
}
