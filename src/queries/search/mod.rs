//! Finding memories by meaning and by words. Called by `POST /api/v1/search`; never shows what does not pass the filter.
//!
//! Both arms rank what qualifies at the same time; [`fusion`] makes one ranking of it; then the rows of the best are fetched from Postgres,
//! which has the last word on what lives, with those that stand beside them; [`second`] ranks them once more.

mod candidates;
pub mod evidence;
pub mod fits;
pub mod fold;
pub mod fusion;
mod glance;
pub mod judge;
mod keyword;
pub mod passage;
mod ranking;
mod rerank;
mod rows;
pub mod second;
mod semantic;
mod speakers;
mod stages;
mod times;
mod walk;

pub use fits::tests_any;

use std::{sync::Arc, time::Duration};

use candidates::Candidates;
use evidence::Evidence;
use fusion::{Arm, Standing, fuse};
use judge::Judge;
use passage::Shown;
use second::{Mechanism, Parts};
use stages::Stages;

use crate::{
    domain::ids::{MemoryId, SpaceId},
    ports::{
        EmbedError, Embedder, Filter, KeywordIndex, KeywordWeights, MemoryRecord, QueryError, Reranker, SearchReads, Statistics,
        VectorSearch,
    },
};

pub const LIMIT_MAX: usize = 200;
pub const LIMIT_DEFAULT: usize = 10;
/// Longest query, in characters.
pub const QUERY_CHARS_MAX: usize = 1_000;
/// Fewest candidates that an arm ranks.
const DEPTH_MIN: usize = 200;
/// Candidates per result that is asked for.
const DEPTH_PER_RESULT: usize = 10;
/// Where copies take all the places, this many times as many candidates are ranked next, and at last so many.
const DEEPER: usize = 4;
const DEPTH_MAX: usize = 3_200;

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
    /// What a hybrid search does without.
    pub without: Vec<Mechanism>,
    /// Whether the answer says how it came about; such a one is not kept.
    pub explain: bool,
    /// Whether the best are held against the question once more.
    pub rerank: bool,
    /// Whether copies of a result are folded into it.
    pub fold: bool,
}

/// What a search asks.
#[derive(Clone)]
pub struct SearchParts {
    pub reads: Arc<dyn SearchReads>,
    pub keyword: Arc<dyn KeywordIndex>,
    /// Vectors in memory; `None` where Postgres searches alone.
    pub vectors: Option<Arc<dyn VectorSearch>>,
    pub embedder: Arc<dyn Embedder>,
    /// What reranks in place of the embedder, where the operator has it.
    pub reranker: Option<Arc<dyn Reranker>>,
}

/// A memory that was found: its score from 0 to 1, how each arm saw it, and what the second look did for it, if there was one.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedMemory {
    pub record: MemoryRecord,
    pub score: f32,
    pub arms: Vec<(&'static str, Standing)>,
    pub parts: Option<Parts>,
    /// The copies that are folded into it, best first.
    pub similar: Vec<MemoryId>,
    pub shown: Shown,
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
    /// Everything that was looked at beside the results and their copies: the order depends on each. Where copies were looked for, the first
    /// that is none is among it: if it goes, copies behind it may be counted.
    pub looked_at: Vec<MemoryId>,
    /// `None` when the keyword index was not asked.
    pub statistics: Option<Statistics>,
    /// How long each stage took, for a question that wants to know.
    pub stages: Option<Vec<(&'static str, Duration)>>,
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
    let mut depth = DEPTH_MIN.max(question.limit * DEPTH_PER_RESULT);
    let stages = Stages::default();
    loop {
        let (answer, lacks) = ask_to(depth, space, question, (parts, &stages)).await?;
        if !lacks || depth >= DEPTH_MAX {
            return Ok(answer);
        }
        depth = (depth * DEEPER).min(DEPTH_MAX);
    }
}

/// The answer from so many candidates of each arm, and whether copies took places of others among them, or more of them may follow.
async fn ask_to(
    depth: usize,
    space: &SpaceId,
    question: &SearchQuery,
    (parts, stages): (&SearchParts, &Stages),
) -> Result<(Answer, bool), Error> {
    let wish = Candidates::new(space, &question.filter, &*parts.reads, depth);
    let near = near(question, parts, &wish, stages);
    let words = async { stages.timed("words", keyword::arm(question, parts, &wish)).await.map_err(Error::from) };
    let (near, words) = match question.mode {
        Mode::Semantic => (Some(near.await?), None),
        Mode::Keyword => (None, Some(words.await?)),
        Mode::Hybrid => one_at_least(futures::join!(near, words))?,
    };
    let is_whole = question.mode != Mode::Hybrid || (near.is_some() && words.is_some());
    let is_read = parts.embedder.reads(&question.query);
    let lacks_meaning = question.mode != Mode::Keyword && (near.is_none() || !is_read);
    let lacks_words = question.mode == Mode::Hybrid && words.is_none();
    let (near, vector) = near.unzip();
    let (words, weights) = words.unzip();
    let arms: Vec<Arm> = [near, words].into_iter().flatten().collect();
    let first = fuse(&arms);
    let cosines = (vector.is_some() && is_read).then(|| parts.embedder.cosines());
    let evidence = Evidence::new(weights.as_ref(), cosines);
    let mut asked = ranking::Asked { space, question, parts, arms: &arms, first: &first, weights: weights.as_ref(), evidence };
    let found = ranking::rank(&mut asked, stages).await?;
    let degraded = [("semantic", lacks_meaning), ("keyword", lacks_words), ("rerank", found.lacks_rerank)];
    let degraded = degraded.into_iter().filter_map(|(name, lacks)| lacks.then_some(name)).collect();
    let is_whole = is_whole && !found.lacks_rerank;
    let has_more = found.has_ended && arms.iter().any(|arm| arm.hits.len() >= depth);
    let lacks = has_more && found.results.iter().any(|it| !it.similar.is_empty());
    let statistics = weights.as_ref().map(KeywordWeights::statistics);
    let judge = is_whole.then(|| found.judge(&asked, (vector, weights.clone())));
    let ranking::Found { results, looked_at, .. } = found;
    let stages = question.explain.then(|| stages.so_far());
    let is_whole = is_whole && !question.explain;
    Ok((Answer { results, degraded, is_whole, judge, looked_at, statistics, stages }, lacks))
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

async fn near(question: &SearchQuery, parts: &SearchParts, wish: &Candidates<'_>, stages: &Stages) -> Result<Near, Error> {
    let vector = stages.timed("embed", parts.embedder.query(&question.query)).await?;
    let hits = stages.timed("meaning", semantic::nearest(parts, &vector, wish)).await?;
    // What the model cannot read lies near to anything: by it alone nobody is found, where there is another way.
    let is_blind = question.mode == Mode::Hybrid && !parts.embedder.reads(&question.query);
    let floor = if is_blind { f32::INFINITY } else { parts.embedder.floor() };
    Ok((Arm::semantic(hits, floor), vector))
}
