//! What a route may answer, by status and media type. Called by [`super`].

use serde_json::{Map, Value, json};

use super::{Route, content};
use crate::queries::graph::export;

/// All answers of a route. Whatever is refused is a problem, whose status is in its `code`'s row of the one table.
pub(super) fn of(route: &Route) -> Value {
    let mut answers = Map::new();
    let (status, _) = route.gives;
    if route.path.contains("/ws") {
        answers.insert("101".into(), json!({"description": "the socket is open"}));
        answers.insert("426".into(), json!({"description": "this is no WebSocket handshake", "content": problem()}));
    } else {
        answers.insert(status.to_string(), json!({"description": "done", "content": given(route)}));
    }
    if route.headers.contains(&"If-None-Match") {
        answers.insert("304".into(), json!({"description": "the client has this revision already"}));
    }
    let refusal = if route.form.is_some() { content("application/json", "OauthProblem") } else { problem() };
    answers.insert("default".into(), json!({"description": "refused", "content": refusal}));
    answers.into()
}

fn problem() -> Value {
    content("application/problem+json", "Problem")
}

fn given(route: &Route) -> Value {
    let texts = |media: &str| json!({media: {"schema": {"type": "string"}}});
    match (route.gives.1, route.path) {
        (Some(shape), _) => content("application/json", &(shape.name)()),
        (None, "/api/v1/stream") => texts("text/event-stream"),
        (None, "/metrics") => texts("text/plain"),
        (None, "/docs" | "/oauth/device" | "/oauth/authorize") => texts("text/html"),
        (None, "/api/v1/graph/export") => {
            export::Format::ALL.iter().map(|(_, format)| exported(*format)).collect::<Map<_, _>>().into()
        }
        (None, "/health/live" | "/health/ready") => {
            let status = json!({"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}});
            json!({"application/json": {"schema": status}})
        }
        (None, _) => json!({"application/json": {"schema": {"type": "object"}}}),
    }
}

fn exported(format: export::Format) -> (String, Value) {
    let kind = if matches!(format, export::Format::Json) { "object" } else { "string" };
    (format.media_type().to_owned(), json!({"schema": {"type": kind}}))
}
