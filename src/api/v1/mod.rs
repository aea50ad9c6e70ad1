//! The native API: `/api/v1/…`. A surface of its own: its routes, its views, its description.
//!
//! Called by [`super::configure`]. Each noun has its handlers and its routes together.

mod access;
pub mod audit;
pub mod caches;
pub mod dto;
mod erasures;
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
pub mod vault;
mod webhooks;

use super::http::route::{Route, Who};
use crate::domain::access::Scope;

/// Operators are those who have this scope in the instance's own space.
const OPERATE: Who = Who::May(Scope::ReplayAdmin);

/// Every route of the surface. Nothing is reachable that does not stand in such a list.
pub fn routes() -> Vec<Route> {
    [
        memories::routes(),
        search::routes(),
        events::routes(),
        erasures::routes(),
        relationships::routes(),
        graph::routes(),
        webhooks::routes(),
        replay::routes(),
        caches::routes(),
        vault::routes(),
        access::routes(),
        audit::routes(),
        status::routes(),
        openapi::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
