//! The keyword arm: the index ranks exactly what qualifies while that is a manageable number, else it is asked for more and more.

use std::collections::HashSet;

use super::{SearchParts, SearchQuery, fusion};
use crate::{
    domain::ids::{MemoryId, SpaceId},
    ports::{EXACT_ROWS_MAX, Hit, KeywordHits, KeywordWeights, QueryError},
};

/// The arm, and what its words are worth.
type Answer = (fusion::Arm, KeywordWeights);

/// Errors: `Unavailable` while the index cannot be asked; the search goes on with the other arm.
pub async fn arm(space: &SpaceId, question: &SearchQuery, parts: &SearchParts, depth: usize) -> Result<Answer, QueryError> {
    let KeywordHits { hits, weights } = best(space, question, parts, depth).await?;
    // An arm that named fewer than it might has looked at all: the others do not hold the words.
    let silent_score = (hits.len() < depth).then_some(0.0);
    Ok((fusion::Arm::keyword(hits, silent_score), weights))
}

async fn best(space: &SpaceId, question: &SearchQuery, parts: &SearchParts, depth: usize) -> Result<KeywordHits, QueryError> {
    let query = &question.query;
    if question.filter.is_none() {
        return parts.keyword.search(space, query, None, depth).await;
    }
    let qualifying = parts.reads.qualifying(space, &question.filter, EXACT_ROWS_MAX + 1).await?;
    if qualifying.len() <= EXACT_ROWS_MAX {
        return parts.keyword.search(space, query, Some(qualifying.into_iter().collect()), depth).await;
    }
    let mut fetch = depth * 2;
    loop {
        let KeywordHits { hits, weights } = parts.keyword.search(space, query, None, fetch).await?;
        let exhausted = hits.len() < fetch;
        let ids: Vec<MemoryId> = hits.iter().map(|hit| hit.id).collect();
        let passing: HashSet<MemoryId> = parts.reads.passing(space, &ids, &question.filter).await?.into_iter().collect();
        let mut kept: Vec<Hit> = hits.into_iter().filter(|hit| passing.contains(&hit.id)).collect();
        if exhausted || kept.len() >= depth {
            kept.truncate(depth);
            return Ok(KeywordHits { hits: kept, weights });
        }
        fetch *= 2;
    }
}
