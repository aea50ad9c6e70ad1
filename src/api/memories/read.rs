//! Reading one memory and listing them. Called by the routes; answers from the read model only.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::cursor;
use crate::{
    api::{
        ApiState,
        auth::Identity,
        cached::{self, Question},
        dto::{MemoryPage, MemoryView},
        error::Problem,
        freshness, precondition, query,
    },
    domain::ids::{MemoryId, SpaceId},
    ports::{
        ListQuery, MemoryReads,
        cache::{Answer, Dep},
    },
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
    let (asked, space): (query::Moment, _) = (query::parse(&request)?, &identity.0.space);
    let (as_of, min_position) = asked.when();
    let question = Question::new("memory", &id, &[MEMORIES], min_position).of(as_of, &[MEMORY_HISTORY]);
    cached::serve(&request, (&state, &identity), question, async |at| {
        let mut found = queries::get::ask(space, id, at, &*state.memories).await?;
        if found == Found::Never && at.is_none() && has_come_meanwhile(&state, &identity, id).await? {
            found = queries::get::ask(space, id, at, &*state.memories).await?;
        }
        match found {
            Found::Never => Err(Problem::new("memory.not_found", "there is no memory with this id")),
            Found::Deleted => Err(Problem::new("memory.deleted", "the memory is deleted; it can be restored")),
            Found::Living(record) => {
                let revision = Some(record.revision);
                Ok(Answer { revision, ..cached::answer(&MemoryView::from(*record), vec![Dep::memory(space, id)])? })
            }
        }
    })
    .await
}

/// Whether the log knows the memory and the read model is only now where it shows it. That there is none is a promise as well, and the read
/// model alone cannot give it: it may be filled anew, or somebody else may have written a moment ago.
async fn has_come_meanwhile(state: &ApiState, identity: &Identity, id: MemoryId) -> Result<bool, Problem> {
    // Without the log, what the read model says must do.
    let Ok(Some(newest)) = state.log.last(&identity.0.space, "memory", &id.to_string()).await else { return Ok(false) };
    freshness::wait_for(state, identity, MEMORIES, Some(newest.seq.0)).await?;
    Ok(true)
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
    let listed = ListQuery {
        limit,
        after: None,
        memory_type: filters.memory_type,
        tag: filters.tag,
        user_id: filters.user_id,
        agent_id: filters.agent_id,
        run_id: filters.run_id,
        at: None,
    };
    let question = Question::new("list", &(&listed, &filters.cursor), &[MEMORIES], filters.min_position);
    let question = question.of(filters.as_of.as_deref(), &[MEMORY_HISTORY]).narrowed();
    cached::serve(&request, (&state, &identity), question, async |at| {
        let mut listed = ListQuery { at, ..listed.clone() };
        if let Some(text) = &filters.cursor {
            listed.after = Some(cursor::decode(text, space, &listed)?);
        }
        page(space, &listed, &*state.memories).await
    })
    .await
}

async fn page(space: &SpaceId, listed: &ListQuery, memories: &dyn MemoryReads) -> Result<Answer, Problem> {
    let page = queries::list::ask(space, listed, memories).await?;
    let judge = queries::list::Judge::new(listed, &page);
    let rows = page.memories.iter().map(|row| row.id).chain(page.behind);
    let deps = rows.map(|id| Dep::memory(space, id)).collect();
    let next_cursor = page.next.map(|key| cursor::encode(key, space, listed));
    let memories = page.memories.into_iter().map(MemoryView::from).collect();
    Ok(Answer { narrow: Some(Arc::new(judge)), ..cached::answer(&MemoryPage { memories, next_cursor }, deps)? })
}
