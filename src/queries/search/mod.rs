//! Finding memories by meaning and by words. Called by `POST /api/v1/search`; never shows what does not pass the filter.
//!
//! Both arms rank what qualifies at the same time; [`fusion`] makes one ranking of it; then the rows are fetched from Postgres,
//! which has the last word on what lives.

pub mod evidence;
pub mod fits;
pub mod fusion;
pub mod judge;
mod keyword;

pub use fits::tests_any;

use std::{collections::HashMap, sync::Arc, time::Instant};

use evidence::Evidence;
use fusion::{Arm, Fused, Ranking, Standing, fuse};
use judge::{ArmJudge, Judge, Least};

use crate::{
    domain::ids::SpaceId,
    ports::{EmbedError, Embedder, Filter, KeywordIndex, KeywordWeights, MemoryRecord, QueryError, SearchReads, Statistics},
};

pub const LIMIT_MAX: usize = 200;
pub const LIMIT_DEFAULT: usize = 10;
/// Longest query, in characters.
pub const QUERY_CHARS_MAX: usize = 1_000;
/// Fewest candidates that an arm ranks.
const DEPTH_MIN: usize = 200;
/// Candidates per result that is asked for.
const DEPTH_PER_RESULT: usize = 10;

/// Which arms answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Hybrid,
    Semantic,
    Keyword,
}

/// A search: 1 to [`QUERY_CHARS_MAX`] characters, 1 to [`LIMIT_MAX`] results.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchQuery {
    pub query: String,
    pub limit: usize,
    pub mode: Mode,
    pub filter: Filter,
    /// Results below this score are left out; 0 to 1.
    pub min_score: f32,
}

/// What a search asks.
#[derive(Clone)]
pub struct SearchParts {
    pub reads: Arc<dyn SearchReads>,
    pub keyword: Arc<dyn KeywordIndex>,
    pub embedder: Arc<dyn Embedder>,
}

/// A memory that was found: its score from 0 to 1, and how each arm saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedMemory {
    pub record: MemoryRecord,
    pub score: f32,
    pub arms: Vec<(&'static str, Standing)>,
}

/// The best first. `degraded` names the arms that could not answer, or not find by what they cannot read.
#[derive(Debug)]
pub struct Answer {
    pub results: Vec<RankedMemory>,
    pub degraded: Vec<&'static str>,
    /// Whether every arm that was asked is there: the same question would be answered the same way.
    pub is_whole: bool,
    /// What could enter it later; `None` when an arm did not answer.
    pub judge: Option<Judge>,
    /// `None` when the keyword index was not asked.
    pub statistics: Option<Statistics>,
}

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the query cannot be embedded now")]
    Embed(#[from] EmbedError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Searches one space.
///
/// Errors: `Query` when Postgres is away; when the only arm of the mode is. A hybrid search goes on with the other arm.
pub async fn ask(space: &SpaceId, question: &SearchQuery, parts: &SearchParts) -> Result<Answer, Error> {
    let depth = DEPTH_MIN.max(question.limit * DEPTH_PER_RESULT);
    let near = semantic(space, question, parts, depth);
    let words = async { timed("words", keyword::arm(space, question, parts, depth)).await.map_err(Error::from) };
    let (near, words) = match question.mode {
        Mode::Semantic => (Some(near.await?), None),
        Mode::Keyword => (None, Some(words.await?)),
        Mode::Hybrid => one_at_least(futures::join!(near, words))?,
    };
    let is_whole = question.mode != Mode::Hybrid || (near.is_some() && words.is_some());
    let is_read = parts.embedder.reads(&question.query);
    let lacks_meaning = question.mode != Mode::Keyword && (near.is_none() || !is_read);
    let lacks_words = question.mode == Mode::Hybrid && words.is_none();
    let degraded = [("semantic", lacks_meaning), ("keyword", lacks_words)];
    let degraded = degraded.into_iter().filter_map(|(name, lacks)| lacks.then_some(name)).collect();
    let (near, vector) = near.unzip();
    let (words, weights) = words.unzip();
    let arms: Vec<Arm> = [near, words].into_iter().flatten().collect();
    let ranking = fuse(&arms);
    let evidence = Evidence::new(weights.as_ref(), is_read);
    let scores = evidence.scores(&ranking.best);
    let best = ranking.best.iter().zip(scores).take_while(|(_, score)| *score >= question.min_score);
    let results = timed("rows", rows(space, question, parts, best)).await?;
    let statistics = weights.as_ref().map(KeywordWeights::statistics);
    let floor = arms.iter().find(|arm| arm.name == "semantic").map_or(f32::INFINITY, |arm| arm.floor);
    let judge = is_whole.then(|| judge(question, &results, (&ranking, floor, evidence), (vector, weights)));
    Ok(Answer { results, degraded, is_whole, judge, statistics })
}

/// Tells how long a stage took: what dominates a search differs by corpus and machine.
async fn timed<T>(stage: &'static str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    metrics::histogram!("brain_search_seconds", "stage" => stage).record(started.elapsed());
    done
}

type Near = (Arm, Arc<[f32]>);
type ByWords = (Arm, KeywordWeights);

fn one_at_least(answers: (Result<Near, Error>, Result<ByWords, Error>)) -> Result<(Option<Near>, Option<ByWords>), Error> {
    match answers {
        (Ok(near), Ok(words)) => Ok((Some(near), Some(words))),
        (Err(cause), Ok(words)) => {
            tracing::warn!(cause = &cause as &dyn std::error::Error, "searching by words only");
            Ok((None, Some(words)))
        }
        (Ok(near), Err(cause)) => {
            tracing::warn!(cause = &cause as &dyn std::error::Error, "searching by meaning only");
            Ok((Some(near), None))
        }
        (Err(cause), Err(_)) => Err(cause),
    }
}

async fn semantic(space: &SpaceId, question: &SearchQuery, parts: &SearchParts, depth: usize) -> Result<Near, Error> {
    let vector = timed("embed", parts.embedder.query(&question.query)).await?;
    let hits = timed("meaning", parts.reads.nearest(space, &vector, &question.filter, depth)).await?;
    // What the model cannot read lies near to anything: by it alone nobody is found, where there is another way.
    let is_blind = question.mode == Mode::Hybrid && !parts.embedder.reads(&question.query);
    let floor = if is_blind { f32::INFINITY } else { parts.embedder.floor() };
    Ok((Arm::semantic(hits, floor), vector))
}

/// What could enter the answer later, by the statistics that it was made with.
fn judge(
    question: &SearchQuery,
    results: &[RankedMemory],
    (ranking, floor, evidence): (&Ranking, f32, Evidence),
    (vector, weights): (Option<Arc<[f32]>>, Option<KeywordWeights>),
) -> Judge {
    let mut scales = ranking.scales.iter().copied();
    let semantic = vector.map(|by| ArmJudge { by, scale: scales.next().flatten() });
    let keyword = weights.map(|by| ArmJudge { by, scale: scales.next().flatten() });
    let last =
        results.last().and_then(|last| ranking.best.iter().find(|fused| fused.id == last.record.id)).map(|fused| fused.logit);
    let bar = last.filter(|_| results.len() >= question.limit);
    let least = (question.min_score > 0.0).then_some(Least { score: question.min_score, evidence, last });
    Judge { filter: question.filter.clone(), keyword, semantic, floor, bar, least }
}

/// The rows of the best candidates. Those that vanished since the arms looked are passed over for the next ones.
async fn rows(
    space: &SpaceId,
    question: &SearchQuery,
    parts: &SearchParts,
    mut candidates: impl Iterator<Item = (&Fused, f32)>,
) -> Result<Vec<RankedMemory>, QueryError> {
    let mut results = Vec::with_capacity(question.limit);
    loop {
        let next: Vec<(&Fused, f32)> = candidates.by_ref().take(question.limit - results.len()).collect();
        if next.is_empty() {
            return Ok(results);
        }
        let ids: Vec<_> = next.iter().map(|(one, _)| one.id).collect();
        let found = parts.reads.rows(space, &ids, &question.filter).await?;
        let mut records: HashMap<_, _> = found.into_iter().map(|record| (record.id, record)).collect();
        results.extend(next.into_iter().filter_map(|(one, score)| {
            let arms = one.arms.iter().map(|(name, standing)| (*name, *standing)).collect();
            Some(RankedMemory { record: records.remove(&one.id)?, score, arms })
        }));
    }
}
