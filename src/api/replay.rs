//! `/api/v1/replay/…`: an operator's way to rebuild, roll back, verify, and look at what was put aside. Called by the routes.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::{ApiState, auth::Identity, body, error::Problem, query};
use crate::{
    domain::ids::StreamSeq,
    ports::replay::{Difference, ParkedEvent, Retried, Target},
    queries::status::{self, ProjectionView},
};

const RETRY_BODY_BYTES_MAX: usize = 4 * 1_024;

type Id = web::ReqData<Identity>;
type State = web::Data<ApiState>;

/// Every version of every projection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProjectionsAnswer {
    pub projections: Vec<ProjectionView>,
}

/// The version of a projection that is being filled, or will be live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionAnswer {
    pub projection: String,
    pub version: u32,
}

/// Whether rows and log are equal, up to which position, and the first difference when they are not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VerifyAnswer {
    pub projection: String,
    pub equal: bool,
    pub position: u64,
    pub rows: u64,
    pub unequal_partitions: u64,
    pub difference: Option<Difference>,
    /// Events that are put aside: each is a difference.
    pub parked: u64,
    /// Events that an operator has let go.
    pub skipped: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParkedAnswer {
    pub parked: Vec<ParkedEvent>,
}

/// Which aggregate is meant, or which single message by its position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryInput {
    pub space: String,
    pub aggregate: String,
    pub id: String,
    /// Instead of the three: for a message that belongs to no aggregate because nobody can understand it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

impl RetryInput {
    /// What the body of a request names.
    async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Target, Problem> {
        let Self { space, aggregate: kind, id, position } = body::of(request, payload, RETRY_BODY_BYTES_MAX).await?;
        for (field, text) in [("space", &space), ("aggregate", &kind), ("id", &id)] {
            if text.contains('\0') {
                let detail = format!("{field} holds a U+0000 character");
                return Err(Problem::new("request.invalid_field", detail).at(field, None, None));
            }
        }
        Ok(position.map_or(Target::Aggregate { space, kind, id }, |seq| Target::Position(StreamSeq(seq))))
    }
}

/// What came of trying it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RetryAnswer {
    /// Events of the aggregate that are applied now.
    pub applied: usize,
    /// Events that could not be applied again, and stay parked.
    pub parked: usize,
}

/// What was let go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SkipAnswer {
    /// Events that stand in nobody's way any more.
    pub skipped: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParkedQuery {
    projection: Option<String>,
}

pub async fn projections(identity: Id, state: State) -> Result<HttpResponse, Problem> {
    identity.require_operator()?;
    let (_, projections) = status::projections(&*state.log, &*state.derived, &*state.positions).await?;
    Ok(HttpResponse::Ok().json(ProjectionsAnswer { projections }))
}

pub async fn rebuild(path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    identity.require_operator()?;
    let version = state.replay.rebuild(&path).await?;
    Ok(HttpResponse::Accepted().json(VersionAnswer { projection: path.into_inner(), version }))
}

pub async fn rollback(path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    identity.require_operator()?;
    let version = state.replay.rollback(&path).await?;
    Ok(HttpResponse::Accepted().json(VersionAnswer { projection: path.into_inner(), version }))
}

pub async fn verify(path: web::Path<String>, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    identity.require_operator()?;
    let found = state.replay.verify(&path).await?;
    Ok(HttpResponse::Ok().json(VerifyAnswer {
        projection: path.into_inner(),
        equal: found.is_equal(),
        position: found.position.0,
        rows: found.rows,
        unequal_partitions: found.unequal_partitions,
        difference: found.difference,
        parked: found.parked,
        skipped: found.skipped,
    }))
}

pub async fn parked(request: HttpRequest, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    identity.require_operator()?;
    let asked: ParkedQuery = query::parse(&request)?;
    let parked = state.replay.parked(asked.projection.as_deref()).await?;
    Ok(HttpResponse::Ok().json(ParkedAnswer { parked }))
}

pub async fn retry(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    identity: Id,
    state: State,
) -> Result<HttpResponse, Problem> {
    identity.require_operator()?;
    let target = RetryInput::read(&request, payload).await?;
    let Retried { applied, parked } = state.replay.retry(&path, &target).await?;
    // Rows have changed without an event.
    state.caches.store.flush(None);
    Ok(HttpResponse::Ok().json(RetryAnswer { applied, parked }))
}

pub async fn skip(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    identity: Id,
    state: State,
) -> Result<HttpResponse, Problem> {
    identity.require_operator()?;
    let target = RetryInput::read(&request, payload).await?;
    let skipped = state.replay.skip(&path, &target).await?;
    // What was hidden is shown again.
    state.caches.store.flush(None);
    Ok(HttpResponse::Ok().json(SkipAnswer { skipped }))
}
