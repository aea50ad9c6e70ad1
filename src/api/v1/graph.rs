//! `/api/v1/graph/…`: each handler reads a request, asks [`crate::app::graph`], and writes what came of it. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{self, Data, ReqData},
};
use serde::Deserialize;

use super::{
    dto::graph::{GraphStats, NeighborsAnswer, PathAnswer, SubgraphAnswer},
    render::V1,
};
use crate::{
    api::http::{
        error::Problem,
        kept, precondition,
        query::{self, Moment},
        route::{GRAPH_READ, Route, query, shape},
    },
    app::{
        Caller, When,
        graph::{Graph, Walk, Ways, export_format},
    },
    domain::ids::MemoryId,
    queries::graph::{export, neighbors, path, subgraph},
};

const EXPORT: &str = "/api/v1/graph/export";

/// The routes of the graph.
pub fn routes() -> Vec<Route> {
    let read = |path, handler, summary| Route { who: GRAPH_READ, ..Route::new(Method::GET, path, handler, summary) };
    vec![
        Route {
            query: query::<NeighborsQuery>,
            gives: (200, Some(shape::<NeighborsAnswer>())),
            ..read("/api/v1/graph/neighbors", || web::to(get_neighbors), "What lies around a memory, level by level")
        },
        Route {
            query: query::<PathQuery>,
            gives: (200, Some(shape::<PathAnswer>())),
            ..read("/api/v1/graph/path", || web::to(get_path), "The shortest ways from one memory to another")
        },
        Route {
            query: query::<Moment>,
            gives: (200, Some(shape::<GraphStats>())),
            ..read("/api/v1/graph/stats", || web::to(get_stats), "What the graph amounts to")
        },
        Route {
            query: query::<SubgraphQuery>,
            gives: (200, Some(shape::<SubgraphAnswer>())),
            ..read("/api/v1/graph/subgraph", || web::to(get_subgraph), "A part of the graph with places for a picture")
        },
        Route {
            query: query::<ExportQuery>,
            ..read(EXPORT, || web::to(get_export), "The graph as node-link JSON, GraphML or GEXF")
        },
    ]
}

/// Around which memory, how far, and along which relationships.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct NeighborsQuery {
    #[param(value_type = Uuid, required = true)]
    id: Option<String>,
    /// Levels; 1 when absent.
    #[param(schema_with = depth)]
    depth: Option<u32>,
    /// Memories in all; 100 when absent.
    #[param(schema_with = reached)]
    limit: Option<u32>,
    #[param(schema_with = directions)]
    direction: Option<String>,
    /// Types of relationships with commas; all when absent.
    types: Option<String>,
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
    /// A past moment: a position, or a time as in RFC 3339.
    #[param(schema_with = query::as_of)]
    as_of: Option<String>,
}

/// From where to where, and along which relationships.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct PathQuery {
    #[param(value_type = Uuid, required = true)]
    source: Option<String>,
    #[param(value_type = Uuid, required = true)]
    target: Option<String>,
    #[param(schema_with = directions)]
    direction: Option<String>,
    /// Types of relationships with commas; all when absent.
    types: Option<String>,
    /// Whether a heavier relationship is a shorter one.
    weighted: Option<bool>,
    /// Ways; 1 when absent.
    #[param(schema_with = ways)]
    k: Option<u32>,
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
    /// A past moment: a position, or a time as in RFC 3339.
    #[param(schema_with = query::as_of)]
    as_of: Option<String>,
}

/// Around which memory, or the best connected ones.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct SubgraphQuery {
    #[param(value_type = Option<Uuid>)]
    id: Option<String>,
    /// Levels around `id`; 1 when absent.
    #[param(schema_with = depth)]
    depth: Option<u32>,
    /// Memories in all; 200 when absent.
    #[param(schema_with = nodes)]
    limit: Option<u32>,
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
    /// A past moment: a position, or a time as in RFC 3339.
    #[param(schema_with = query::as_of)]
    as_of: Option<String>,
}

/// In which format.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    #[param(schema_with = formats)]
    format: Option<String>,
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
    /// A past moment: a position, or a time as in RFC 3339.
    #[param(schema_with = query::as_of)]
    as_of: Option<String>,
}

fn depth() -> utoipa::openapi::Object {
    query::whole(1, neighbors::DEPTH_MAX.into())
}

fn reached() -> utoipa::openapi::Object {
    query::whole(1, neighbors::LIMIT_MAX.into())
}

fn ways() -> utoipa::openapi::Object {
    query::whole(1, path::PATHS_MAX.into())
}

fn nodes() -> utoipa::openapi::Object {
    query::whole(1, subgraph::NODES_MAX.into())
}

fn directions() -> utoipa::openapi::Object {
    query::one_of(["out", "in", "both"])
}

fn formats() -> utoipa::openapi::Object {
    query::one_of(export::Format::ALL.map(|(name, _)| name))
}

/// `GET /api/v1/graph/neighbors?id=`: level by level, at most 1,000 memories.
async fn get_neighbors(request: HttpRequest, caller: ReqData<Caller>, graph: Data<Graph>) -> Result<HttpResponse, Problem> {
    let asked: NeighborsQuery = query::parse(&request)?;
    let start = id("id", &asked.id)?;
    let walk = Walk { direction: asked.direction.as_deref(), types: asked.types.as_deref() };
    let when = When { min_position: asked.min_position, as_of: asked.as_of.as_deref() };
    kept::respond(&request, graph.neighbors(&caller, (start, asked.depth, asked.limit), walk, when, &V1).await?)
}

/// `GET /api/v1/graph/path?source=&target=`: up to five ways, shortest first.
async fn get_path(request: HttpRequest, caller: ReqData<Caller>, graph: Data<Graph>) -> Result<HttpResponse, Problem> {
    let asked: PathQuery = query::parse(&request)?;
    let ways = Ways {
        source: id("source", &asked.source)?,
        target: id("target", &asked.target)?,
        weighted: asked.weighted.unwrap_or(false),
        count: asked.k,
    };
    let walk = Walk { direction: asked.direction.as_deref(), types: asked.types.as_deref() };
    let when = When { min_position: asked.min_position, as_of: asked.as_of.as_deref() };
    kept::respond(&request, graph.paths(&caller, ways, walk, when, &V1).await?)
}

/// `GET /api/v1/graph/stats`.
async fn get_stats(request: HttpRequest, caller: ReqData<Caller>, graph: Data<Graph>) -> Result<HttpResponse, Problem> {
    let asked: Moment = query::parse(&request)?;
    kept::respond(&request, graph.stats(&caller, asked.when(), &V1).await?)
}

/// `GET /api/v1/graph/subgraph`: the best connected memories, or those around `id`, with places for a picture.
async fn get_subgraph(request: HttpRequest, caller: ReqData<Caller>, graph: Data<Graph>) -> Result<HttpResponse, Problem> {
    let asked: SubgraphQuery = query::parse(&request)?;
    let middle = asked.id.as_ref().map(|_| id("id", &asked.id)).transpose()?;
    let when = When { min_position: asked.min_position, as_of: asked.as_of.as_deref() };
    kept::respond(&request, graph.subgraph(&caller, (middle, asked.depth, asked.limit), when, &V1).await?)
}

/// `GET /api/v1/graph/export?format=json|graphml|gexf`.
async fn get_export(request: HttpRequest, caller: ReqData<Caller>, graph: Data<Graph>) -> Result<HttpResponse, Problem> {
    let asked: ExportQuery = query::parse(&request)?;
    let name = asked.format.as_deref().unwrap_or("json");
    let format = export_format(name)?;
    let when = When { min_position: asked.min_position, as_of: asked.as_of.as_deref() };
    let graph = graph.export(&caller, when).await?;
    let file = format!("attachment; filename=\"graph.{name}\"");
    let answer = HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((header::CONTENT_DISPOSITION, file))
        .body(graph.write(format));
    Ok(answer)
}

fn id(field: &str, given: &Option<String>) -> Result<MemoryId, Problem> {
    precondition::uuid(field, query::named(field, given.as_deref())?).map(MemoryId)
}
