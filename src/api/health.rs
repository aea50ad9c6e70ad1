//! What supervisors and scrapers ask without a key: alive, ready, metrics. Called by the routes; never touches the log.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{ApiState, error::Problem};

pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

pub async fn ready(state: web::Data<ApiState>) -> Result<HttpResponse, Problem> {
    (state.ready)().map_err(|reason| Problem::new("health.not_ready", reason))?;
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}

pub async fn metrics(state: web::Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body((state.metrics)())
}
