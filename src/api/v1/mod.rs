//! The native API: `/api/v1/…`. A surface of its own: its routes, its views, its description.
//!
//! Called by [`super::configure`]. Each noun has its handlers and its routes together.

pub mod caches;
pub mod dto;
pub mod events;
pub mod filters;
mod graph;
mod memories;
pub mod openapi;
mod relationships;
mod render;
pub mod replay;
mod search;
mod status;
mod webhooks;

use super::http::route::Route;
use crate::domain::access::KeyScope;

/// Decision 2026-11-24: operators are those who may rewrite times in the instance's own space: the owner's key. Roles of their own
/// come with accounts.
const OPERATE: Option<KeyScope> = Some(KeyScope::MemoryImport);

/// Every route of the surface. Nothing is reachable that does not stand in such a list.
pub fn routes() -> Vec<Route> {
    [
        memories::routes(),
        search::routes(),
        events::routes(),
        relationships::routes(),
        graph::routes(),
        webhooks::routes(),
        replay::routes(),
        caches::routes(),
        status::routes(),
        openapi::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
