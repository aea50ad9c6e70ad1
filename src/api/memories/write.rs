//! Creating, changing, deleting and restoring one memory. Called by the routes; every write goes through [`crate::commands`].

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, web};

use crate::{
    api::{
        ApiState,
        auth::Identity,
        body::{self, MEMORY_BODY_BYTES_MAX},
        dto::{MemoryInput, MemoryPatch, Written},
        error::Problem,
        precondition,
    },
    commands::{Action, IfMatch, Wish},
    domain::{
        access::KeyScope,
        ids::{CommandId, MemoryId},
    },
};

type Id = web::ReqData<Identity>;
type State = web::Data<ApiState>;

/// `POST /api/v1/memories`: 201, also when the same wish comes again.
pub async fn create(request: HttpRequest, payload: web::Payload, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let input = input(&request, payload).await?;
    let command = precondition::command(&request, &identity, &*state.ids)?;
    let (id, action) = creation(input, &identity, command.seed)?;
    let wish = Wish { caller: identity.caller(), identity: command, id, if_match: precondition::if_match(&request)?, action };
    answer(&state, wish, StatusCode::CREATED).await
}

/// `PUT /api/v1/memories/{id}`: makes the memory be exactly this.
pub async fn put(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    identity: Id,
    state: State,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let (named, draft, created_at) = input(&request, payload).await?.into_parts();
    if named.is_some_and(|named| named != id) {
        return Err(Problem::new("request.invalid_id", "the id in the body is not the id in the path").at("id", None, None));
    }
    if created_at.is_some() {
        identity.require(KeyScope::MemoryImport)?;
    }
    change(&request, id, Action::Put { draft, created_at }, &identity, &state).await
}

/// `PATCH /api/v1/memories/{id}`: changes the named fields.
pub async fn patch(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    identity: Id,
    state: State,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let patch: MemoryPatch = body::of(&request, payload, MEMORY_BODY_BYTES_MAX).await?;
    change(&request, id, Action::Update(patch.into()), &identity, &state).await
}

/// `DELETE /api/v1/memories/{id}`: leaves a tombstone.
pub async fn delete(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    change(&request, precondition::memory_id(&path)?, Action::Delete, &identity, &state).await
}

/// `POST /api/v1/memories/{id}/restore`: back from deletion.
pub async fn restore(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    change(&request, precondition::memory_id(&path)?, Action::Restore, &identity, &state).await
}

/// `POST /api/v1/memories/{id}/undo`: back to the state before the last change, as a change of its own.
pub async fn undo(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    change(&request, precondition::memory_id(&path)?, Action::Undo, &identity, &state).await
}

/// The wish to create what `input` says; its id follows from the command's seed unless the client chose one.
pub(super) fn creation(input: MemoryInput, identity: &Identity, seed: CommandId) -> Result<(MemoryId, Action), Problem> {
    let (id, draft, created_at) = input.into_parts();
    if created_at.is_some() {
        identity.require(KeyScope::MemoryImport)?;
    }
    Ok((id.unwrap_or(MemoryId(seed.0)), Action::Create { draft, created_at }))
}

async fn input(request: &HttpRequest, payload: web::Payload) -> Result<MemoryInput, Problem> {
    body::of(request, payload, MEMORY_BODY_BYTES_MAX).await
}

async fn change(
    request: &HttpRequest,
    id: MemoryId,
    action: Action,
    identity: &Identity,
    state: &ApiState,
) -> Result<HttpResponse, Problem> {
    let command = precondition::command(request, identity, &*state.ids)?;
    let mut if_match = precondition::if_match(request)?;
    if matches!(action, Action::Restore | Action::Undo) {
        if_match = if_match.map(IfMatch::or_deleted);
    }
    answer(state, Wish { caller: identity.caller(), identity: command, id, if_match, action }, StatusCode::OK).await
}

async fn answer(state: &ApiState, wish: Wish, status: StatusCode) -> Result<HttpResponse, Problem> {
    let done = state.commands.memory(wish).await?;
    let etag = (header::ETAG, precondition::etag(done.record.revision));
    let written = Written { memory: done.record.into(), position: done.position.0 };
    Ok(HttpResponse::build(status).insert_header(etag).json(written))
}
