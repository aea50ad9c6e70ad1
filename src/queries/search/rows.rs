//! The rows of what was listed, with its copies folded, and what is shown of each. Called by [`super::ranking`].

use std::collections::HashMap;

use super::{
    RankedMemory, fold,
    fusion::Fused,
    passage::{self, Shown},
    ranking::{Asked, Listed},
};
use crate::{
    domain::ids::MemoryId,
    ports::{KeywordText, MemoryRecord, QueryError},
};

/// Most whose rows are fetched at a time where copies take the places.
const AT_A_TIME_MAX: usize = 500;

/// What a list comes to.
#[derive(Default)]
pub struct Rows {
    pub found: Vec<RankedMemory>,
    /// Those that are shown, or folded into one that is.
    pub walked: Vec<MemoryId>,
    /// The first that is neither, where copies were looked for: without it more might be.
    pub next: Option<MemoryId>,
    /// Whether the whole list was looked at and might have gone on.
    pub has_ended: bool,
}

/// Rows that were read before, and of whom: who is not among the rows has vanished.
pub struct Read<'a> {
    pub records: HashMap<MemoryId, MemoryRecord>,
    pub of: &'a [MemoryId],
}

/// Looks at what is listed from the best until there are as many results as were asked for, and the copies that follow the last of them.
/// Those that vanished since the arms looked are passed over.
pub async fn of(
    asked: &Asked<'_>,
    mut listed: impl Iterator<Item = (&Listed, f32)>,
    mut read: Read<'_>,
) -> Result<Rows, QueryError> {
    let question = asked.question;
    let standings: HashMap<MemoryId, &Fused> = asked.first.best.iter().map(|one| (one.id, one)).collect();
    let mut rows = Rows::default();
    let mut before = fold::Shown::default();
    let mut ahead = question.limit + usize::from(question.fold);
    loop {
        let next: Vec<(&Listed, f32)> = listed.by_ref().take(ahead).collect();
        if next.is_empty() {
            rows.has_ended = true;
            return Ok(rows);
        }
        read.more(asked, &next).await?;
        for (one, score) in next {
            let Some(record) = read.records.remove(&one.id) else { continue };
            let copied = if question.fold { before.copied(&record.memory.body) } else { None };
            if let Some(result) = copied.and_then(|place| rows.found.get_mut(place)) {
                result.similar.push(one.id);
                rows.walked.push(one.id);
                continue;
            }
            if rows.found.len() == question.limit {
                rows.next = Some(one.id);
                return Ok(rows);
            }
            let arms = standings.get(&one.id).into_iter().flat_map(|fused| fused.arms.iter().map(|(name, it)| (*name, *it)));
            let parts = one.parts.filter(|_| question.explain);
            let (arms, similar, shown) = (arms.collect(), vec![], Shown::default());
            rows.found.push(RankedMemory { record, score, arms, parts, similar, shown });
            rows.walked.push(one.id);
            if rows.found.len() == question.limit && !question.fold {
                return Ok(rows);
            }
        }
        ahead = if question.fold { (ahead * 2).min(AT_A_TIME_MAX) } else { question.limit - rows.found.len() };
    }
}

impl Read<'_> {
    async fn more(&mut self, asked: &Asked<'_>, listed: &[(&Listed, f32)]) -> Result<(), QueryError> {
        let unread = listed.iter().map(|(one, _)| one.id).filter(|id| !self.records.contains_key(id) && !self.of.contains(id));
        let unread: Vec<MemoryId> = unread.collect();
        if !unread.is_empty() {
            let rows = asked.parts.reads.rows(asked.space, &unread, &asked.question.filter).await?;
            self.records.extend(rows.into_iter().map(|record| (record.id, record)));
        }
        Ok(())
    }
}

/// Finds the passage and the highlights of each result.
pub async fn show(asked: &Asked<'_>, found: &mut [RankedMemory]) -> Result<(), QueryError> {
    let texts: Vec<KeywordText> = found.iter().map(|result| KeywordText::of(&result.record.memory.body)).collect();
    let places = asked.parts.keyword.places(&asked.question.query, texts.clone()).await?;
    for ((result, text), places) in found.iter_mut().zip(&texts).zip(&places) {
        result.shown = passage::of(text, places, asked.weights);
    }
    Ok(())
}
