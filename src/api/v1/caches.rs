//! `/api/v1/caches`: what is kept, and letting it go. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, ReqData},
};
use serde::{Deserialize, Serialize};

use super::OPERATE;
use crate::{
    api::http::{
        error::Problem,
        query,
        route::{Route, query, shape},
    },
    app::{
        Caller,
        caches::{KeptAnswers, LIMIT_MAX},
    },
    caches::entry::Entry,
};

const CACHES: &str = "/api/v1/caches";

/// The routes of kept answers.
pub fn routes() -> Vec<Route> {
    vec![
        Route {
            who: OPERATE,
            query: query::<CachesQuery>,
            gives: (200, Some(shape::<CachesAnswer>())),
            ..Route::new(Method::GET, CACHES, || web::to(show), "What answers are kept in memory")
        },
        Route {
            who: OPERATE,
            gives: (200, Some(shape::<FlushedAnswer>())),
            ..Route::new(Method::DELETE, CACHES, || web::to(flush), "Let all kept answers go")
        },
    ]
}

/// How many of the answers that were given most often.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct CachesQuery {
    /// Answers; 20 when absent.
    #[param(schema_with = limit)]
    limit: Option<u32>,
}

fn limit() -> utoipa::openapi::Object {
    query::whole(1, LIMIT_MAX.into())
}

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

/// What was let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FlushedAnswer {
    pub entries: usize,
}

async fn show(request: HttpRequest, caller: ReqData<Caller>, caches: Data<KeptAnswers>) -> Result<HttpResponse, Problem> {
    let asked: CachesQuery = query::parse(&request)?;
    let kept = caches.show(&caller, asked.limit)?;
    Ok(HttpResponse::Ok().json(CachesAnswer {
        entries: kept.totals.entries,
        content_bytes: kept.totals.content_bytes,
        packed_bytes: kept.totals.packed_bytes,
        overhead_bytes: kept.totals.overhead_bytes,
        max_bytes: kept.max_bytes,
        position: kept.position.0,
        vectors_position: kept.vectors_position.0,
        most_hit: kept.most_hit.iter().map(|entry| view(entry)).collect(),
    }))
}

/// Lets everything go.
async fn flush(caller: ReqData<Caller>, caches: Data<KeptAnswers>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(FlushedAnswer { entries: caches.flush(&caller)? }))
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
        narrowed: entry.membership.is_some(),
    }
}
