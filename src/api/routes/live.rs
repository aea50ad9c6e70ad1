//! The routes of live streams. Part of the list; see [`super::all`].

use actix_web::{http::Method, web};

use super::{READ, Route, route};
use crate::api::live::{door, socket, stream};

pub(super) fn all() -> Vec<Route> {
    vec![
        Route {
            scope: READ,
            takes: Some("TokenInput"),
            gives: (200, Some("TokenAnswer")),
            ..route(Method::POST, "/api/v1/live/token", || web::to(door::token), "A short-lived token for a live connection")
        },
        Route {
            scope: READ,
            query: &["channels", "types", "tags", "memory_types", "importance_min", "after", door::TOKEN],
            headers: &["Last-Event-ID"],
            stays_open: true,
            ..route(Method::GET, "/api/v1/stream", || web::to(stream::handle), "Events as they happen, as server-sent events")
        },
        // Who it is says the first frame, so the gate lets everybody come that far.
        Route {
            query: &["channels", "types", "tags", "memory_types", "importance_min", "after"],
            stays_open: true,
            ..route(
                Method::GET,
                "/api/v1/ws",
                || web::to(socket::handle),
                "Events as they happen, over a WebSocket (Centrifuge protocol, or the subprotocol cloudevents.json)",
            )
        },
        Route {
            query: &["api_key"],
            stays_open: true,
            ..route(Method::GET, "/ws/{user_id}", || web::to(socket::legacy), "The WebSocket of the specification")
        },
    ]
}
