//! Reading one relationship and listing them. Called by the routes; answers from the read model only.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::{
    api::{
        ApiState,
        auth::Identity,
        dto::graph::{RelationshipPage, RelationshipView},
        error::Problem,
        precondition, query,
    },
    domain::{
        ids::{MemoryId, RelationshipId},
        relationship::RelationshipType,
    },
    ports::RelationshipQuery,
    queries::{
        EDGE_HISTORY, GRAPH, MEMORY_HISTORY,
        relationships::{self, LIMIT_DEFAULT, LIMIT_MAX},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFilters {
    limit: Option<u32>,
    cursor: Option<String>,
    source_id: Option<String>,
    target_id: Option<String>,
    relationship_type: Option<String>,
    min_position: Option<u64>,
    as_of: Option<String>,
}

/// `GET /api/v1/relationships/{id}`: the bare relationship with its ETag.
pub async fn get(
    request: HttpRequest,
    path: web::Path<String>,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::relationship_id(&path)?;
    let asked: query::Moment = query::parse(&request)?;
    let at = query::moment(&state, &identity, asked.when(), GRAPH, &[EDGE_HISTORY]).await?;
    match state.graph.relationship(&identity.0.space, id, at).await? {
        None => Err(Problem::new("relationship.not_found", "there is no relationship with this id")),
        Some(record) if record.relationship.deleted_at.is_some() => {
            Err(Problem::new("relationship.deleted", "the relationship is deleted; create it again"))
        }
        Some(record) => Ok(precondition::unless_known(&request, record.revision, || RelationshipView::from(record))),
    }
}

/// `GET /api/v1/relationships`: a page of living relationships between living memories, in the order of their ids.
pub async fn list(
    request: HttpRequest,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let filters: ListFilters = query::parse(&request)?;
    let limit = query::limit(filters.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let id = |field: &str, text: &Option<String>| text.as_deref().map(|text| precondition::uuid(field, text)).transpose();
    let relationship_type = filters.relationship_type.as_deref().map(relationship_type).transpose()?;
    let mut question = RelationshipQuery {
        limit,
        after: id("cursor", &filters.cursor)?.map(RelationshipId),
        source: id("source_id", &filters.source_id)?.map(MemoryId),
        target: id("target_id", &filters.target_id)?.map(MemoryId),
        relationship_type,
        at: None,
    };
    let when = (filters.as_of.as_deref(), filters.min_position);
    question.at = query::moment(&state, &identity, when, GRAPH, &[EDGE_HISTORY, MEMORY_HISTORY]).await?;
    let (rows, next) = relationships::ask(&identity.0.space, &question, &*state.graph).await?;
    let next_cursor = next.map(|id| id.to_string());
    let relationships = rows.into_iter().map(RelationshipView::from).collect();
    Ok(HttpResponse::Ok().json(RelationshipPage { relationships, next_cursor }))
}

/// A type by its name. Errors: `relationship.type_unknown`.
pub fn relationship_type(text: &str) -> Result<RelationshipType, Problem> {
    RelationshipType::parse(text).ok_or_else(|| {
        let allowed = RelationshipType::ALL.map(RelationshipType::as_str);
        let detail = format!("a relationship's type is one of {}", allowed.join(", "));
        Problem::new("relationship.type_unknown", detail).at(
            "relationship_type",
            Some(allowed.to_vec().into()),
            Some(crate::api::body::short(text).into()),
        )
    })
}
