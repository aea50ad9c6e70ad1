//! The keyword arm: the index names candidates by their words. It follows edits and deletions itself, so that only a filter needs a look.

use super::{SearchParts, SearchQuery, candidates::Candidates, fusion};
use crate::ports::{KeywordHits, KeywordWeights, QueryError};

/// The arm, and what its words are worth.
type Answer = (fusion::Arm, KeywordWeights);

/// Errors: `Unavailable` while the index cannot be asked; the search goes on with the other arm.
pub async fn arm(question: &SearchQuery, parts: &SearchParts, wish: &Candidates<'_>) -> Result<Answer, QueryError> {
    let ask = async |few: super::candidates::Few, limit| {
        let among = few.map(|ids| ids.iter().copied().collect());
        let KeywordHits { hits, weights } = parts.keyword.search(wish.space, &question.query, among, limit).await?;
        Ok::<_, QueryError>((hits, weights))
    };
    let (hits, weights) = wish.best(true, ask).await?;
    // An arm that named fewer than it might has looked at all: the others do not hold the words.
    let silent_score = (hits.len() < wish.depth).then_some(0.0);
    Ok((fusion::Arm::keyword(hits, silent_score), weights))
}
