//! All routes in one list: method, path, who may, what it takes and gives. The OpenAPI document is made from the same list.
//!
//! Called by [`super::configure`]. Nothing is reachable that does not stand here.

mod live;
mod operators;
mod webhooks;

use actix_web::{
    ResponseError, guard,
    http::{Method, header},
    middleware::from_fn,
    web,
};

use super::{
    auth::Gate,
    edge::{self, Rules},
    error::Problem,
    events, graph, health, memories, openapi, relationships, search, status,
};
use crate::domain::access::KeyScope;

/// One route.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    /// The scope that a key must have; `None` for public routes.
    pub scope: Option<KeyScope>,
    pub summary: &'static str,
    /// Names of query parameters and request headers.
    pub query: &'static [&'static str],
    pub headers: &'static [&'static str],
    /// Names of the schemas of the body and of the answer.
    pub takes: Option<&'static str>,
    pub gives: (u16, Option<&'static str>),
    /// Whether the answer has no end: a stream or a socket.
    pub stays_open: bool,
    handler: fn() -> actix_web::Route,
}

const MEMORIES: &str = "/api/v1/memories";
const MEMORY: &str = "/api/v1/memories/{id}";
const READ: Option<KeyScope> = Some(KeyScope::MemoryRead);
const WRITE: Option<KeyScope> = Some(KeyScope::MemoryWrite);
const LIST_QUERY: &[&str] = &["limit", "cursor", "memory_type", "tag", "user_id", "agent_id", "run_id", "min_position", "as_of"];
const MOMENT: &[&str] = &["min_position", "as_of"];
const RELATIONSHIPS: &str = "/api/v1/relationships";
const RELATIONSHIP: &str = "/api/v1/relationships/{id}";
const KEY: &[&str] = &["Idempotency-Key"];
const CONDITIONAL: &[&str] = &["Idempotency-Key", "If-Match"];

fn route(method: Method, path: &'static str, handler: fn() -> actix_web::Route, summary: &'static str) -> Route {
    let (query, headers) = (&[], &[]);
    Route { method, path, scope: None, summary, query, headers, takes: None, gives: (200, None), stays_open: false, handler }
}

impl Route {
    /// Whether HEAD is answered as GET is, without the body. What stays open has no end to tell of.
    fn answers_head(&self) -> bool {
        self.method == Method::GET && !self.stays_open
    }
}

/// The list.
pub fn all() -> Vec<Route> {
    let mut routes = of_memories();
    routes.push(Route {
        scope: READ,
        takes: Some("SearchInput"),
        gives: (200, Some("SearchAnswer")),
        ..route(Method::POST, "/api/v1/search", || web::to(search::handle), "Find memories by meaning and by words")
    });
    routes.push(Route {
        scope: READ,
        query: &["after", "limit", "types", "wait_s"],
        gives: (200, Some("EventPage")),
        ..route(Method::GET, "/api/v1/events", || web::to(events::handle), "What happened, in order, page by page")
    });
    routes.extend(live::all());
    routes.extend(of_the_past());
    routes.extend(of_relationships());
    routes.extend(of_the_graph());
    routes.extend(webhooks::all());
    routes.extend(operators::all());
    routes.extend(of_operation());
    routes.extend(of_supervision());
    routes
}

fn of_memories() -> Vec<Route> {
    use memories::{batch, delete, read, write};
    const WRITTEN: (u16, Option<&str>) = (200, Some("Written"));
    vec![
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            takes: Some("MemoryInput"),
            gives: (201, Some("Written")),
            ..route(Method::POST, MEMORIES, || web::to(write::create), "Create a memory")
        },
        Route {
            scope: READ,
            query: LIST_QUERY,
            gives: (200, Some("MemoryPage")),
            ..route(Method::GET, MEMORIES, || web::to(read::list), "List living memories, newest first")
        },
        Route {
            scope: WRITE,
            headers: KEY,
            takes: Some("BatchInput"),
            gives: (200, Some("BatchAnswer")),
            ..route(Method::POST, "/api/v1/memories/batch", || web::to(batch::handle), "Create up to 1,000 memories")
        },
        Route {
            scope: WRITE,
            takes: Some("DeleteInput"),
            gives: (200, Some("DeleteAnswer")),
            ..route(
                Method::POST,
                "/api/v1/memories/delete",
                || web::to(delete::handle),
                "Delete all memories that pass a filter, or say which they are",
            )
        },
        Route {
            scope: READ,
            query: MOMENT,
            headers: &["If-None-Match"],
            gives: (200, Some("MemoryView")),
            ..route(Method::GET, MEMORY, || web::to(read::get), "Read a memory")
        },
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            takes: Some("MemoryPatch"),
            gives: WRITTEN,
            ..route(Method::PATCH, MEMORY, || web::to(write::patch), "Change some fields of a memory")
        },
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            takes: Some("MemoryInput"),
            gives: WRITTEN,
            ..route(Method::PUT, MEMORY, || web::to(write::put), "Make a memory be exactly this")
        },
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            gives: WRITTEN,
            ..route(Method::DELETE, MEMORY, || web::to(write::delete), "Delete a memory; it can be restored")
        },
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            gives: WRITTEN,
            ..route(Method::POST, "/api/v1/memories/{id}/restore", || web::to(write::restore), "Bring a deleted memory back")
        },
    ]
}

fn of_the_past() -> Vec<Route> {
    use memories::{history, write};
    vec![
        Route {
            scope: READ,
            query: &["limit", "before", "min_position"],
            gives: (200, Some("HistoryPage")),
            ..route(Method::GET, "/api/v1/memories/{id}/history", || web::to(history::list), "Every state that a memory had")
        },
        Route {
            scope: READ,
            query: &["from", "to", "min_position"],
            gives: (200, Some("DiffAnswer")),
            ..route(Method::GET, "/api/v1/memories/{id}/diff", || web::to(history::compare), "Compare two revisions")
        },
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            gives: (200, Some("Written")),
            ..route(
                Method::POST,
                "/api/v1/memories/{id}/undo",
                || web::to(write::undo),
                "Take the last change of a memory back, by a change of its own",
            )
        },
    ]
}

fn of_relationships() -> Vec<Route> {
    use relationships::{read, write};
    const RELATED: (u16, Option<&str>) = (200, Some("Related"));
    vec![
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            takes: Some("RelationshipInput"),
            gives: (201, Some("Related")),
            ..route(Method::POST, RELATIONSHIPS, || web::to(write::create), "Relate two memories")
        },
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            takes: Some("RelationshipInput"),
            gives: RELATED,
            ..route(Method::PUT, RELATIONSHIPS, || web::to(write::put), "Make a relationship be exactly this")
        },
        Route {
            scope: READ,
            query: &["limit", "cursor", "source_id", "target_id", "relationship_type", "min_position", "as_of"],
            gives: (200, Some("RelationshipPage")),
            ..route(Method::GET, RELATIONSHIPS, || web::to(read::list), "List relationships between living memories")
        },
        Route {
            scope: READ,
            query: MOMENT,
            headers: &["If-None-Match"],
            gives: (200, Some("RelationshipView")),
            ..route(Method::GET, RELATIONSHIP, || web::to(read::get), "Read a relationship")
        },
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            takes: Some("RelationshipPatch"),
            gives: RELATED,
            ..route(Method::PATCH, RELATIONSHIP, || web::to(write::patch), "Change weight and properties")
        },
        Route {
            scope: WRITE,
            headers: CONDITIONAL,
            gives: RELATED,
            ..route(Method::DELETE, RELATIONSHIP, || web::to(write::delete), "Delete a relationship")
        },
    ]
}

fn of_the_graph() -> Vec<Route> {
    let read = |path, query, handler, gives, summary| Route {
        scope: READ,
        query,
        gives: (200, gives),
        ..route(Method::GET, path, handler, summary)
    };
    vec![
        read(
            "/api/v1/graph/neighbors",
            graph::NEIGHBORS_QUERY,
            || web::to(graph::neighbors),
            Some("NeighborsAnswer"),
            "What lies around a memory, level by level",
        ),
        read(
            "/api/v1/graph/path",
            graph::PATH_QUERY,
            || web::to(graph::path),
            Some("PathAnswer"),
            "The shortest ways from one memory to another",
        ),
        read("/api/v1/graph/stats", MOMENT, || web::to(graph::stats), Some("GraphStats"), "What the graph amounts to"),
        read(
            "/api/v1/graph/subgraph",
            graph::SUBGRAPH_QUERY,
            || web::to(graph::subgraph),
            Some("SubgraphAnswer"),
            "A part of the graph with places for a picture",
        ),
        read(
            "/api/v1/graph/export",
            graph::EXPORT_QUERY,
            || web::to(graph::export),
            None,
            "The graph as node-link JSON, GraphML or GEXF",
        ),
    ]
}

fn of_operation() -> Vec<Route> {
    vec![
        Route {
            scope: READ,
            gives: (200, Some("Status")),
            ..route(Method::GET, "/api/v1/status", || web::to(status::handle), "How the whole stands")
        },
        route(Method::GET, "/api/v1/openapi.json", || web::to(openapi::handle), "This description as OpenAPI"),
        route(Method::GET, "/api/v1/asyncapi.json", || web::to(openapi::events), "The events as AsyncAPI"),
        route(Method::GET, "/docs", || web::to(openapi::docs), "This description for people"),
    ]
}

/// What every process serves, whatever its roles.
fn of_supervision() -> Vec<Route> {
    vec![
        route(Method::GET, "/health/live", || web::to(health::live), "Whether the process answers"),
        route(Method::GET, "/health/ready", || web::to(health::ready), "Whether it can serve requests"),
        route(Method::GET, "/metrics", || web::to(health::metrics), "Metrics for Prometheus"),
    ]
}

/// Registers the list, or what every process serves, 405 for other methods on its paths, and 404 for everything else.
pub(super) fn register(config: &mut web::ServiceConfig, gate: &Gate, whole: bool) {
    let mut routes = if whole { all() } else { of_supervision() };
    while let Some(first) = routes.first() {
        let path = first.path;
        let (here, rest): (Vec<_>, Vec<_>) = routes.into_iter().partition(|route| route.path == path);
        let head = here.iter().any(Route::answers_head).then_some("HEAD");
        let allowed = here.iter().map(|route| route.method.as_str()).chain(head).collect::<Vec<_>>().join(", ");
        let mut resource = web::resource(path).default_service(web::to(move || wrong_method(allowed.clone())));
        for route in here {
            resource = resource.route(guarded(&route, gate));
        }
        config.service(resource);
        routes = rest;
    }
    config.default_service(web::to(unknown));
}

fn guarded(route: &Route, gate: &Gate) -> actix_web::Route {
    let edge = (Rules::of(route), gate.clone());
    let handler = (route.handler)().wrap(from_fn(move |request, next| edge::pass(edge.clone(), request, next)));
    if route.answers_head() {
        handler.guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        handler.method(route.method.clone())
    }
}

async fn wrong_method(allowed: String) -> actix_web::HttpResponse {
    let mut answer = Problem::new("request.wrong_method", format!("this path answers {allowed}")).error_response();
    if let Ok(value) = header::HeaderValue::from_str(&allowed) {
        answer.headers_mut().insert(header::ALLOW, value);
    }
    answer
}

/// What every path outside the list answers.
pub async fn unknown() -> actix_web::HttpResponse {
    Problem::new("request.unknown_route", "there is nothing at this path; see /docs").error_response()
}

#[cfg(test)]
mod tests;
