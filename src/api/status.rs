//! `GET /api/v1/status`. Called by the routes; shows numbers and names, never content.

use actix_web::{HttpResponse, web};

use super::{ApiState, error::Problem};
use crate::queries;

pub async fn handle(state: web::Data<ApiState>) -> Result<HttpResponse, Problem> {
    let reads = &*state.search.reads;
    let status = queries::status::ask(&*state.log, &*state.derived, &*state.positions, reads, (state.parts)()).await?;
    Ok(HttpResponse::Ok().json(status))
}
