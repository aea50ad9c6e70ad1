//! `/api/v1/delegations`: the clients that act for the caller, and their end. Called by the routes.

use actix_web::{HttpResponse, http::Method, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    api::http::{
        error::Problem,
        route::{Route, Who, shape},
    },
    app::{Caller, oauth::Oauth},
    domain::{access::Credential, delegation::Delegation},
};

/// A client that acts for the caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DelegationView {
    pub id: Uuid,
    pub client: String,
    pub client_name: String,
    pub scopes: Vec<String>,
    /// All that the caller belongs to when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    pub created_at: DateTime<Utc>,
    /// When it has last got new tokens.
    pub refreshed_at: DateTime<Utc>,
    /// When it is over if it gets none any more.
    pub ends_at: DateTime<Utc>,
    /// The client as it called itself.
    pub agent: String,
    /// The address that it came from.
    pub address: String,
    /// Whether this very request came by one of its tokens.
    pub current: bool,
}

/// The newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DelegationList {
    pub delegations: Vec<DelegationView>,
}

pub fn routes() -> Vec<Route> {
    vec![
        Route {
            who: Who::Known,
            gives: (200, Some(shape::<DelegationList>())),
            ..Route::new(Method::GET, "/api/v1/delegations", || web::to(list), "The clients that act for the caller")
        },
        Route {
            who: Who::Known,
            gives: (204, None),
            ..Route::new(Method::DELETE, "/api/v1/delegations/{id}", || web::to(end), "Let a client act for the caller no longer")
        },
    ]
}

async fn list(caller: web::ReqData<Caller>, oauth: web::Data<Oauth>) -> HttpResponse {
    let view = |it: &Delegation| DelegationView {
        id: it.id,
        client: it.client.clone(),
        client_name: it.client_name.clone(),
        scopes: it.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        space: it.space.as_ref().map(ToString::to_string),
        created_at: it.created_at,
        refreshed_at: it.refreshed_at,
        ends_at: it.ends_at(),
        agent: it.agent.clone(),
        address: it.address.clone(),
        current: caller.credential() == Credential::Token(it.id),
    };
    let delegations = oauth.delegations.of(caller.principal()).iter().map(|it| view(it)).collect();
    HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(DelegationList { delegations })
}

async fn end(caller: web::ReqData<Caller>, id: web::Path<String>, oauth: web::Data<Oauth>) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new("oauth.unknown_delegation", "no such client acts for you");
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let principal = caller.principal();
    let ended = oauth.delegations.end(|it| it.id == id && it.principal == principal).await?;
    if ended == 0 { Err(unknown()) } else { Ok(HttpResponse::NoContent().finish()) }
}
