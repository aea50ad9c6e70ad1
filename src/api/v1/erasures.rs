//! `/api/v1/erasures`: what was erased, with the receipts. Called by the routes. To erase is a way to delete: see [`super::memories`].

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, Path, ReqData},
};
use serde::Deserialize;

use super::dto::erasure::{ErasurePage, ErasureView};
use crate::{
    api::http::{
        error::Problem,
        precondition, query,
        route::{READ, Route, query as parameters, shape},
    },
    app::{
        Caller,
        erasures::{Erasures, LIMIT_MAX, Wanted},
    },
};

pub(super) const ALL: &str = "/api/v1/erasures";

/// The routes of erasures.
pub fn routes() -> Vec<Route> {
    vec![
        Route {
            who: READ,
            query: parameters::<ListQuery>,
            gives: (200, Some(shape::<ErasurePage>())),
            ..Route::new(Method::GET, ALL, || web::to(list), "Memories that were erased, newest first, with their receipts")
        },
        Route {
            who: READ,
            query: parameters::<OneQuery>,
            gives: (200, Some(shape::<ErasureView>())),
            ..Route::new(Method::GET, "/api/v1/erasures/{id}", || web::to(get), "What became of an erased memory, by its id")
        },
    ]
}

/// Which erasures are shown.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Erasures of a page; 50 when absent.
    #[param(schema_with = limit)]
    limit: Option<u32>,
    /// Only erasures before this position: `next_before` of the page before.
    #[param(schema_with = query::position)]
    before: Option<u64>,
    /// Only those of which something is still to be destroyed.
    open: Option<bool>,
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
}

/// How new the answer must be.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OneQuery {
    /// The answer shows everything up to this position.
    #[param(schema_with = query::position)]
    min_position: Option<u64>,
}

fn limit() -> utoipa::openapi::Object {
    query::whole(1, LIMIT_MAX.into())
}

/// `GET /api/v1/erasures`.
async fn list(request: HttpRequest, caller: ReqData<Caller>, erasures: Data<Erasures>) -> Result<HttpResponse, Problem> {
    let ListQuery { limit, before, open, min_position } = query::parse(&request)?;
    let wanted = Wanted { limit, before, open: open.unwrap_or(false), min_position };
    let (found, next) = erasures.list(&caller, wanted).await?;
    let erasures = found.into_iter().map(ErasureView::from).collect();
    Ok(HttpResponse::Ok().json(ErasurePage { erasures, next_before: next.map(|next| next.0) }))
}

/// `GET /api/v1/erasures/{id}`.
async fn get(
    request: HttpRequest,
    path: Path<String>,
    caller: ReqData<Caller>,
    erasures: Data<Erasures>,
) -> Result<HttpResponse, Problem> {
    let id = precondition::memory_id(&path)?;
    let asked: OneQuery = query::parse(&request)?;
    Ok(HttpResponse::Ok().json(ErasureView::from(erasures.get(&caller, id, asked.min_position).await?)))
}
