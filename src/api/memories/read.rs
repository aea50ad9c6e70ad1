//! Reading one memory and listing them. Called by the routes; answers from the read model only.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::{Deserialize, de::DeserializeOwned};

use super::cursor;
use crate::{
    api::{
        ApiState,
        auth::Identity,
        body::short,
        dto::{MemoryPage, MemoryView},
        error::Problem,
        freshness, precondition,
    },
    ports::ListQuery,
    queries::{
        self,
        get::Found,
        list::{LIMIT_DEFAULT, LIMIT_MAX},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetQuery {
    min_position: Option<u64>,
}

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
}

/// `GET /api/v1/memories/{id}`: the bare memory with its ETag.
pub async fn get(
    request: HttpRequest,
    path: web::Path<String>,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let query: GetQuery = query(&request)?;
    freshness::wait(&state, &identity, query.min_position).await?;
    match queries::get::ask(&identity.0.space, id, &*state.memories).await? {
        Found::Never => Err(Problem::new("memory.not_found", "there is no memory with this id")),
        Found::Deleted => Err(Problem::new("memory.deleted", "the memory is deleted; it can be restored")),
        Found::Living(record) => {
            let etag = (header::ETAG, precondition::etag(record.revision));
            if precondition::is_known(&request, record.revision) {
                return Ok(HttpResponse::NotModified().insert_header(etag).finish());
            }
            Ok(HttpResponse::Ok().insert_header(etag).json(MemoryView::from(*record)))
        }
    }
}

/// `GET /api/v1/memories`: a page of living memories, newest first.
pub async fn list(
    request: HttpRequest,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let filters: Filters = query(&request)?;
    let limit = filters.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit is {limit}; it goes from 1 to {LIMIT_MAX}");
        return Err(Problem::new("list.bad_limit", detail).at("limit", Some(LIMIT_MAX.into()), Some(limit.into())));
    }
    let space = &identity.0.space;
    let mut question = ListQuery {
        limit,
        after: None,
        memory_type: filters.memory_type,
        tag: filters.tag,
        user_id: filters.user_id,
        agent_id: filters.agent_id,
        run_id: filters.run_id,
    };
    refuse_nul(&question)?;
    if let Some(text) = &filters.cursor {
        question.after = Some(cursor::decode(text, space, &question)?);
    }
    freshness::wait(&state, &identity, filters.min_position).await?;
    let page = queries::list::ask(space, &question, &*state.memories).await?;
    let next_cursor = page.next.map(|key| cursor::encode(key, space, &question));
    let memories = page.memories.into_iter().map(MemoryView::from).collect();
    Ok(HttpResponse::Ok().json(MemoryPage { memories, next_cursor }))
}

/// The query as `T`; every field of `T` is optional, which is how the parameter at fault is found.
fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let text = request.query_string();
    web::Query::<T>::from_query(text).map(web::Query::into_inner).map_err(|whole| {
        let alone = |pair: &str| web::Query::<T>::from_query(pair).err().map(|error| misfit(pair, &error.to_string()));
        text.split('&').find_map(alone).unwrap_or_else(|| Problem::new("request.invalid_query", short(&whole.to_string())))
    })
}

fn misfit(pair: &str, message: &str) -> Problem {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    // The rest of the sentence lists the parameters that there are.
    let reason = if message.contains("unknown field") { "there is no such parameter" } else { message };
    let detail = format!("{}: {}", short(name), short(reason));
    Problem::new("request.invalid_query", detail).at(short(name), None, Some(short(value).into()))
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
