//! Pages of living memories, newest first. Called by `GET /api/v1/memories`; never counts, never skips by offset.

use super::cut;
use crate::{
    domain::ids::{MemoryId, SpaceId, Timestamp},
    ports::{ListQuery, MemoryReads, MemoryRecord, QueryError},
};

/// Most rows of one page.
pub const LIMIT_MAX: u32 = 200;
/// Rows of a page whose size nobody named.
pub const LIMIT_DEFAULT: u32 = 50;

/// One page; `next` is the key of its last row when there are more.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub memories: Vec<MemoryRecord>,
    pub next: Option<(Timestamp, MemoryId)>,
}

/// Asks for one page of at most `query.limit` rows.
pub async fn ask(space: &SpaceId, query: &ListQuery, memories: &dyn MemoryReads) -> Result<Page, QueryError> {
    // One row more than the page holds tells whether there is another one.
    let mut rows = memories.list(space, &ListQuery { limit: query.limit + 1, ..query.clone() }).await?;
    let next = cut(&mut rows, query.limit).map(|row| (row.memory.created_at, row.id));
    Ok(Page { memories: rows, next })
}
