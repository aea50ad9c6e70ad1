//! Pages of living memories, newest first. Called by `GET /api/v1/memories`; never counts, never skips by offset.

use super::cut;
use crate::{
    domain::{
        ids::{MemoryId, SpaceId, Timestamp},
        memory::Memory,
    },
    ports::{
        ListQuery, MemoryReads, MemoryRecord, QueryError,
        cache::{Candidate, Membership},
    },
};

/// Most rows of one page.
pub const LIMIT_MAX: u32 = 200;
/// Rows of a page whose size nobody named.
pub const LIMIT_DEFAULT: u32 = 50;

/// Where a row stands among others: the greatest comes first.
type RowKey = (Timestamp, MemoryId);

/// One page; `next` is the key of its last row when there are more.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub memories: Vec<MemoryRecord>,
    pub next: Option<RowKey>,
    /// The first row behind the page, which shows by `next` alone.
    pub behind: Option<MemoryId>,
}

/// Asks for one page of at most `query.limit` rows.
/// Errors: see [`QueryError`].
pub async fn ask(space: &SpaceId, query: &ListQuery, memories: &dyn MemoryReads) -> Result<Page, QueryError> {
    // One row more than the page holds tells whether there is another one.
    let mut rows = memories.list(space, &ListQuery { limit: query.limit + 1, ..query.clone() }).await?;
    let behind = rows.get(query.limit as usize).map(|row| row.id);
    let next = cut(&mut rows, query.limit).map(|row| (row.memory.created_at, row.id));
    Ok(Page { memories: rows, next, behind })
}

/// What could enter a page later: whatever passes its filters between its beginning and its end.
#[derive(Clone, Debug)]
pub struct Judge {
    query: ListQuery,
    /// The last row, if there are more behind it.
    end: Option<RowKey>,
}

impl Judge {
    pub fn new(query: &ListQuery, page: &Page) -> Self {
        Self { query: query.clone(), end: page.next }
    }
}

impl Membership for Judge {
    fn may_admit(&self, candidate: &Candidate) -> bool {
        let key = (candidate.memory.created_at, candidate.id);
        passes(&self.query, &candidate.memory)
            && self.query.after.is_none_or(|after| key < after)
            && self.end.is_none_or(|end| key > end)
    }

    fn bytes(&self) -> usize {
        let ListQuery { memory_type, tag, user_id, agent_id, run_id, .. } = &self.query;
        let texts = [memory_type, tag, user_id, agent_id, run_id];
        size_of::<Self>() + texts.into_iter().flatten().map(String::capacity).sum::<usize>()
    }
}

/// Whether the list would show the memory, wherever it stands: as its SQL has it.
fn passes(query: &ListQuery, memory: &Memory) -> bool {
    let body = &memory.body;
    let is = |wanted: &Option<String>, value: Option<&str>| wanted.is_none() || wanted.as_deref() == value;
    memory.deleted_at.is_none()
        && is(&query.memory_type, Some(body.memory_type.as_str()))
        && is(&query.user_id, body.scope.user_id.as_deref())
        && is(&query.agent_id, body.scope.agent_id.as_deref())
        && is(&query.run_id, body.scope.run_id.as_deref())
        && query.tag.as_ref().is_none_or(|tag| body.tags.contains(tag))
}
