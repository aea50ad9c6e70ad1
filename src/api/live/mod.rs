//! `/api/v1/ws`, `/api/v1/stream` and `/ws/{user_id}`: being told at once. Called by the routes; what is told is `fanout::live`'s to say.

pub mod auth;
pub mod socket;
pub mod stream;

use std::sync::Arc;

use actix_web::{
    HttpRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
    web,
};
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::path::Parameter;

use self::auth::{TOKEN, TokenAnswer, TokenInput};
use super::http::{
    error::Problem,
    query,
    route::{READ, Route, query, shape},
};
use crate::{
    app::{error::short, events::Events},
    domain::ids::Timestamp,
    fanout::live::{
        Hub,
        channel::{Narrowing, Wish},
    },
    ports::{Clock, IdSource},
};

/// Channels of one stream.
const CHANNELS_MAX: usize = 32;

/// What sockets and streams need.
pub struct Live {
    pub hub: Arc<Hub>,
    pub auth: auth::LiveAuth,
    /// Sites whose pages may connect, beside our own: `https://example.org`.
    pub origins: Vec<String>,
    pub events: Arc<Events>,
    pub ids: Arc<dyn IdSource>,
    /// Tells all connections to go and come again.
    pub stop: CancellationToken,
}

/// The routes of live streams.
pub fn routes() -> Vec<Route> {
    vec![
        Route {
            who: READ,
            takes: Some(shape::<TokenInput>()),
            gives: (200, Some(shape::<TokenAnswer>())),
            ..Route::new(Method::POST, "/api/v1/live/token", || web::to(auth::token), "A short-lived token for a live connection")
        },
        Route {
            who: READ,
            query: query::<Asked>,
            headers: &["Last-Event-ID"],
            stays_open: true,
            by_token: true,
            ..Route::new(
                Method::GET,
                "/api/v1/stream",
                || web::to(stream::handle),
                "Events as they happen, as server-sent events",
            )
        },
        // Who it is says the first frame, so everybody is let in that far.
        Route {
            query: without_token,
            stays_open: true,
            ..Route::new(
                Method::GET,
                "/api/v1/ws",
                || web::to(socket::handle),
                "Events as they happen, over a WebSocket (Centrifuge protocol, or the subprotocol cloudevents.json)",
            )
        },
        Route {
            query: query::<socket::LegacyAsked>,
            stays_open: true,
            ..Route::new(Method::GET, "/ws/{user_id}", || web::to(socket::legacy), "The WebSocket of the specification")
        },
    ]
}

fn without_token() -> Vec<Parameter> {
    query::<Asked>().into_iter().filter(|parameter| parameter.name != TOKEN).collect()
}

/// What a stream without commands of its own is asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Names with commas; everything when absent.
    channels: Option<String>,
    #[serde(default)]
    types: String,
    #[serde(default)]
    tags: String,
    #[serde(default)]
    memory_types: String,
    #[param(minimum = 0, maximum = 1)]
    importance_min: Option<f64>,
    /// Only events after this position; from now on when absent.
    #[param(schema_with = query::position)]
    after: Option<u64>,
    /// Was looked at before; see [`auth::authenticate_stream`].
    #[serde(rename = "token")]
    _token: Option<String>,
}

impl Asked {
    /// The channels, each narrowed to what is wanted of it.
    fn wishes(&self) -> Result<Vec<Wish>, Problem> {
        let bad = |field: &str, detail: String| Problem::new("live.bad_parameter", detail).at(field, None, None);
        let names: Vec<&str> = self.channels.as_deref().unwrap_or("space").split(',').map(str::trim).collect();
        if names.len() > CHANNELS_MAX {
            return Err(bad("channels", format!("channels has {}; {CHANNELS_MAX} are allowed", names.len())));
        }
        let narrowing = Narrowing {
            types: self.types.clone(),
            tags: self.tags.clone(),
            memory_types: self.memory_types.clone(),
            importance_min: self.importance_min,
        };
        names.into_iter().map(|name| narrowing.of(name).map_err(|misfit| bad(misfit.field(), misfit.to_string()))).collect()
    }
}

/// A page of another site must not open a socket in its visitor's name: a browser says whose page it is.
/// Programs that are no browser say nothing and are let in.
fn check_origin(request: &HttpRequest, allowed: &[String]) -> Result<(), Problem> {
    let host = header_text(request.headers(), header::HOST).unwrap_or_default();
    let is_known = |origin: &str| {
        let is_own = origin.split_once("://").is_some_and(|(_, rest)| rest == host);
        is_own || allowed.iter().any(|one| one == origin)
    };
    // What cannot be read is the name of some other site.
    let is_foreign = |origin: &&HeaderValue| !origin.to_str().is_ok_and(is_known);
    let Some(origin) = request.headers().get_all(header::ORIGIN).find(is_foreign) else { return Ok(()) };
    let origin = short(&String::from_utf8_lossy(origin.as_bytes()));
    let detail = format!("pages of {origin} may not connect; BRAIN_ALLOWED_ORIGINS names those that may");
    Err(Problem::new("live.origin_forbidden", detail))
}

/// The instant that the clock of this process will show as `at`; now when that is past.
fn until(at: Timestamp, clock: &dyn Clock) -> Instant {
    Instant::now() + (at - clock.now()).to_std().unwrap_or_default()
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
