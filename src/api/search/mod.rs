//! `POST /api/v1/search`. Called by the routes; checks the question, waits until it may be asked, and shows the answer.

mod audit;
pub(super) mod filters;

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    ApiState,
    auth::Identity,
    body::{self, MEMORY_BODY_BYTES_MAX},
    cached::{self, Question},
    dto::search::{ArmView, SearchAnswer, SearchInput, SearchResult},
    error::Problem,
};
use crate::{
    caches::entry::Entry,
    domain::ids::{SpaceId, StreamSeq},
    ports::cache::{Answer, Dep, Narrow},
    queries::{
        KEYWORD, MEMORIES, VECTORS,
        freshness::MIN_POSITION_WAIT_MS,
        search::{self, LIMIT_DEFAULT, LIMIT_MAX, Mode, QUERY_CHARS_MAX},
    },
};

/// How often it is looked whether the vectors are there.
const EMBEDDED_POLL_MS: u64 = 20;

pub async fn handle(
    request: HttpRequest,
    payload: web::Payload,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let input: SearchInput = body::of(&request, payload, MEMORY_BODY_BYTES_MAX).await?;
    let question = question(&input)?;
    let wait_for_vectors = match input.wait.as_deref() {
        None => false,
        Some("embedded") => true,
        Some(_) => return Err(Problem::new("search.bad_wait", "wait can only be \"embedded\"").at("wait", None, None)),
    };
    if wait_for_vectors {
        let acknowledged = state.commands.acknowledged(identity.0.principal);
        embedded(&state, input.min_position.map_or(acknowledged, StreamSeq)).await?;
        state.caches.told_all(&[VECTORS]).await?;
    }
    let views: &[&str] = match question.mode {
        Mode::Hybrid => &[MEMORIES, KEYWORD, VECTORS],
        Mode::Keyword => &[MEMORIES, KEYWORD],
        Mode::Semantic => &[MEMORIES, VECTORS],
    };
    let named = Question::new("search", &question, views, input.min_position).narrowed().dear();
    let ask = async || answer(&identity.0.space, search::ask(&identity.0.space, &question, &state.search).await?);
    let differs = async |kept: &Entry| audit::differs(&state, &question, kept).await;
    cached::serve_compared(&request, (&state, &identity), named, ask, differs).await
}

/// What is kept of a search, and until when it is true.
fn answer(space: &SpaceId, found: search::Answer) -> Result<Answer, Problem> {
    let search::Answer { results, degraded, is_whole, judge, statistics } = found;
    let deps = results.iter().map(|found| Dep::memory(space, found.record.id)).collect();
    // What an outage has cut short is nobody's to give again.
    let narrow = judge.map(|judge| Arc::new(judge) as Arc<dyn Narrow>);
    Ok(Answer { narrow, statistics, is_whole, ..cached::answer(&view(results, degraded), deps)? })
}

fn question(input: &SearchInput) -> Result<search::Question, Problem> {
    let query = input.query.trim();
    let count = query.chars().count();
    if count == 0 {
        let detail = format!("query is empty; it needs 1 to {QUERY_CHARS_MAX} characters");
        return Err(Problem::new("search.query_empty", detail).at("query", Some(QUERY_CHARS_MAX.into()), Some(0.into())));
    }
    if count > QUERY_CHARS_MAX {
        let detail = format!("query has {count} characters; the limit is {QUERY_CHARS_MAX}");
        return Err(Problem::new("search.query_too_long", detail).at("query", Some(QUERY_CHARS_MAX.into()), Some(count.into())));
    }
    let limit = input.limit.map_or(LIMIT_DEFAULT, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit is {limit}; it goes from 1 to {LIMIT_MAX}");
        return Err(Problem::new("search.bad_limit", detail).at("limit", Some(LIMIT_MAX.into()), Some(limit.into())));
    }
    let mode = match input.mode.as_deref() {
        None | Some("hybrid") => Mode::Hybrid,
        Some("semantic") => Mode::Semantic,
        Some("keyword") => Mode::Keyword,
        Some(other) => {
            let value = Some(body::short(other).into());
            return Err(Problem::new("search.bad_mode", "mode is one of hybrid, semantic, keyword").at("mode", None, value));
        }
    };
    let min_score = input.min_score.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&min_score) {
        let detail = format!("min_score is {min_score}; it goes from 0 to 1");
        return Err(Problem::new("search.bad_min_score", detail).at("min_score", Some(json!([0, 1])), Some(min_score.into())));
    }
    let (query, filter, min_score) = (query.to_owned(), filters::read(input.filters.as_ref())?, min_score as f32);
    Ok(search::Question { query, limit, mode, filter, min_score })
}

/// Waits until vectors of everything up to `position` are visible.
async fn embedded(state: &ApiState, position: StreamSeq) -> Result<(), Problem> {
    let deadline = Instant::now() + Duration::from_millis(MIN_POSITION_WAIT_MS);
    while !state.search.reads.embedded(position).await? {
        if Instant::now() >= deadline {
            let detail = format!("position {position} is not embedded yet; waited {MIN_POSITION_WAIT_MS} ms");
            return Err(Problem::new("read.not_yet_visible", detail).at("wait", None, Some(position.0.into())));
        }
        sleep(Duration::from_millis(EMBEDDED_POLL_MS)).await;
    }
    Ok(())
}

fn view(results: Vec<search::Found>, degraded: Vec<&str>) -> SearchAnswer {
    let result = |found: search::Found| {
        let arm = |(name, standing): (&str, search::fusion::Standing)| {
            (name.to_owned(), ArmView { rank: standing.rank, score: standing.score })
        };
        SearchResult { memory: found.record.into(), score: found.score, arms: found.arms.into_iter().map(arm).collect() }
    };
    SearchAnswer {
        results: results.into_iter().map(result).collect(),
        degraded: degraded.into_iter().map(str::to_owned).collect(),
    }
}
