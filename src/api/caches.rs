//! `/api/v1/caches`: what is kept, and letting it go. Called by the routes; for operators, since kept answers are of every space.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::{ApiState, auth::Identity, error::Problem, query};
use crate::caches::{entry::Entry, ledger::Source};

const LIMIT_DEFAULT: u32 = 20;
pub const LIMIT_MAX: u32 = 1_000;

/// What the cache amounts to, and its entries that were hit most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CachesAnswer {
    pub entries: usize,
    /// Answers and their questions, as clients get and ask them.
    pub content_bytes: u64,
    /// The same as it is held.
    pub packed_bytes: u64,
    /// What is held beside it: places in the cache, and what tells when answers are over.
    pub overhead_bytes: u64,
    /// What may be held in all.
    pub max_bytes: u64,
    /// Every event up to here has ended what it ends.
    pub position: u64,
    /// The same of vectors, in the positions of their own stream.
    pub vectors_position: u64,
    pub most_hit: Vec<CachedView>,
}

/// One kept answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CachedView {
    pub space: String,
    pub kind: String,
    pub question: String,
    /// What the client gets, with the question.
    pub content_bytes: usize,
    /// What is held, with all that belongs to it.
    pub bytes: usize,
    pub hits: u32,
    pub age_s: f64,
    /// The position that it shows at least.
    pub position: u64,
    pub dependencies: usize,
    /// Whether changes are held against it one by one.
    pub narrowed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    limit: Option<u32>,
}

pub async fn show(
    request: HttpRequest,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    identity.require_operator()?;
    let asked: Asked = query::parse(&request)?;
    let limit = query::limit(asked.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let (totals, store) = (state.caches.store.totals(), &state.caches.store);
    Ok(HttpResponse::Ok().json(CachesAnswer {
        entries: totals.entries,
        content_bytes: totals.content_bytes,
        packed_bytes: totals.packed_bytes,
        overhead_bytes: totals.overhead_bytes,
        max_bytes: state.caches.max_bytes(),
        position: store.head(Source::Events).0,
        vectors_position: store.head(Source::Derived).0,
        most_hit: store.entries(limit as usize).iter().map(|entry| view(entry)).collect(),
    }))
}

/// What was let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FlushedAnswer {
    pub entries: usize,
}

/// Lets everything go.
pub async fn flush(identity: web::ReqData<Identity>, state: web::Data<ApiState>) -> Result<HttpResponse, Problem> {
    identity.require_operator()?;
    Ok(HttpResponse::Ok().json(FlushedAnswer { entries: state.caches.store.flush(None) }))
}

fn view(entry: &Entry) -> CachedView {
    CachedView {
        space: entry.key.space().to_string(),
        kind: entry.key.kind().to_owned(),
        question: entry.key.text().to_owned(),
        content_bytes: entry.content_bytes(),
        bytes: entry.bytes(),
        hits: entry.hits(),
        age_s: entry.since.elapsed().as_secs_f64(),
        position: entry.stamp.events.0,
        dependencies: entry.deps.len(),
        narrowed: entry.narrow.is_some(),
    }
}
