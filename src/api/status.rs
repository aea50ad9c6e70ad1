//! `GET /api/v1/status`. Called by the routes; shows numbers and names, never content.

use actix_web::{HttpResponse, web};

use super::{ApiState, error::Problem};
use crate::queries::status::{self, Status};

pub async fn handle(state: web::Data<ApiState>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(of(&state).await?))
}

/// The status as it is now; `/metrics` shows it too.
pub(super) async fn of(state: &ApiState) -> Result<Status, status::Error> {
    let reads = &*state.search.reads;
    status::ask(&*state.log, &*state.derived, &*state.positions, reads, (state.parts)()).await
}
