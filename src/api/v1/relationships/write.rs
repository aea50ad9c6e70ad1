//! Creating, changing and deleting one relationship. Called by the routes.

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
            precondition, query,
        },
        v1::dto::graph::{Related, RelationshipInput, RelationshipPatch},
    },
    app::{Caller, relationships::Relationships},
    commands::RelationshipAction,
    domain::{
        ids::{MemoryId, RelationshipId, Timestamp},
        relationship::Draft,
    },
};

/// `POST /api/v1/relationships`: 201, also when an equal one exists.
pub async fn create(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    relationships: Data<Relationships>,
) -> Result<HttpResponse, Problem> {
    let (draft, created_at) = input(&request, payload).await?;
    let (id, action) = (draft.id(), RelationshipAction::Create { draft, created_at });
    change(&request, (id, action), (&caller, &relationships), StatusCode::CREATED).await
}

/// `PUT /api/v1/relationships`: makes the relationship between these ends be exactly this.
pub async fn put(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    relationships: Data<Relationships>,
) -> Result<HttpResponse, Problem> {
    let (draft, created_at) = input(&request, payload).await?;
    let (id, action) = (draft.id(), RelationshipAction::Put { draft, created_at });
    change(&request, (id, action), (&caller, &relationships), StatusCode::OK).await
}

/// `PATCH /api/v1/relationships/{id}`: changes weight and properties.
pub async fn patch(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    relationships: Data<Relationships>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::relationship_id(&path)?;
    let patch: RelationshipPatch = body::of(&request, payload, MEMORY_BODY_BYTES_MAX).await?;
    change(&request, (id, RelationshipAction::Update(patch.into())), (&caller, &relationships), StatusCode::OK).await
}

/// `DELETE /api/v1/relationships/{id}`: leaves a tombstone; creating it again brings it back.
pub async fn delete(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    relationships: Data<Relationships>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::relationship_id(&path)?;
    change(&request, (id, RelationshipAction::Delete), (&caller, &relationships), StatusCode::OK).await
}

async fn input(request: &HttpRequest, payload: Payload) -> Result<(Draft, Option<Timestamp>), Problem> {
    let input: RelationshipInput = body::of(request, payload, MEMORY_BODY_BYTES_MAX).await?;
    let draft = Draft {
        source: MemoryId(query::named("source_id", input.source_id)?),
        target: MemoryId(query::named("target_id", input.target_id)?),
        relationship_type: query::named("relationship_type", input.relationship_type)?,
        weight: input.weight,
        properties: input.properties,
    };
    Ok((draft, input.created_at))
}

async fn change(
    request: &HttpRequest,
    (id, action): (RelationshipId, RelationshipAction),
    (caller, relationships): (&Caller, &Relationships),
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let done = relationships.change(caller, precondition::write_options(request)?, id, action).await?;
    let etag = (header::ETAG, precondition::etag(done.record.revision));
    let related = Related { relationship: done.record.into(), position: done.position.0 };
    Ok(HttpResponse::build(status).insert_header(etag).json(related))
}
