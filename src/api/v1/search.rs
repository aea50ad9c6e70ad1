//! `POST /api/v1/search`. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, Payload, ReqData},
};

use super::{
    dto::search::{SearchAnswer, SearchInput},
    filters,
    render::V1,
};
use crate::{
    api::http::{
        body::{self, MEMORY_BODY_BYTES_MAX},
        error::Problem,
        kept,
        route::{READ, Route, shape},
    },
    app::{
        Caller,
        search::{Search, Wanted},
    },
};

/// The route of searches.
pub fn routes() -> Vec<Route> {
    vec![Route {
        who: READ,
        takes: Some(shape::<SearchInput>()),
        gives: (200, Some(shape::<SearchAnswer>())),
        ..Route::new(Method::POST, "/api/v1/search", || web::to(handle), "Find memories by meaning and by words")
    }]
}

pub async fn handle(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    search: Data<Search>,
) -> Result<HttpResponse, Problem> {
    let input: SearchInput = body::of(&request, payload, MEMORY_BODY_BYTES_MAX).await?;
    let wanted = Wanted {
        query: &input.query,
        limit: input.limit,
        mode: input.mode.as_deref(),
        filter: Some(filters::read(input.filters.as_ref())?),
        min_score: input.min_score,
        fold: input.fold,
        wait: input.wait.as_deref(),
        min_position: input.min_position,
        without: &input.without,
        explain: input.explain,
        rerank: input.rerank,
    };
    kept::respond(&request, search.search(&caller, wanted, &V1).await?)
}
