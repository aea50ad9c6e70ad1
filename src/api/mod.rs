//! The HTTP edge: who asks, what they sent, and what the answer looks like on the wire.
//!
//! Called by wiring, which hands over [`ApiState`] and runs the server. Never touches NATS or SQL; decides nothing itself.

pub mod admission;
pub mod auth;
mod body;
mod cached;
pub mod caches;
pub mod compression;
pub mod connections;
pub mod cors;
pub mod dto;
mod edge;
pub mod error;
pub mod events;
mod freshness;
mod graph;
pub mod headers;
mod health;
pub mod live;
mod memories;
pub mod openapi;
mod precondition;
mod query;
mod relationships;
pub mod replay;
pub mod routes;
mod search;
mod status;
mod webhooks;

use std::sync::Arc;

use actix_web::web;
use tokio_util::sync::CancellationToken;

use crate::{
    caches::Caches,
    commands::Commands,
    domain::ids::KeyId,
    fanout::live::Hub,
    ports::replay::Replay,
    ports::webhooks::{HttpSender, Prober, Vault, WebhookReads},
    ports::{
        Clock, DerivedLog, EventLog, Feed, GraphReads, HistoryReads, IdSource, KeyDirectory, MemoryReads, Positions,
        SelectionReads,
    },
    queries::{search::SearchParts, status::Part},
};

/// Everything the handlers need. More than ten fields, because it is the list of what the edge may touch and holds no state itself.
pub struct ApiState {
    pub commands: Arc<Commands>,
    pub memories: Arc<dyn MemoryReads>,
    pub selection: Arc<dyn SelectionReads>,
    pub graph: Arc<dyn GraphReads>,
    pub history: Arc<dyn HistoryReads>,
    pub caches: Arc<Caches>,
    pub search: SearchParts,
    pub replay: Arc<dyn Replay>,
    pub webhooks: WebhookParts,
    pub live: LiveParts,
    pub seats: admission::Seats,
    pub positions: Arc<dyn Positions>,
    pub log: Arc<dyn EventLog>,
    pub feed: Arc<dyn Feed>,
    pub derived: Arc<dyn DerivedLog>,
    pub keys: Arc<dyn KeyDirectory>,
    /// The key that stands in this process's credentials.json.
    pub file_key: KeyId,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    /// The parts that run, as `status` shows them.
    pub parts: Arc<dyn Fn() -> Vec<Part> + Send + Sync>,
    /// The metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// `Err` says in one sentence what is not ready.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

/// What the handlers of webhooks need.
pub struct WebhookParts {
    pub reads: Arc<dyn WebhookReads>,
    pub vault: Arc<dyn Vault>,
    pub sender: Arc<dyn HttpSender>,
    pub prober: Arc<dyn Prober>,
}

/// What the sockets and streams need.
pub struct LiveParts {
    pub hub: Arc<Hub>,
    pub door: live::door::Door,
    /// Sites whose pages may connect, beside our own: `https://example.org`.
    pub origins: Vec<String>,
    /// Tells all connections to go and come again.
    pub stop: CancellationToken,
}

/// Registers every route, or only those of health and metrics; give the result to `App::configure`. Clone it for each worker.
pub fn configure(state: ApiState, whole: bool) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let gate = auth::Gate { keys: state.keys.clone(), clock: state.clock.clone() };
    let state = web::Data::new(state);
    let scrapes = web::Data::new(health::Scrapes::default());
    move |config| {
        config.app_data(state.clone()).app_data(scrapes.clone());
        routes::register(config, &gate, whole);
    }
}
