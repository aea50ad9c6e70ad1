//! Reading one relationship and listing them. Called by the routes.

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
        relationships::{Filters, Relationships, relationship_type},
    },
    domain::{
        ids::{MemoryId, RelationshipId},
        relationship::RelationshipType,
    },
    queries::relationships::LIMIT_MAX,
};

/// Which relationships are listed, and where the page begins.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Relationships of a page; 50 when absent.
    #[param(schema_with = limit)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<uuid::Uuid>)]
    cursor: Option<String>,
    #[param(value_type = Option<uuid::Uuid>)]
    source_id: Option<String>,
    #[param(value_type = Option<uuid::Uuid>)]
    target_id: Option<String>,
    #[param(schema_with = types)]
    relationship_type: Option<String>,
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

fn types() -> utoipa::openapi::Object {
    query::one_of(RelationshipType::ALL.map(RelationshipType::as_str))
}

/// `GET /api/v1/relationships/{id}`: the bare relationship with its ETag.
pub async fn get(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    relationships: Data<Relationships>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::relationship_id(&path)?;
    let asked: query::Moment = query::parse(&request)?;
    kept::respond(&request, relationships.get(&caller, id, asked.when(), &V1).await?)
}

/// `GET /api/v1/relationships`: a page of living relationships between living memories, in the order of their ids.
pub async fn list(
    request: HttpRequest,
    caller: ReqData<Caller>,
    relationships: Data<Relationships>,
) -> Result<HttpResponse, Problem> {
    let asked: ListQuery = query::parse(&request)?;
    let id = |field: &str, text: &Option<String>| text.as_deref().map(|text| precondition::uuid(field, text)).transpose();
    let filters = Filters {
        limit: asked.limit,
        relationship_type: asked.relationship_type.as_deref().map(relationship_type).transpose()?,
        after: id("cursor", &asked.cursor)?.map(RelationshipId),
        source: id("source_id", &asked.source_id)?.map(MemoryId),
        target: id("target_id", &asked.target_id)?.map(MemoryId),
    };
    let when = When { min_position: asked.min_position, as_of: asked.as_of.as_deref() };
    kept::respond(&request, relationships.list(&caller, filters, when, &V1).await?)
}
