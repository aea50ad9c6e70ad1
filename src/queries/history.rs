//! The states that a memory had, newest first. Called by `GET …/{id}/history` and the comparison of two of them.

use super::cut;
use crate::{
    domain::ids::{MemoryId, Revision, SpaceId},
    ports::{HistoryReads, MemoryRevision, QueryError},
};

/// Most states of one page.
pub const LIMIT_MAX: u32 = 200;
pub const LIMIT_DEFAULT: u32 = 50;

/// One page; `next` is the revision below which there are more.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub revisions: Vec<MemoryRevision>,
    pub next: Option<Revision>,
}

/// Asks for the states below `before`, at most `limit`.
/// Errors: see [`QueryError`].
pub async fn ask(
    space: &SpaceId,
    id: MemoryId,
    before: Option<Revision>,
    limit: u32,
    history: &dyn HistoryReads,
) -> Result<Page, QueryError> {
    // One row more than the page holds tells whether there is another one.
    let mut revisions = history.revisions(space, id, before, limit + 1).await?;
    let next = cut(&mut revisions, limit).map(|last| last.record.revision);
    Ok(Page { revisions, next })
}
