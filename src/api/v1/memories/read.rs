//! Reading one memory and listing them. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, ReqData},
};
use serde::Deserialize;

use crate::{
    api::{
        http::{error::Problem, kept, precondition, query},
        v1::render::V1,
    },
    app::{
        Caller, When,
        memories::{Filters, Memories},
    },
    queries::list::LIMIT_MAX,
};

/// Which memories are listed, and where the page begins.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Memories of a page; 50 when absent.
    #[param(schema_with = limit)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    memory_type: Option<String>,
    tag: Option<String>,
    user_id: Option<String>,
    agent_id: Option<String>,
    run_id: Option<String>,
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
    /// A past moment: a position, or a time as in RFC 3339.
    #[param(schema_with = query::as_of)]
    as_of: Option<String>,
}

fn limit() -> utoipa::openapi::Object {
    query::whole(1, LIMIT_MAX.into())
}

/// `GET /api/v1/memories/{id}`: the bare memory with its ETag.
pub async fn get(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let asked: query::Moment = query::parse(&request)?;
    kept::respond(&request, memories.get(&caller, id, asked.when(), &V1).await?)
}

/// `GET /api/v1/memories`: a page of living memories, newest first.
pub async fn list(request: HttpRequest, caller: ReqData<Caller>, memories: Data<Memories>) -> Result<HttpResponse, Problem> {
    let asked: ListQuery = query::parse(&request)?;
    let when = When { min_position: asked.min_position, as_of: asked.as_of.as_deref() };
    let filters = Filters {
        limit: asked.limit,
        cursor: asked.cursor,
        memory_type: asked.memory_type,
        tag: asked.tag,
        user_id: asked.user_id,
        agent_id: asked.agent_id,
        run_id: asked.run_id,
    };
    kept::respond(&request, memories.list(&caller, filters, when, &V1).await?)
}
