//! Creating, changing and deleting one relationship. Called by the routes; every write goes through [`crate::commands`].

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, web};

use crate::{
    api::{
        ApiState,
        auth::Identity,
        body::{self, MEMORY_BODY_BYTES_MAX},
        dto::graph::{Related, RelationshipInput, RelationshipPatch},
        error::Problem,
        precondition, query,
    },
    commands::{RelationshipAction, RelationshipWish},
    domain::{
        access::KeyScope,
        ids::{MemoryId, RelationshipId, Timestamp},
        relationship::Draft,
    },
};

type Id = web::ReqData<Identity>;
type State = web::Data<ApiState>;

/// `POST /api/v1/relationships`: 201, also when an equal one exists.
pub async fn create(request: HttpRequest, payload: web::Payload, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let (draft, created_at) = input(&request, payload, &identity).await?;
    let (id, action) = (draft.id(), RelationshipAction::Create { draft, created_at });
    run(&request, id, action, (&identity, &state), StatusCode::CREATED).await
}

/// `PUT /api/v1/relationships`: makes the relationship between these ends be exactly this.
pub async fn put(request: HttpRequest, payload: web::Payload, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let (draft, created_at) = input(&request, payload, &identity).await?;
    let (id, action) = (draft.id(), RelationshipAction::Put { draft, created_at });
    run(&request, id, action, (&identity, &state), StatusCode::OK).await
}

/// `PATCH /api/v1/relationships/{id}`: changes weight and properties.
pub async fn patch(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    identity: Id,
    state: State,
) -> Result<HttpResponse, Problem> {
    let id = precondition::relationship_id(&path)?;
    let patch: RelationshipPatch = body::of(&request, payload, MEMORY_BODY_BYTES_MAX).await?;
    run(&request, id, RelationshipAction::Update(patch.into()), (&identity, &state), StatusCode::OK).await
}

/// `DELETE /api/v1/relationships/{id}`: leaves a tombstone; creating it again brings it back.
pub async fn delete(request: HttpRequest, path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let id = precondition::relationship_id(&path)?;
    run(&request, id, RelationshipAction::Delete, (&identity, &state), StatusCode::OK).await
}

async fn input(request: &HttpRequest, payload: web::Payload, identity: &Identity) -> Result<(Draft, Option<Timestamp>), Problem> {
    let input: RelationshipInput = body::of(request, payload, MEMORY_BODY_BYTES_MAX).await?;
    if input.created_at.is_some() {
        identity.require(KeyScope::MemoryImport)?;
    }
    let draft = Draft {
        source: MemoryId(query::named("source_id", input.source_id)?),
        target: MemoryId(query::named("target_id", input.target_id)?),
        relationship_type: query::named("relationship_type", input.relationship_type)?,
        weight: input.weight,
        properties: input.properties,
    };
    Ok((draft, input.created_at))
}

async fn run(
    request: &HttpRequest,
    id: RelationshipId,
    action: RelationshipAction,
    (identity, state): (&Identity, &ApiState),
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let command = precondition::command(request, identity, &*state.ids)?;
    let if_match = precondition::if_match(request)?;
    let wish = RelationshipWish { caller: identity.caller(), identity: command, id, if_match, action };
    let done = state.commands.relationship(wish).await?;
    let etag = (header::ETAG, precondition::etag(done.record.revision));
    let related = Related { relationship: done.record.into(), position: done.position.0 };
    Ok(HttpResponse::build(status).insert_header(etag).json(related))
}
