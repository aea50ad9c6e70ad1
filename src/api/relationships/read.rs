//! Reading one relationship and listing them. Called by the routes; answers from the read model only.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::{
    api::{
        ApiState,
        auth::Identity,
        cached::{self, Question},
        dto::graph::{RelationshipPage, RelationshipView},
        error::Problem,
        precondition, query,
    },
    domain::{
        ids::{MemoryId, RelationshipId},
        relationship::RelationshipType,
    },
    ports::{
        RelationshipQuery,
        cache::{Answer, Dep},
    },
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
    let ((as_of, min_position), space) = (asked.when(), &identity.0.space);
    let question = Question::new("relationship", &id, &[GRAPH], min_position).of(as_of, &[EDGE_HISTORY]);
    cached::serve(&request, (&state, &identity), question, async |at| match state.graph.relationship(space, id, at).await? {
        None => Err(Problem::new("relationship.not_found", "there is no relationship with this id")),
        Some(record) if record.relationship.deleted_at.is_some() => {
            Err(Problem::new("relationship.deleted", "the relationship is deleted; create it again"))
        }
        Some(record) => {
            let revision = Some(record.revision);
            Ok(Answer { revision, ..cached::answer(&RelationshipView::from(record), vec![Dep::relationship(space, id)])? })
        }
    })
    .await
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
    let listed = RelationshipQuery {
        limit,
        after: id("cursor", &filters.cursor)?.map(RelationshipId),
        source: id("source_id", &filters.source_id)?.map(MemoryId),
        target: id("target_id", &filters.target_id)?.map(MemoryId),
        relationship_type,
        at: None,
    };
    let space = &identity.0.space;
    let question = Question::new("relationships", &listed, &[GRAPH], filters.min_position);
    let question = question.of(filters.as_of.as_deref(), &[EDGE_HISTORY, MEMORY_HISTORY]);
    cached::serve(&request, (&state, &identity), question, async |at| {
        let (rows, next) = relationships::ask(space, &RelationshipQuery { at, ..listed.clone() }, &*state.graph).await?;
        let next_cursor = next.map(|id| id.to_string());
        let relationships = rows.into_iter().map(RelationshipView::from).collect();
        // Those of one memory come and go with it; all others with any.
        let around = listed.source.or(listed.target).map_or(Dep::edges(space), |end| Dep::node(space, end));
        cached::answer(&RelationshipPage { relationships, next_cursor }, vec![around, Dep::life(space)])
    })
    .await
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
