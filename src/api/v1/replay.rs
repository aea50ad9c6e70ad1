//! `/api/v1/replay/…`: an operator's way to rebuild, roll back, verify, and look at what was put aside. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, Path, Payload, ReqData},
};
use serde::{Deserialize, Serialize};

use super::OPERATE;
use crate::{
    api::http::{
        body,
        error::Problem,
        query,
        route::{Route, Shape, query, shape},
    },
    app::{Caller, projections::Projections},
    domain::ids::StreamSeq,
    ports::replay::{Difference, ParkedEvent, Retried, Target},
    queries::status::ProjectionView,
};

const RETRY_BODY_BYTES_MAX: usize = 4 * 1_024;

/// The routes of replay.
pub fn routes() -> Vec<Route> {
    [of_projections(), of_parked()].into_iter().flatten().collect()
}

fn operate(
    method: Method,
    path: &'static str,
    handler: fn() -> actix_web::Route,
    gives: (u16, Shape),
    summary: &'static str,
) -> Route {
    Route { who: OPERATE, gives: (gives.0, Some(gives.1)), ..Route::new(method, path, handler, summary) }
}

fn of_projections() -> Vec<Route> {
    vec![
        operate(
            Method::GET,
            "/api/v1/replay",
            || web::to(projections),
            (200, shape::<ProjectionsAnswer>()),
            "Where every version of every projection stands",
        ),
        operate(
            Method::POST,
            "/api/v1/replay/{projection}/rebuild",
            || web::to(rebuild),
            (202, shape::<VersionAnswer>()),
            "Fill a projection anew beside the live one; GET /api/v1/replay shows its progress",
        ),
        operate(
            Method::POST,
            "/api/v1/replay/{projection}/rollback",
            || web::to(rollback),
            (202, shape::<VersionAnswer>()),
            "Stop a rebuild, or bring back the version that was live before",
        ),
        operate(
            Method::POST,
            "/api/v1/replay/{projection}/verify",
            || web::to(verify),
            (200, shape::<VerifyAnswer>()),
            "Prove that the rows of a projection are what the log says",
        ),
    ]
}

fn of_parked() -> Vec<Route> {
    vec![
        Route {
            query: query::<ParkedQuery>,
            ..operate(
                Method::GET,
                "/api/v1/replay/parked",
                || web::to(parked),
                (200, shape::<ParkedAnswer>()),
                "Events that could not be applied",
            )
        },
        Route {
            takes: Some(shape::<RetryInput>()),
            ..operate(
                Method::POST,
                "/api/v1/replay/{projection}/retry",
                || web::to(retry),
                (200, shape::<RetryAnswer>()),
                "Make the rows of an aggregate anew from the log, or apply one message once more",
            )
        },
        Route {
            takes: Some(shape::<RetryInput>()),
            ..operate(
                Method::POST,
                "/api/v1/replay/{projection}/skip",
                || web::to(skip),
                (200, shape::<SkipAnswer>()),
                "Let go what is parked of an aggregate: reads answer without it",
            )
        },
    ]
}

/// Of which projection; of all when absent.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct ParkedQuery {
    projection: Option<String>,
}

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
    async fn read(request: &HttpRequest, payload: Payload) -> Result<Target, Problem> {
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

async fn projections(caller: ReqData<Caller>, projections: Data<Projections>) -> Result<HttpResponse, Problem> {
    let projections = projections.list(&caller).await?;
    Ok(HttpResponse::Ok().json(ProjectionsAnswer { projections }))
}

async fn rebuild(path: Path<String>, caller: ReqData<Caller>, projections: Data<Projections>) -> Result<HttpResponse, Problem> {
    let version = projections.rebuild(&caller, &path).await?;
    Ok(HttpResponse::Accepted().json(VersionAnswer { projection: path.into_inner(), version }))
}

async fn rollback(path: Path<String>, caller: ReqData<Caller>, projections: Data<Projections>) -> Result<HttpResponse, Problem> {
    let version = projections.rollback(&caller, &path).await?;
    Ok(HttpResponse::Accepted().json(VersionAnswer { projection: path.into_inner(), version }))
}

async fn verify(path: Path<String>, caller: ReqData<Caller>, projections: Data<Projections>) -> Result<HttpResponse, Problem> {
    let found = projections.verify(&caller, &path).await?;
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

async fn parked(request: HttpRequest, caller: ReqData<Caller>, projections: Data<Projections>) -> Result<HttpResponse, Problem> {
    let asked: ParkedQuery = query::parse(&request)?;
    let parked = projections.parked(&caller, asked.projection.as_deref()).await?;
    Ok(HttpResponse::Ok().json(ParkedAnswer { parked }))
}

async fn retry(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    projections: Data<Projections>,
) -> Result<HttpResponse, Problem> {
    let target = RetryInput::read(&request, payload).await?;
    let Retried { applied, parked } = projections.retry(&caller, &path, &target).await?;
    Ok(HttpResponse::Ok().json(RetryAnswer { applied, parked }))
}

async fn skip(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    projections: Data<Projections>,
) -> Result<HttpResponse, Problem> {
    let target = RetryInput::read(&request, payload).await?;
    let skipped = projections.skip(&caller, &path, &target).await?;
    Ok(HttpResponse::Ok().json(SkipAnswer { skipped }))
}
