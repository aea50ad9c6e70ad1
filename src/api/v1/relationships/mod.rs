//! `/api/v1/relationships/…`: each handler reads a request, asks [`crate::app::relationships`], and writes what came of it.

pub mod read;
pub mod write;

use actix_web::{http::Method, web};

use super::dto::graph::{Related, RelationshipInput, RelationshipPage, RelationshipPatch, RelationshipView};
use crate::api::http::{
    query::Moment,
    route::{CONDITIONAL, GRAPH_READ, GRAPH_WRITE, Route, Shape, query, shape},
};

const ALL: &str = "/api/v1/relationships";
const ONE: &str = "/api/v1/relationships/{id}";
const RELATED: (u16, Option<Shape>) = (200, Some(shape::<Related>()));

/// A route that changes one relationship.
fn change(method: Method, path: &'static str, handler: fn() -> actix_web::Route, summary: &'static str) -> Route {
    Route { who: GRAPH_WRITE, headers: CONDITIONAL, gives: RELATED, ..Route::new(method, path, handler, summary) }
}

/// The routes of relationships.
pub fn routes() -> Vec<Route> {
    vec![
        Route {
            takes: Some(shape::<RelationshipInput>()),
            gives: (201, RELATED.1),
            ..change(Method::POST, ALL, || web::to(write::create), "Relate two memories")
        },
        Route {
            takes: Some(shape::<RelationshipInput>()),
            ..change(Method::PUT, ALL, || web::to(write::put), "Make a relationship be exactly this")
        },
        Route {
            who: GRAPH_READ,
            query: query::<read::ListQuery>,
            gives: (200, Some(shape::<RelationshipPage>())),
            ..Route::new(Method::GET, ALL, || web::to(read::list), "List relationships between living memories")
        },
        Route {
            who: GRAPH_READ,
            query: query::<Moment>,
            headers: &["If-None-Match"],
            gives: (200, Some(shape::<RelationshipView>())),
            ..Route::new(Method::GET, ONE, || web::to(read::get), "Read a relationship")
        },
        Route {
            takes: Some(shape::<RelationshipPatch>()),
            ..change(Method::PATCH, ONE, || web::to(write::patch), "Change weight and properties")
        },
        change(Method::DELETE, ONE, || web::to(write::delete), "Delete a relationship"),
    ]
}
