//! Finding memories by meaning and by words: checks the question, waits until it may be asked, and gives what is kept or found.

mod audit;

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    Caller, Error, Kept, Reading, Render, When,
    cached::{self, Question},
    error::short,
};
use crate::{
    caches::entry::Entry,
    domain::ids::{MemoryId, Revision, SpaceId, StreamSeq},
    ports::{
        DerivedLog, Filter,
        cache::{Answer, Dep, Membership},
    },
    queries::{
        KEYWORD, MEMORIES, VECTORS,
        freshness::MIN_POSITION_WAIT_MS,
        search::{self, LIMIT_DEFAULT, LIMIT_MAX, Mode, QUERY_CHARS_MAX, RankedMemory, SearchParts, second::Mechanism},
    },
};

/// How often it is looked whether the vectors are there.
const EMBEDDED_POLL_MS: u64 = 20;

/// The use cases of searching.
pub struct Search {
    pub reading: Arc<Reading>,
    pub parts: SearchParts,
    /// Whether searches are reranked that do not say it.
    pub reranks: bool,
    pub derived: Arc<dyn DerivedLog>,
}

/// What is looked for, as a caller says it.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// 1 to 1,000 characters.
    pub query: &'a str,
    /// 1 to 200; 10 when absent.
    pub limit: Option<u64>,
    /// `hybrid`, `semantic` or `keyword`; hybrid when absent.
    pub mode: Option<&'a str>,
    pub filter: Option<Filter>,
    /// Results below this score are left out; 0 to 1.
    pub min_score: Option<f64>,
    /// Whether copies are folded into the best of them; they are when absent.
    pub fold: Option<bool>,
    /// `embedded`: until the vectors of what the caller has written are there.
    pub wait: Option<&'a str>,
    pub min_position: Option<u64>,
    /// What a hybrid search does without: `neighbours`, `speaker`, `walk`, `asks`.
    pub without: &'a [String],
    /// Whether the answer says how it came about.
    pub explain: bool,
    /// Whether the best are held against the question once more; as the settings have it when absent.
    pub rerank: Option<bool>,
}

/// What was found, the best first. `degraded` names the arms that could not answer.
#[derive(Debug)]
pub struct Ranked {
    pub results: Vec<RankedMemory>,
    pub degraded: Vec<&'static str>,
    /// How long each stage took, where that was asked.
    pub stages: Option<Vec<(&'static str, Duration)>>,
}

/// Which memories an answer tells of.
#[derive(Debug, Default)]
pub struct Told {
    pub results: Vec<(MemoryId, Revision)>,
    /// Copies of these, not all of them where they are many.
    pub similar: Vec<MemoryId>,
}

/// Writes what was found, and can say what an answer that it wrote shows.
pub trait RenderSearch: Render<Ranked> {
    /// The memories in the order of the answer, and the copies that it names; `None` when it is no answer of this surface.
    fn shown(&self, body: &[u8]) -> Option<Told>;
}

impl Search {
    /// Errors: `search.query_empty`, `search.query_too_long`, `search.bad_limit`, `search.bad_mode`, `search.bad_min_score`,
    /// `search.bad_wait`, `search.bad_without`,
    /// `search.unavailable`, and those of waiting.
    pub async fn search<R: RenderSearch>(&self, caller: &Caller, wanted: Wanted<'_>, render: &R) -> Result<Kept, Error> {
        let question = question(&wanted, self.reranks)?;
        if must_wait_for_vectors(wanted.wait)? {
            let acknowledged = self.reading.commands.acknowledged(caller.principal());
            self.embedded(wanted.min_position.map_or(acknowledged, StreamSeq)).await?;
            self.reading.caches.told_all(&[VECTORS]).await?;
        }
        let views: &[&str] = match question.mode {
            Mode::Hybrid => &[MEMORIES, KEYWORD, VECTORS],
            Mode::Keyword => &[MEMORIES, KEYWORD],
            Mode::Semantic => &[MEMORIES, VECTORS],
        };
        let space = caller.space();
        let named = Question::new("search", &question, views, When::now(wanted.min_position)).narrowed().expensive();
        let ask = async || answer(space, search::ask(space, &question, &self.parts).await?, render);
        let differs = async |kept: &Entry| {
            let Some(shown) = render.shown(&kept.body.plain()) else { return Ok(true) };
            self.differs(&question, kept, &shown).await
        };
        self.reading.serve_compared(caller, R::NAME, named, ask, differs).await
    }

    async fn is_embedded(&self, position: StreamSeq) -> Result<bool, Error> {
        let is_in_memory = self.parts.vectors.as_ref().is_none_or(|vectors| vectors.embedded(position));
        Ok(is_in_memory && self.parts.reads.embedded(position).await?)
    }

    /// Waits until vectors of everything up to `position` are visible.
    async fn embedded(&self, position: StreamSeq) -> Result<(), Error> {
        let deadline = Instant::now() + Duration::from_millis(MIN_POSITION_WAIT_MS);
        while !self.is_embedded(position).await? {
            if Instant::now() >= deadline {
                let detail = format!("position {position} is not embedded yet; waited {MIN_POSITION_WAIT_MS} ms");
                return Err(Error::new("read.not_yet_visible", detail).at("wait", None, Some(position.0.into())));
            }
            sleep(Duration::from_millis(EMBEDDED_POLL_MS)).await;
        }
        Ok(())
    }
}

/// What is kept of a search, and until when it is true.
fn answer<R: Render<Ranked>>(space: &SpaceId, found: search::Answer, render: &R) -> Result<Answer, Error> {
    let search::Answer { results, degraded, is_whole, judge, looked_at, statistics, stages } = found;
    // A copy that changes or goes is another answer, too: it may stand for itself then, and is counted no more.
    let shown = results.iter().flat_map(|found| found.similar.iter().copied().chain([found.record.id]));
    let ids: HashSet<MemoryId> = shown.chain(looked_at).collect();
    let deps = ids.into_iter().map(|id| Dep::memory(space, id)).collect();
    // What an outage has cut short is nobody's to give again.
    let membership = judge.map(|judge| Arc::new(judge) as Arc<dyn Membership>);
    Ok(Answer { membership, statistics, is_whole, ..cached::answer(render, Ranked { results, degraded, stages }, deps)? })
}

fn must_wait_for_vectors(wait: Option<&str>) -> Result<bool, Error> {
    match wait {
        None => Ok(false),
        Some("embedded") => Ok(true),
        Some(_) => Err(Error::new("search.bad_wait", "wait can only be \"embedded\"").at("wait", None, None)),
    }
}

fn question(wanted: &Wanted<'_>, reranks: bool) -> Result<search::SearchQuery, Error> {
    let query = wanted.query.trim();
    let count = query.chars().count();
    if count == 0 {
        let detail = format!("query is empty; it needs 1 to {QUERY_CHARS_MAX} characters");
        return Err(Error::new("search.query_empty", detail).at("query", Some(QUERY_CHARS_MAX.into()), Some(0.into())));
    }
    if count > QUERY_CHARS_MAX {
        let detail = format!("query has {count} characters; the limit is {QUERY_CHARS_MAX}");
        return Err(Error::new("search.query_too_long", detail).at("query", Some(QUERY_CHARS_MAX.into()), Some(count.into())));
    }
    let limit = wanted.limit.map_or(LIMIT_DEFAULT, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit is {limit}; it goes from 1 to {LIMIT_MAX}");
        return Err(Error::new("search.bad_limit", detail).at("limit", Some(LIMIT_MAX.into()), Some(limit.into())));
    }
    let mode = match wanted.mode {
        None | Some("hybrid") => Mode::Hybrid,
        Some("semantic") => Mode::Semantic,
        Some("keyword") => Mode::Keyword,
        Some(other) => {
            let value = Some(short(other).into());
            return Err(Error::new("search.bad_mode", "mode is one of hybrid, semantic, keyword").at("mode", None, value));
        }
    };
    let min_score = wanted.min_score.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&min_score) {
        let detail = format!("min_score is {min_score}; it goes from 0 to 1");
        return Err(Error::new("search.bad_min_score", detail).at("min_score", Some(json!([0, 1])), Some(min_score.into())));
    }
    let filter = wanted.filter.clone().unwrap_or_else(Filter::none);
    let (without, explain, rerank) = (without(wanted.without)?, wanted.explain, wanted.rerank.unwrap_or(reranks));
    Ok(search::SearchQuery {
        query: query.to_owned(),
        limit,
        mode,
        filter,
        min_score: min_score as f32,
        without,
        explain,
        rerank,
        fold: wanted.fold.unwrap_or(true),
    })
}

/// The mechanisms of these names, each once, in one order: the same wish is the same question.
fn without(names: &[String]) -> Result<Vec<Mechanism>, Error> {
    for name in names {
        if Mechanism::of(name).is_none() {
            let known = Mechanism::ALL.map(Mechanism::as_str);
            let detail = format!("a search can do without {}", known.join(", "));
            return Err(Error::new("search.bad_without", detail).at("without", Some(json!(known)), Some(short(name).into())));
        }
    }
    Ok(Mechanism::ALL.into_iter().filter(|it| names.iter().any(|name| name == it.as_str())).collect())
}
