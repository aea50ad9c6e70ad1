//! The past of one memory: its states, and what differs between two of them. Called by the routes.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::{
    api::{
        ApiState,
        auth::Identity,
        dto::history::{DiffAnswer, HistoryPage, RevisionView},
        error::Problem,
        freshness, precondition, query,
    },
    domain::{
        ids::{MemoryId, Revision},
        memory::Memory,
    },
    queries::{
        MEMORY_HISTORY, diff,
        history::{self, LIMIT_DEFAULT, LIMIT_MAX},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    limit: Option<u32>,
    before: Option<u64>,
    min_position: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiffQuery {
    from: Option<u64>,
    to: Option<u64>,
    min_position: Option<u64>,
}

/// `GET /api/v1/memories/{id}/history`: its states, newest first, tombstones included.
pub async fn list(
    request: HttpRequest,
    path: web::Path<String>,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let asked: HistoryQuery = query::parse(&request)?;
    let limit = query::limit(asked.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    freshness::wait_for(&state, &identity, MEMORY_HISTORY, asked.min_position).await?;
    let page = history::ask(&identity.0.space, id, asked.before.map(Revision), limit, &*state.history).await?;
    if page.revisions.is_empty() && asked.before.is_none() {
        return Err(Problem::new("memory.not_found", "there is no memory with this id"));
    }
    let revisions = page.revisions.into_iter().map(RevisionView::from).collect();
    Ok(HttpResponse::Ok().json(HistoryPage { revisions, next_before: page.next.map(|next| next.0) }))
}

/// `GET /api/v1/memories/{id}/diff?from=&to=`: two revisions compared.
pub async fn compare(
    request: HttpRequest,
    path: web::Path<String>,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let asked: DiffQuery = query::parse(&request)?;
    let (from, to) = (query::named("from", asked.from)?, query::named("to", asked.to)?);
    freshness::wait_for(&state, &identity, MEMORY_HISTORY, asked.min_position).await?;
    let old = revision(&state, &identity, id, ("from", from)).await?;
    let new = revision(&state, &identity, id, ("to", to)).await?;
    Ok(HttpResponse::Ok().json(DiffAnswer::new((from, to), diff::compare(&old, &new))))
}

async fn revision(state: &ApiState, identity: &Identity, id: MemoryId, (field, number): (&str, u64)) -> Result<Memory, Problem> {
    let missing = || {
        let detail = format!("this memory has no revision {number}");
        Problem::new("memory.not_found", detail).at(field, None, Some(number.into()))
    };
    let number_fits = i64::try_from(number).is_ok();
    let found = if number_fits { state.history.revision(&identity.0.space, id, Revision(number)).await? } else { None };
    Ok(found.ok_or_else(missing)?.record.memory)
}
