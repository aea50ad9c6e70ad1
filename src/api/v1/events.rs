//! `GET /api/v1/events`: the feed for whoever would rather ask than be told. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, ReqData},
};
use serde::{Deserialize, Serialize};

use crate::{
    api::http::{
        error::Problem,
        query,
        route::{READ, Route, query, shape},
    },
    app::{
        Caller,
        events::{Events, Wanted},
    },
    journal::public::PublicEvent,
    queries::events::{LIMIT_MAX, WAIT_S_MAX},
};

/// The route of the feed.
pub fn routes() -> Vec<Route> {
    vec![Route {
        who: READ,
        query: query::<EventsQuery>,
        gives: (200, Some(shape::<EventPage>())),
        ..Route::new(Method::GET, "/api/v1/events", || web::to(handle), "What happened, in order, page by page")
    }]
}

/// Which events are wanted, and for how long one waits for the first.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// Only events after this position; from the beginning when absent.
    #[param(schema_with = query::position)]
    after: Option<u64>,
    /// Events of a page; 100 when absent.
    #[param(schema_with = limit)]
    limit: Option<u32>,
    /// Types with commas; all when absent.
    types: Option<String>,
    /// Seconds to wait for the first event; 0 when absent.
    #[param(schema_with = wait)]
    wait_s: Option<u64>,
}

fn limit() -> utoipa::openapi::Object {
    query::whole(1, LIMIT_MAX.into())
}

fn wait() -> utoipa::openapi::Object {
    query::whole(0, WAIT_S_MAX)
}

/// Every wanted event after `after` up to `position`, which is what to send as `after` next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventPage {
    pub events: Vec<PublicEvent>,
    pub position: u64,
    /// There is more in the log already.
    pub more: bool,
}

async fn handle(request: HttpRequest, caller: ReqData<Caller>, events: Data<Events>) -> Result<HttpResponse, Problem> {
    let asked: EventsQuery = query::parse(&request)?;
    let (after, types) = (asked.after.unwrap_or(0), asked.types.as_deref());
    let page = events.page(&caller, Wanted { after, limit: asked.limit, types, wait_s: asked.wait_s }).await?;
    Ok(HttpResponse::Ok().json(EventPage { events: page.events, position: page.position.0, more: page.more }))
}
