//! `GET /api/v1/audit`: who did what, when, by what and from where. Called by the routes; shows no content.

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, ReqData},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    api::http::{
        error::Problem,
        query,
        route::{Route, Who, query, shape},
    },
    app::{
        Caller,
        audit::{Audit, Entry, Wanted},
    },
    domain::{access::Scope, ids::PrincipalId},
    queries::audit::{LIMIT_MAX, resource_of},
};

/// The route of the audit.
pub fn routes() -> Vec<Route> {
    vec![Route {
        who: Who::May(Scope::AuditRead),
        query: query::<AuditParameters>,
        gives: (200, Some(shape::<AuditPage>())),
        ..Route::new(Method::GET, "/api/v1/audit", || web::to(handle), "Who did what, when, by what and from where, newest first")
    }]
}

/// Which changes are wanted.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct AuditParameters {
    /// Only what stands before this position; from the newest on when absent.
    #[param(schema_with = query::position)]
    before: Option<u64>,
    /// Only from this time on.
    since: Option<DateTime<Utc>>,
    /// Only before this time.
    until: Option<DateTime<Utc>>,
    /// Only what this principal has done.
    actor: Option<Uuid>,
    /// Types with commas, `key.*` for all of an aggregate; all when absent.
    types: Option<String>,
    /// Only what was done to this: `memory/0190f3d2-0000-7000-8000-000000000001`.
    resource: Option<String>,
    /// Entries of a page; 100 when absent.
    #[param(schema_with = limit)]
    limit: Option<u32>,
}

fn limit() -> utoipa::openapi::Object {
    query::whole(1, LIMIT_MAX.into())
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditEntry {
    pub position: u64,
    pub at: DateTime<Utc>,
    #[serde(rename = "type")]
    pub kind: String,
    /// What was changed: `memory/0190f3d2-…`.
    pub resource: String,
    pub revision: u64,
    /// Names of the fields that were changed, where the event tells them apart.
    pub changed: Vec<String>,
    pub actor: Uuid,
    /// What they are called today.
    pub actor_name: Option<String>,
    /// The API key that they came by.
    pub key: Option<Uuid>,
    pub key_label: Option<String>,
    /// The browser's session that they came in.
    #[serde(default)]
    pub session: Option<Uuid>,
    /// The browser of that session as it calls itself, while the session holds.
    #[serde(default)]
    pub session_agent: Option<String>,
    /// The other end of the connection, which may be a proxy.
    pub address: Option<String>,
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        let Entry { recorded, actor, key, session } = entry;
        let (event, via) = (recorded.event, |via: &crate::journal::envelope::Via| via.address.map(|address| address.to_string()));
        Self {
            position: recorded.seq.0,
            at: event.at,
            resource: resource_of(&event),
            revision: event.revision.0,
            actor: event.actor.0,
            actor_name: actor.map(|actor| actor.name.clone()),
            key: event.via.as_ref().and_then(|via| via.key).map(|key| key.0),
            session: event.via.as_ref().and_then(|via| via.session),
            session_agent: session.map(|session| session.agent),
            key_label: key.map(|key| key.label.clone()),
            address: event.via.as_ref().and_then(via),
            changed: event.changed,
            kind: event.kind,
        }
    }
}

/// Changes, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditPage {
    pub entries: Vec<AuditEntry>,
    /// What to send as `before` for the next page; absent at the end.
    pub next_before: Option<u64>,
}

async fn handle(request: HttpRequest, caller: ReqData<Caller>, audit: Data<Audit>) -> Result<HttpResponse, Problem> {
    let asked: AuditParameters = query::parse(&request)?;
    let AuditParameters { before, since, until, actor, types, resource, limit } = asked;
    let (types, resource, actor) = (types.as_deref(), resource.as_deref(), actor.map(PrincipalId));
    let page = audit.entries(&caller, Wanted { before, since, until, actor, types, resource, limit }).await?;
    let entries = page.entries.into_iter().map(AuditEntry::from).collect();
    Ok(HttpResponse::Ok().json(AuditPage { entries, next_before: page.before.map(|before| before.0) }))
}
