//! The semantic arm: the vectors in memory name candidates, and Postgres says which of them live and still have the text that was embedded.
//! Where they are not kept in memory, Postgres is asked for everything.

use std::sync::Arc;

use super::{SearchParts, candidates::Candidates};
use crate::ports::{Hit, Neighbour, QueryError};

/// Why the vectors in memory have no answer.
enum Missed {
    NotKept,
    Query(QueryError),
}

impl From<QueryError> for Missed {
    fn from(cause: QueryError) -> Self {
        Self::Query(cause)
    }
}

/// The nearest memories, best first; the score is the cosine.
///
/// Errors: `Unavailable` while Postgres is away.
pub async fn nearest(parts: &SearchParts, vector: &Arc<[f32]>, wish: &Candidates<'_>) -> Result<Vec<Hit>, QueryError> {
    let Some(vectors) = &parts.vectors else { return of_postgres(parts, vector, wish).await };
    let ask = async |few, limit| {
        let found = vectors.nearest(wish.space, vector.clone(), few, limit).await;
        found.map(|found| (found, ())).ok_or(Missed::NotKept)
    };
    match wish.best(false, ask).await {
        Ok((found, ())) => Ok(found.into_iter().map(|Neighbour { id, cosine, .. }| Hit { id, score: cosine }).collect()),
        Err(Missed::NotKept) => of_postgres(parts, vector, wish).await,
        Err(Missed::Query(cause)) => Err(cause),
    }
}

async fn of_postgres(parts: &SearchParts, vector: &[f32], wish: &Candidates<'_>) -> Result<Vec<Hit>, QueryError> {
    parts.reads.nearest(wish.space, vector, wish.filter, wish.depth).await
}
