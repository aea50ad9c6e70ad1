//! `/api/v1/memories/…`: each handler reads a request, asks [`crate::app::memories`], and writes what came of it.

pub mod batch;
pub mod delete;
pub mod history;
pub mod read;
pub mod write;

use actix_web::{http::Method, web};

use super::dto::{
    BatchAnswer, BatchInput, MemoryInput, MemoryPage, MemoryPatch, MemoryView, Written,
    delete::{DeleteAnswer, DeleteInput},
    history::{DiffAnswer, HistoryPage},
};
use crate::api::http::{
    query::Moment,
    route::{CONDITIONAL, READ, REPEATABLE, Route, Shape, WRITE, query, shape},
};

const ALL: &str = "/api/v1/memories";
const ONE: &str = "/api/v1/memories/{id}";
const WRITTEN: (u16, Option<Shape>) = (200, Some(shape::<Written>()));
type Handler = fn() -> actix_web::Route;

/// The routes of memories.
pub fn routes() -> Vec<Route> {
    [of_one(), of_many(), of_the_past()].into_iter().flatten().collect()
}

/// A route that changes one memory.
fn change(method: Method, path: &'static str, handler: Handler, summary: &'static str) -> Route {
    Route { who: WRITE, headers: CONDITIONAL, gives: WRITTEN, ..Route::new(method, path, handler, summary) }
}

fn of_one() -> Vec<Route> {
    vec![
        Route {
            takes: Some(shape::<MemoryInput>()),
            gives: (201, WRITTEN.1),
            ..change(Method::POST, ALL, || web::to(write::create), "Create a memory")
        },
        Route {
            who: READ,
            query: query::<Moment>,
            headers: &["If-None-Match"],
            gives: (200, Some(shape::<MemoryView>())),
            ..Route::new(Method::GET, ONE, || web::to(read::get), "Read a memory")
        },
        Route {
            takes: Some(shape::<MemoryPatch>()),
            ..change(Method::PATCH, ONE, || web::to(write::patch), "Change some fields of a memory")
        },
        Route {
            takes: Some(shape::<MemoryInput>()),
            ..change(Method::PUT, ONE, || web::to(write::put), "Make a memory be exactly this")
        },
        Route {
            query: query::<write::DeleteQuery>,
            ..change(
                Method::DELETE,
                ONE,
                || web::to(write::delete),
                "Delete a memory, which can be restored, or erase it for ever",
            )
        },
        change(Method::POST, "/api/v1/memories/{id}/restore", || web::to(write::restore), "Bring a deleted memory back"),
    ]
}

fn of_many() -> Vec<Route> {
    vec![
        Route {
            who: READ,
            query: query::<read::ListQuery>,
            gives: (200, Some(shape::<MemoryPage>())),
            ..Route::new(Method::GET, ALL, || web::to(read::list), "List living memories, newest first")
        },
        Route {
            who: WRITE,
            headers: REPEATABLE,
            takes: Some(shape::<BatchInput>()),
            gives: (200, Some(shape::<BatchAnswer>())),
            ..Route::new(Method::POST, "/api/v1/memories/batch", || web::to(batch::handle), "Create up to 1,000 memories")
        },
        Route {
            who: WRITE,
            takes: Some(shape::<DeleteInput>()),
            gives: (200, Some(shape::<DeleteAnswer>())),
            ..Route::new(
                Method::POST,
                "/api/v1/memories/delete",
                || web::to(delete::handle),
                "Delete all memories that pass a filter, or say which they are",
            )
        },
    ]
}

fn of_the_past() -> Vec<Route> {
    vec![
        Route {
            who: READ,
            query: query::<history::HistoryQuery>,
            gives: (200, Some(shape::<HistoryPage>())),
            ..Route::new(Method::GET, "/api/v1/memories/{id}/history", || web::to(history::list), "Every state that a memory had")
        },
        Route {
            who: READ,
            query: query::<history::DiffQuery>,
            gives: (200, Some(shape::<DiffAnswer>())),
            ..Route::new(Method::GET, "/api/v1/memories/{id}/diff", || web::to(history::compare), "Compare two revisions")
        },
        change(
            Method::POST,
            "/api/v1/memories/{id}/undo",
            || web::to(write::undo),
            "Take the last change of a memory back, by a change of its own",
        ),
    ]
}
