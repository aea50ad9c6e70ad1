//! Pages of living relationships, in the order of their ids. Called by `GET /api/v1/relationships`.

use super::cut;
use crate::{
    domain::ids::{RelationshipId, SpaceId},
    ports::{GraphReads, QueryError, RelationshipQuery, RelationshipRecord},
};

/// Most rows of one page.
pub const LIMIT_MAX: u32 = 1_000;
/// Rows of a page whose size nobody named.
pub const LIMIT_DEFAULT: u32 = 50;

/// One page of at most `query.limit` rows, and the id after which there are more.
/// Errors: see [`QueryError`].
pub async fn ask(
    space: &SpaceId,
    query: &RelationshipQuery,
    graph: &dyn GraphReads,
) -> Result<(Vec<RelationshipRecord>, Option<RelationshipId>), QueryError> {
    let mut rows = graph.relationships(space, &RelationshipQuery { limit: query.limit + 1, ..query.clone() }).await?;
    let next = cut(&mut rows, query.limit).map(|last| last.id);
    Ok((rows, next))
}
