//! One memory by its id. Called by `GET /api/v1/memories/{id}`; never looks into another space.

use crate::{
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    ports::{MemoryReads, MemoryRecord, QueryError},
};

/// What became of an id.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    Living(Box<MemoryRecord>),
    /// There was one; it can be restored.
    Deleted,
    /// There was one, of which nothing is left.
    Erased,
    Never,
}

/// Looks `id` up in `space`, as it stands or as it stood at a position.
/// Errors: see [`QueryError`].
pub async fn ask(space: &SpaceId, id: MemoryId, at: Option<StreamSeq>, memories: &dyn MemoryReads) -> Result<Lookup, QueryError> {
    Ok(match memories.get(space, id, at).await? {
        Some(record) if record.memory.erased_at.is_some() => Lookup::Erased,
        // What stood there is gone from the past as well.
        None if at.is_some() && memories.get(space, id, None).await?.is_some_and(|now| now.memory.erased_at.is_some()) => {
            Lookup::Erased
        }
        Some(record) if record.memory.deleted_at.is_some() => Lookup::Deleted,
        Some(record) => Lookup::Living(Box::new(record)),
        None => Lookup::Never,
    })
}
