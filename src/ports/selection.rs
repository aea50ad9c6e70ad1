//! Choosing memories by a filter alone, in a fixed order and page by page: for whoever does something to each of them.

use async_trait::async_trait;

use super::{Filter, MemoryRecord, QueryError};
use crate::domain::ids::{MemoryId, SpaceId, Timestamp};

/// Which memories are chosen among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Living,
    /// Tombstones as well: all of which there is something left.
    DeletedToo,
}

/// Memories that pass a filter, within one space.
/// Errors of each method: `Unavailable` while Postgres is away, `Unreadable` where a row cannot be understood, `Parked` where what was
/// asked for has changes put aside.
#[async_trait]
pub trait SelectionReads: Send + Sync {
    /// How many there are.
    async fn count(&self, space: &SpaceId, wanted: (&Filter, Which)) -> Result<u64, QueryError>;

    /// The first `limit` of them behind `after`, newest first by (created_at, id). Those whose row cannot be read are left out, so that
    /// fewer may come before the end; `None` in the second place says that there is nothing behind these.
    async fn page(
        &self,
        space: &SpaceId,
        wanted: (&Filter, Which),
        after: Option<(Timestamp, MemoryId)>,
        limit: usize,
    ) -> Result<(Vec<MemoryRecord>, Option<(Timestamp, MemoryId)>), QueryError>;
}
