//! Creating, changing, deleting and restoring one memory. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Path, Payload, ReqData},
};

use serde::Deserialize;

use crate::{
    api::{
        http::{
            body::{self, MEMORY_BODY_BYTES_MAX},
            error::Problem,
            precondition, query,
        },
        v1::{
            dto::{MemoryInput, MemoryPatch, Written},
            erasures::ALL as ERASURES,
        },
    },
    app::{Caller, memories::Memories},
    commands::{Done, MemoryAction},
    domain::ids::MemoryId,
    ports::MemoryRecord,
};

/// `POST /api/v1/memories`: 201, also when the same wish comes again.
pub async fn create(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    let input = input(&request, payload).await?;
    let done = memories.create(&caller, precondition::write_options(&request)?, input.into()).await?;
    Ok(answer(done, StatusCode::CREATED))
}

/// `PUT /api/v1/memories/{id}`: makes the memory be exactly this.
pub async fn put(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let (named, draft, created_at) = input(&request, payload).await?.into_parts();
    if named.is_some_and(|named| named != id) {
        return Err(Problem::new("request.invalid_id", "the id in the body is not the id in the path").at("id", None, None));
    }
    change(&request, id, MemoryAction::Put { draft, created_at }, &caller, &memories).await
}

/// `PATCH /api/v1/memories/{id}`: changes the named fields.
pub async fn patch(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let patch: MemoryPatch = body::of(&request, payload, MEMORY_BODY_BYTES_MAX).await?;
    change(&request, id, MemoryAction::Update(patch.into()), &caller, &memories).await
}

/// What becomes of a memory that is deleted.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DeleteQuery {
    /// In place of a tombstone that can be restored, nothing is left of the memory, for ever: the answer names the address of the receipt
    /// as `Location`.
    erase: Option<bool>,
    /// Why, for the receipt; at most 200 characters, and only with `erase=true`.
    #[param(max_length = 200)]
    reason: Option<String>,
}

/// `DELETE /api/v1/memories/{id}`: leaves a tombstone, or nothing.
pub async fn delete(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let asked: DeleteQuery = query::parse(&request)?;
    match (asked.erase, asked.reason) {
        (Some(true), reason) => erase(&request, id, reason, &caller, &memories).await,
        (_, None) => change(&request, id, MemoryAction::Delete, &caller, &memories).await,
        (_, Some(_)) => {
            let detail = "a reason is kept on the receipt of an erasure; say erase=true, or leave it out";
            Err(Problem::new("request.invalid_query", detail).at("reason", None, None))
        }
    }
}

/// The memory is erased when this answers; what was kept of it is destroyed soon, which its receipt tells.
async fn erase(
    request: &HttpRequest,
    id: MemoryId,
    reason: Option<String>,
    caller: &Caller,
    memories: &Memories,
) -> Result<HttpResponse, Problem> {
    let options = precondition::write_options(request)?;
    let done = memories.change(caller, options, id, MemoryAction::Erase { reason }).await?;
    let etag = (header::ETAG, precondition::etag(done.record.revision));
    let place = (header::LOCATION, format!("{ERASURES}/{id}"));
    let written = Written { memory: done.record.into(), position: done.position.0 };
    Ok(HttpResponse::Ok().insert_header(etag).insert_header(place).json(written))
}

/// `POST /api/v1/memories/{id}/restore`: back from deletion.
pub async fn restore(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    change(&request, precondition::memory_id(&path)?, MemoryAction::Restore, &caller, &memories).await
}

/// `POST /api/v1/memories/{id}/undo`: back to the state before the last change, as a change of its own.
pub async fn undo(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    change(&request, precondition::memory_id(&path)?, MemoryAction::Undo, &caller, &memories).await
}

async fn input(request: &HttpRequest, payload: Payload) -> Result<MemoryInput, Problem> {
    body::of(request, payload, MEMORY_BODY_BYTES_MAX).await
}

async fn change(
    request: &HttpRequest,
    id: MemoryId,
    action: MemoryAction,
    caller: &Caller,
    memories: &Memories,
) -> Result<HttpResponse, Problem> {
    let done = memories.change(caller, precondition::write_options(request)?, id, action).await?;
    Ok(answer(done, StatusCode::OK))
}

fn answer(done: Done<MemoryRecord>, status: StatusCode) -> HttpResponse {
    let etag = (header::ETAG, precondition::etag(done.record.revision));
    let written = Written { memory: done.record.into(), position: done.position.0 };
    HttpResponse::build(status).insert_header(etag).json(written)
}
