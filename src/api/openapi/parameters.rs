//! What each parameter of a route may be, by its place and name. Called by [`super`]; the handlers check the same.

use serde_json::{Value, json};

use super::Route;
use crate::{
    api::{caches, webhooks::deliveries},
    domain::relationship::RelationshipType,
    queries::{
        events,
        graph::{export, neighbors, path, subgraph},
        history, list, relationships,
    },
};

/// `*`, or tags with commas; a bare number is taken for the tag that it means.
const TAGS: &str = r##"^(\*|((W/)?"[!#-~]*"|0|[1-9][0-9]{0,17})( *, *((W/)?"[!#-~]*"|0|[1-9][0-9]{0,17}))*)$"##;

/// All parameters of a route.
pub(super) fn of(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path = in_path.map(|name| parameter("path", name, true, path_schema(name)));
    let query =
        route.query.iter().map(|name| parameter("query", name, is_needed(route.path, name), query_schema(route.path, name)));
    let headers = route.headers.iter().map(|name| parameter("header", name, false, header_schema(name)));
    in_path.chain(query).chain(headers).collect()
}

fn parameter(place: &str, name: &str, required: bool, schema: Value) -> Value {
    json!({"name": name, "in": place, "required": required, "schema": schema})
}

fn is_needed(path: &str, name: &str) -> bool {
    matches!(
        (path, name),
        ("/api/v1/graph/neighbors", "id")
            | ("/api/v1/graph/path", "source" | "target")
            | ("/api/v1/memories/{id}/diff", "from" | "to")
    )
}

fn path_schema(name: &str) -> Value {
    match name {
        "id" => uuid(),
        "position" => whole(0, None),
        _ => text(),
    }
}

fn header_schema(name: &str) -> Value {
    match name {
        "Last-Event-ID" => whole(0, None),
        "Idempotency-Key" => json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}),
        "If-Match" => json!({"type": "string", "pattern": TAGS}),
        _ => text(),
    }
}

fn query_schema(path: &str, name: &str) -> Value {
    match name {
        "limit" => whole(1, Some(limit_max(path).into())),
        "min_position" | "after" | "before" | "from" | "to" => whole(0, None),
        "depth" => whole(1, Some(neighbors::DEPTH_MAX.into())),
        "k" => whole(1, Some(path::PATHS_MAX.into())),
        "wait_s" => whole(0, Some(events::WAIT_S_MAX)),
        "importance_min" => json!({"type": "number", "minimum": 0, "maximum": 1}),
        "weighted" => json!({"type": "boolean"}),
        "id" | "source" | "target" | "source_id" | "target_id" => uuid(),
        "cursor" if path != "/api/v1/memories" => uuid(),
        "direction" => one_of(&["out", "in", "both"]),
        "format" => one_of(&export::Format::ALL.map(|(name, _)| name)),
        "relationship_type" => one_of(&RelationshipType::ALL.map(RelationshipType::as_str)),
        "state" => one_of(&deliveries::STATES),
        "as_of" => json!({
            "description": "A position, or a time as in RFC 3339.",
            "anyOf": [whole(0, None), {"type": "string", "format": "date-time"}],
        }),
        _ => text(),
    }
}

fn limit_max(path: &str) -> u32 {
    match path {
        "/api/v1/caches" => caches::LIMIT_MAX,
        "/api/v1/events" => events::LIMIT_MAX,
        "/api/v1/graph/neighbors" => neighbors::LIMIT_MAX,
        "/api/v1/graph/subgraph" => subgraph::NODES_MAX,
        "/api/v1/memories/{id}/history" => history::LIMIT_MAX,
        "/api/v1/relationships" => relationships::LIMIT_MAX,
        path if path.starts_with("/api/v1/webhooks") => crate::queries::webhooks::LIMIT_MAX,
        _ => list::LIMIT_MAX,
    }
}

fn text() -> Value {
    json!({"type": "string"})
}

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

fn one_of(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

fn whole(minimum: u64, maximum: Option<u64>) -> Value {
    // Greater ones than Postgres can count are no position of anything.
    json!({"type": "integer", "format": "int64", "minimum": minimum, "maximum": maximum.unwrap_or(i64::MAX as u64)})
}
