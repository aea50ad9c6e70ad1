//! The past of one memory: its states, and what differs between two of them. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, ReqData},
};
use serde::Deserialize;

use crate::{
    api::{
        http::{error::Problem, precondition, query},
        v1::dto::history::{DiffAnswer, HistoryPage, RevisionView},
    },
    app::{Caller, memories::Memories},
    domain::ids::Revision,
    queries::history::LIMIT_MAX,
};

/// Which states of a memory are shown.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// States of a page; 50 when absent.
    #[param(schema_with = limit)]
    limit: Option<u32>,
    /// Only states before this revision: `next_before` of the page before.
    #[param(schema_with = query::position)]
    before: Option<u64>,
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
}

/// Which two revisions are compared.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DiffQuery {
    // A schema of a function's making could not be said to be needed.
    #[param(value_type = u64, required = true, minimum = 0, maximum = 9223372036854775807_i64)]
    from: Option<u64>,
    #[param(value_type = u64, required = true, minimum = 0, maximum = 9223372036854775807_i64)]
    to: Option<u64>,
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
}

fn limit() -> utoipa::openapi::Object {
    query::whole(1, LIMIT_MAX.into())
}

/// `GET /api/v1/memories/{id}/history`: its states, newest first, tombstones included.
pub async fn list(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let asked: HistoryQuery = query::parse(&request)?;
    let page = memories.history(&caller, id, (asked.limit, asked.before.map(Revision)), asked.min_position).await?;
    let revisions = page.revisions.into_iter().map(RevisionView::from).collect();
    Ok(HttpResponse::Ok().json(HistoryPage { revisions, next_before: page.next.map(|next| next.0) }))
}

/// `GET /api/v1/memories/{id}/diff?from=&to=`: two revisions compared.
pub async fn compare(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let asked: DiffQuery = query::parse(&request)?;
    let revisions = (query::named("from", asked.from)?, query::named("to", asked.to)?);
    let diff = memories.compare(&caller, id, revisions, asked.min_position).await?;
    Ok(HttpResponse::Ok().json(DiffAnswer::new(revisions, diff)))
}
