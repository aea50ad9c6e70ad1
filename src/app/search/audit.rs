//! Whether a kept search is still true: its members under the statistics that it was ranked by, held against a deeper search now.
//! Called for sampled hits where auditing is switched on.

use std::sync::Arc;

use super::{Search, Told};
use crate::{
    app::Error,
    caches::entry::Entry,
    domain::ids::{MemoryId, StreamSeq},
    journal::{Recorded, catalog, derived::FactKey},
    ports::{
        EXACT_ROWS_MAX, VectorOf,
        cache::{Candidate, Dep},
    },
    queries::search::{self, LIMIT_MAX, RankedMemory, SearchQuery, fold::is_copy, tests_any},
};

/// How many more are looked at than the answer shows.
const DEEPER: usize = 3;

impl Search {
    /// Whether the answer that was kept, which shows these, is another one than would be given now.
    pub(super) async fn differs(&self, question: &SearchQuery, kept: &Entry, told: &Told) -> Result<bool, Error> {
        let (space, parts) = (kept.key.space(), &self.parts);
        let ids: Vec<MemoryId> = told.results.iter().map(|(id, _)| *id).collect();
        let rows = parts.reads.rows(space, &ids, &question.filter).await?;
        if !told.results.iter().all(|it| rows.iter().any(|row| (row.id, row.revision) == *it)) {
            return Ok(true);
        }
        let Some(judge) = &kept.membership else { return Ok(false) };
        let is_exact = kept.documents <= EXACT_ROWS_MAX as u64;
        let limit = (question.limit * DEEPER).min(LIMIT_MAX);
        let now = search::ask(space, &SearchQuery { limit, ..question.clone() }, parts).await?;
        let is_new = |found: &RankedMemory| {
            // Of many copies the answer names some, and another of them may be the best by now.
            let is_copy = || rows.iter().any(|row| is_copy(&row.memory.body, &found.record.memory.body));
            // What was looked at and not shown is a dependency as well: its changes end the answer.
            !(kept.deps.contains(&Dep::memory(space, found.record.id)) || (question.fold && is_copy()))
        };
        for found in now.results.into_iter().filter(is_new) {
            // A vector that the log has and searches do not show yet is nobody's mistake.
            let is_near = found.arms.iter().any(|(arm, _)| *arm == "semantic");
            let record = found.record;
            let text = record.memory.body.text_to_embed();
            let vector = match is_near {
                true => self.derived.vector_of(parts.embedder.model(), space, record.id, &text).await?,
                false => VectorOf::Nothing,
            };
            let vector = if let VectorOf::Text(vector) = vector { Some(vector) } else { None };
            let index = parts.keyword.clone();
            let candidate = Candidate::new(record.id, record.memory, vector, Arc::new(move |text| index.words(text)));
            if judge.must_admit(&candidate) {
                if is_exact || self.has_come_since(question, kept, candidate.id).await? {
                    tracing::debug!(id = %candidate.id, "a member is missing");
                    return Ok(true);
                }
                tracing::debug!(id = %candidate.id, "the index names what it missed then");
            }
        }
        Ok(false)
    }

    /// Whether the log has brought a memory to a search after the search's stamp. The approximate index may name today what it missed then, so
    /// that only such a memory can be missing.
    ///
    /// Decision 2026-11-26: asked of the log itself. What the caches remember of it does not reach back far enough under load, and it counts a
    /// change that leaves text and tags alone, by which no ranking changes.
    async fn has_come_since(&self, question: &SearchQuery, kept: &Entry, id: MemoryId) -> Result<bool, Error> {
        let (space, name) = (kept.key.space(), id.to_string());
        let mut from = StreamSeq(kept.stamp.events.0 + 1);
        while let Some(Recorded { seq, event }) = self.reading.log.next(space, catalog::MEMORY, &name, from).await? {
            if !event.leaves_ranking() || tests_any(&question.filter, &event.changed) {
                return Ok(true);
            }
            from = StreamSeq(seq.0 + 1);
        }
        let vector = self.derived.newest(&FactKey::embedding(self.parts.embedder.model(), space, id)).await?;
        Ok(vector.is_some_and(|vector| kept.stamp.derived.is_some_and(|derived| vector.seq > derived)))
    }
}
