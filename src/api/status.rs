//! `GET /api/v1/status`. Called by the routes; shows numbers and names, never content or secrets.

use actix_web::{HttpResponse, web};

use super::{ApiState, auth::Identity, error::Problem};
use crate::queries::status::{self, Status};

pub async fn handle(identity: web::ReqData<Identity>, state: web::Data<ApiState>) -> Result<HttpResponse, Problem> {
    let space = identity.require_operator().is_err().then_some(&identity.0.space);
    let keys = status::living_keys(state.keys.all(), state.clock.now(), space, state.file_key);
    Ok(HttpResponse::Ok().json(Status { keys, ..of(&state).await? }))
}

/// The status as it is now; `/metrics` shows it too.
pub(super) async fn of(state: &ApiState) -> Result<Status, status::Error> {
    let reads = &*state.search.reads;
    status::ask(&*state.log, &*state.derived, &*state.positions, reads, (state.parts)()).await
}
