//! `GET /api/v1/events`: the feed for whoever would rather ask than be told. Called by the routes.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::{ApiState, auth::Identity, error::Problem, query};
use crate::{
    domain::ids::StreamSeq,
    journal::public::{PublicEvent, Types},
    queries::events::{self, LIMIT_DEFAULT, LIMIT_MAX, Question, WAIT_S_MAX},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    after: Option<u64>,
    limit: Option<u32>,
    types: Option<String>,
    wait_s: Option<u64>,
}

/// Every wanted event after `after` up to `position`, which is what to send as `after` next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventPage {
    pub events: Vec<PublicEvent>,
    pub position: u64,
    /// There is more in the log already.
    pub more: bool,
}

pub async fn handle(
    request: HttpRequest,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let asked: Asked = query::parse(&request)?;
    let limit = query::limit(asked.limit, LIMIT_DEFAULT, LIMIT_MAX)? as usize;
    let bad = |field: &str, detail: String| Problem::new("events.bad_parameter", detail).at(field, None, None);
    let types = Types::parse(asked.types.as_deref().unwrap_or_default()).map_err(|error| bad("types", error.to_string()))?;
    let wait_s = asked.wait_s.unwrap_or(0);
    if wait_s > WAIT_S_MAX {
        return Err(bad("wait_s", format!("wait_s is {wait_s}; it goes from 0 to {WAIT_S_MAX}")));
    }
    let after = StreamSeq(asked.after.unwrap_or(0));
    let question = Question { after, limit, types, wait: Duration::from_secs(wait_s) };
    let page = events::ask(&identity.0.space, &question, &*state.feed, &*state.log).await?;
    Ok(HttpResponse::Ok().json(EventPage { events: page.events, position: page.position.0, more: page.more }))
}
