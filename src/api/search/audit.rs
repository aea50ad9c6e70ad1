//! Whether a kept search is still true: its members under the statistics that it was ranked by, held against a deeper search now.
//! Called for sampled hits where auditing is switched on.

use std::sync::Arc;

use super::SearchAnswer;
use crate::{
    api::{ApiState, error::Problem},
    caches::entry::Entry,
    domain::ids::MemoryId,
    ports::{
        EXACT_ROWS_MAX, VectorOf,
        cache::{Candidate, Dep},
    },
    queries::search::{self, LIMIT_MAX, Question},
};

/// How many more are looked at than the answer shows.
const DEEPER: usize = 3;

pub async fn differs(state: &ApiState, question: &Question, kept: &Entry) -> Result<bool, Problem> {
    let (space, parts) = (kept.key.space(), &state.search);
    let Ok(answer) = serde_json::from_slice::<SearchAnswer>(&kept.body.plain()) else { return Ok(true) };
    let shown: Vec<MemoryId> = answer.results.iter().map(|result| MemoryId(result.memory.id)).collect();
    let rows = parts.reads.rows(space, &shown, &question.filter).await?;
    let is_same = |result: &super::SearchResult| {
        rows.iter().any(|row| row.id.0 == result.memory.id && row.revision.0 == result.memory.revision)
    };
    if !answer.results.iter().all(is_same) {
        return Ok(true);
    }
    let Some(judge) = &kept.narrow else { return Ok(false) };
    let limit = (question.limit * DEEPER).min(LIMIT_MAX);
    let now = search::ask(space, &Question { limit, ..question.clone() }, parts).await?;
    for found in now.results.into_iter().filter(|found| !shown.contains(&found.record.id)) {
        // A vector that the log has and searches do not show yet is nobody's mistake.
        let is_near = found.arms.iter().any(|(arm, _)| *arm == "semantic");
        let record = found.record;
        // The approximate index may name today what it missed then: only what has changed since can be missing.
        let is_exact = kept.documents <= EXACT_ROWS_MAX as u64;
        let may_be_missing =
            is_exact || state.caches.store.touched_since(Dep::memory(space, record.id), kept.stamp) != Some(false);
        let content = &record.memory.body.content;
        let vector = match is_near {
            true => state.derived.vector_of(parts.embedder.model(), space, record.id, content).await?,
            false => VectorOf::Nothing,
        };
        let vector = if let VectorOf::Text(vector) = vector { Some(vector) } else { None };
        let index = parts.keyword.clone();
        let candidate = Candidate::new(record.id, record.memory, vector, Arc::new(move |text| index.words(text)));
        if may_be_missing && judge.is_surely_entered_by(&candidate) {
            tracing::debug!(id = %candidate.id, "a member is missing");
            return Ok(true);
        }
    }
    Ok(false)
}
