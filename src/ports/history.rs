//! The past as the projections `memory_history` and `positions` show it. Every question about memories is asked within one space.

use async_trait::async_trait;

use super::{MemoryRecord, QueryError};
use crate::domain::ids::{MemoryId, PrincipalId, Revision, SpaceId, StreamSeq, Timestamp};

/// A memory as one event left it.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryRevision {
    pub record: MemoryRecord,
    /// Type of the event: `memory.updated`.
    pub kind: String,
    pub position: StreamSeq,
    pub at: Timestamp,
    pub actor: PrincipalId,
}

/// Questions about the past.
/// Errors of each method: `Unavailable` while Postgres is away, `Unreadable` where a row cannot be understood, `Parked` where what was
/// asked for has changes put aside.
#[async_trait]
pub trait HistoryReads: Send + Sync {
    /// The revisions of a memory below `before`, newest first, at most `limit`.
    async fn revisions(
        &self,
        space: &SpaceId,
        id: MemoryId,
        before: Option<Revision>,
        limit: u32,
    ) -> Result<Vec<MemoryRevision>, QueryError>;
    /// One revision of a memory.
    async fn revision(&self, space: &SpaceId, id: MemoryId, revision: Revision) -> Result<Option<MemoryRevision>, QueryError>;
    /// The last position at whose running maximum of event times is at most `time`: what had happened by then. 0 when nothing had.
    async fn position_at(&self, time: Timestamp) -> Result<StreamSeq, QueryError>;
}
