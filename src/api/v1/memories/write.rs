//! Creating, changing, deleting and restoring one memory. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Path, Payload, ReqData},
};

use crate::{
    api::{
        http::{
            body::{self, MEMORY_BODY_BYTES_MAX},
            error::Problem,
            precondition,
        },
        v1::dto::{MemoryInput, MemoryPatch, Written},
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

/// `DELETE /api/v1/memories/{id}`: leaves a tombstone.
pub async fn delete(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    change(&request, precondition::memory_id(&path)?, MemoryAction::Delete, &caller, &memories).await
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
