//! `/api/v1/graph/…`: what lies around a memory, ways between two, figures, pictures, exports. Called by the routes.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::Deserialize;

use super::{
    ApiState,
    auth::Identity,
    body::short,
    cached::{self, Question},
    dto::graph::{GraphStats, NeighborsAnswer, PathAnswer, SubgraphAnswer},
    error::Problem,
    precondition, query,
    relationships::read::relationship_type,
};
use crate::{
    domain::ids::MemoryId,
    ports::{Direction, Step, cache::Dep},
    queries::{
        EDGE_HISTORY, GRAPH, MEMORY_HISTORY,
        graph::{export, neighbors, path, subgraph},
    },
};

/// The projections that show the graph of a past moment.
const PAST: &[&str] = &[EDGE_HISTORY, MEMORY_HISTORY];

type Id = web::ReqData<Identity>;
type State = web::Data<ApiState>;

/// The parameters that each question takes; the routes see to it that there are no others.
pub const NEIGHBORS_QUERY: &[&str] = &["id", "depth", "limit", "direction", "types", "min_position", "as_of"];
pub const PATH_QUERY: &[&str] = &["source", "target", "direction", "types", "weighted", "k", "min_position", "as_of"];
pub const SUBGRAPH_QUERY: &[&str] = &["id", "depth", "limit", "min_position", "as_of"];
pub const EXPORT_QUERY: &[&str] = &["format", "min_position", "as_of"];

/// The parameters of all questions about the graph.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: Option<String>,
    source: Option<String>,
    target: Option<String>,
    depth: Option<u32>,
    limit: Option<u32>,
    direction: Option<String>,
    types: Option<String>,
    weighted: Option<bool>,
    k: Option<u32>,
    format: Option<String>,
    min_position: Option<u64>,
    as_of: Option<String>,
}

/// `GET /api/v1/graph/neighbors?id=`: level by level, at most 1,000 memories.
pub async fn neighbors(request: HttpRequest, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let asked: Asked = query::parse(&request)?;
    let start = MemoryId(id("id", &asked.id)?);
    let depth = depth(asked.depth)?;
    let limit = query::limit(asked.limit, neighbors::LIMIT_DEFAULT, neighbors::LIMIT_MAX)?;
    let (step, space) = (step(&asked)?, &identity.0.space);
    let question = question("neighbors", &(start, depth, limit, &step), &asked);
    cached::serve(&request, (&state, &identity), question, async |at| {
        let step = Step { at, ..step.clone() };
        let found = neighbors::ask(space, start, (depth, limit), &step, &*state.graph).await?.ok_or_else(no_memory)?;
        let nodes = std::iter::once(start).chain(found.reached.iter().map(|reached| reached.node.id));
        let deps = nodes.map(|id| Dep::node(space, id)).chain([Dep::life(space)]).collect();
        cached::answer(&NeighborsAnswer::from(found), deps)
    })
    .await
}

/// `GET /api/v1/graph/path?source=&target=`: up to five ways, shortest first.
pub async fn path(request: HttpRequest, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let asked: Asked = query::parse(&request)?;
    let count = asked.k.unwrap_or(1);
    if !(1..=path::PATHS_MAX).contains(&count) {
        return Err(bad("k", format!("k is {count}; it goes from 1 to {}", path::PATHS_MAX)));
    }
    let wanted = path::Question {
        source: MemoryId(id("source", &asked.source)?),
        target: MemoryId(id("target", &asked.target)?),
        step: step(&asked)?,
        weighted: asked.weighted.unwrap_or(false),
        count,
    };
    let space = &identity.0.space;
    cached::serve(&request, (&state, &identity), question("path", &wanted, &asked), async |at| {
        let wanted = path::Question { step: Step { at, ..wanted.step.clone() }, ..wanted.clone() };
        let paths = path::ask(space, &wanted, &*state.graph).await?;
        let nodes = paths.iter().flat_map(|path| path.nodes.iter()).map(|node| Dep::node(space, node.id));
        let deps = nodes.chain([Dep::edges(space), Dep::life(space)]).collect();
        cached::answer(&PathAnswer::from(paths), deps)
    })
    .await
}

/// `GET /api/v1/graph/stats`.
pub async fn stats(request: HttpRequest, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let asked: Asked = query::parse(&request)?;
    let space = &identity.0.space;
    cached::serve(&request, (&state, &identity), question("graph_stats", &(), &asked), async |at| {
        let stats = state.graph.stats(space, at).await?;
        let hubs = stats.hubs.iter().map(|(node, _)| Dep::node(space, node.id));
        let deps = hubs.chain([Dep::edges(space), Dep::census(space)]).collect();
        cached::answer(&GraphStats::from(stats), deps)
    })
    .await
}

/// `GET /api/v1/graph/subgraph`: the best connected memories, or those around `id`, with places for a picture.
pub async fn subgraph(request: HttpRequest, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let asked: Asked = query::parse(&request)?;
    let depth = depth(asked.depth)?;
    let around = match &asked.id {
        Some(_) => Some((MemoryId(id("id", &asked.id)?), depth)),
        None => None,
    };
    let limit = query::limit(asked.limit, subgraph::NODES_DEFAULT, subgraph::NODES_MAX)?;
    let space = &identity.0.space;
    cached::serve(&request, (&state, &identity), question("subgraph", &(around, limit), &asked), async |at| {
        let picture = subgraph::ask(space, around, limit, at, &*state.graph).await?.ok_or_else(no_memory)?;
        let nodes = picture.nodes.iter().map(|placed| Dep::node(space, placed.node.id));
        // Without a middle it is about the best connected of all.
        let whole = around.is_none().then(|| [Dep::edges(space), Dep::census(space)]);
        let deps = nodes.chain([Dep::life(space)]).chain(whole.into_iter().flatten()).collect();
        cached::answer(&SubgraphAnswer::from(picture), deps)
    })
    .await
}

/// `GET /api/v1/graph/export?format=json|graphml|gexf`.
pub async fn export(request: HttpRequest, identity: Id, state: State) -> Result<HttpResponse, Problem> {
    let asked: Asked = query::parse(&request)?;
    let name = asked.format.as_deref().unwrap_or("json");
    let format = export::Format::parse(name).ok_or_else(|| {
        let known = export::Format::ALL.map(|(name, _)| name).join(", ");
        bad("format", format!("format is one of {known}, not {:?}", short(name)))
    })?;
    let when = (asked.as_of.as_deref(), asked.min_position);
    let at = query::moment(&state, &identity, when, &[GRAPH], PAST).await?;
    let graph = export::ask(&identity.0.space, at, &*state.graph).await?;
    let file = format!("attachment; filename=\"graph.{name}\"");
    let answer = HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((header::CONTENT_DISPOSITION, file))
        .body(graph.write(format));
    Ok(answer)
}

fn question<'a>(kind: &'static str, wanted: &impl std::fmt::Debug, asked: &'a Asked) -> Question<'a> {
    Question::new(kind, wanted, &[GRAPH], asked.min_position).of(asked.as_of.as_deref(), PAST).dear()
}

fn id(field: &str, given: &Option<String>) -> Result<uuid::Uuid, Problem> {
    precondition::uuid(field, query::named(field, given.as_deref())?)
}

fn depth(given: Option<u32>) -> Result<u32, Problem> {
    let depth = given.unwrap_or(1);
    if (1..=neighbors::DEPTH_MAX).contains(&depth) {
        return Ok(depth);
    }
    Err(bad("depth", format!("depth is {depth}; it goes from 1 to {}", neighbors::DEPTH_MAX)))
}

fn step(asked: &Asked) -> Result<Step, Problem> {
    let direction = match asked.direction.as_deref() {
        None | Some("both") => Direction::Both,
        Some("out") => Direction::Out,
        Some("in") => Direction::In,
        Some(other) => return Err(bad("direction", format!("direction is one of out, in, both, not {:?}", short(other)))),
    };
    let names = asked.types.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(Step { direction, types: names.map(relationship_type).collect::<Result<_, _>>()?, ..Step::default() })
}

fn bad(field: &str, detail: String) -> Problem {
    Problem::new("graph.bad_parameter", detail).at(field, None, None)
}

fn no_memory() -> Problem {
    Problem::new("memory.not_found", "there is no living memory with this id").at("id", None, None)
}
