//! `GET /api/v1/status`. Called by the routes; shows numbers and names, never content or secrets.

use actix_web::{
    HttpResponse,
    http::Method,
    web::{self, Data, ReqData},
};

use crate::{
    api::http::{
        error::Problem,
        route::{READ, Route, shape},
    },
    app::{Caller, status::Overview},
    queries::status::Status,
};

/// The route of the status.
pub fn routes() -> Vec<Route> {
    vec![Route {
        who: READ,
        gives: (200, Some(shape::<Status>())),
        ..Route::new(Method::GET, "/api/v1/status", || web::to(handle), "How the whole stands")
    }]
}

async fn handle(caller: ReqData<Caller>, overview: Data<Overview>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(overview.status(&caller).await?))
}
