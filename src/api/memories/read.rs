//! Reading one memory and listing them. Called by the routes; answers from the read model only.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::cursor;
use crate::{
    api::{
        ApiState,
        auth::Identity,
        dto::{MemoryPage, MemoryView},
        error::Problem,
        precondition, query,
    },
    ports::ListQuery,
    queries::{
        self, MEMORIES, MEMORY_HISTORY,
        get::Found,
        list::{LIMIT_DEFAULT, LIMIT_MAX},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filters {
    limit: Option<u32>,
    cursor: Option<String>,
    memory_type: Option<String>,
    tag: Option<String>,
    user_id: Option<String>,
    agent_id: Option<String>,
    run_id: Option<String>,
    min_position: Option<u64>,
    as_of: Option<String>,
}

/// `GET /api/v1/memories/{id}`: the bare memory with its ETag.
pub async fn get(
    request: HttpRequest,
    path: web::Path<String>,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let asked: query::Moment = query::parse(&request)?;
    let at = query::moment(&state, &identity, asked.when(), MEMORIES, &[MEMORY_HISTORY]).await?;
    match queries::get::ask(&identity.0.space, id, at, &*state.memories).await? {
        Found::Never => Err(Problem::new("memory.not_found", "there is no memory with this id")),
        Found::Deleted => Err(Problem::new("memory.deleted", "the memory is deleted; it can be restored")),
        Found::Living(record) => Ok(precondition::unless_known(&request, record.revision, || MemoryView::from(*record))),
    }
}

/// `GET /api/v1/memories`: a page of living memories, newest first.
pub async fn list(
    request: HttpRequest,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let filters: Filters = query::parse(&request)?;
    let limit = query::limit(filters.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let space = &identity.0.space;
    let mut question = ListQuery {
        limit,
        after: None,
        memory_type: filters.memory_type,
        tag: filters.tag,
        user_id: filters.user_id,
        agent_id: filters.agent_id,
        run_id: filters.run_id,
        at: None,
    };
    refuse_nul(&question)?;
    let when = (filters.as_of.as_deref(), filters.min_position);
    question.at = query::moment(&state, &identity, when, MEMORIES, &[MEMORY_HISTORY]).await?;
    if let Some(text) = &filters.cursor {
        question.after = Some(cursor::decode(text, space, &question)?);
    }
    let page = queries::list::ask(space, &question, &*state.memories).await?;
    let next_cursor = page.next.map(|key| cursor::encode(key, space, &question));
    let memories = page.memories.into_iter().map(MemoryView::from).collect();
    Ok(HttpResponse::Ok().json(MemoryPage { memories, next_cursor }))
}

/// No stored text holds U+0000, and the read model cannot even be asked for it.
fn refuse_nul(query: &ListQuery) -> Result<(), Problem> {
    let texts = [
        ("memory_type", &query.memory_type),
        ("tag", &query.tag),
        ("user_id", &query.user_id),
        ("agent_id", &query.agent_id),
        ("run_id", &query.run_id),
    ];
    match texts.into_iter().find(|(_, text)| text.as_ref().is_some_and(|text| text.contains('\0'))) {
        Some((field, _)) => {
            Err(Problem::new("request.invalid_query", format!("{field} holds a U+0000 character")).at(field, None, None))
        }
        None => Ok(()),
    }
}
