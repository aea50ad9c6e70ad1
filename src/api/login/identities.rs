//! `/auth/{provider}/link` and `/api/v1/me/identities`: the login providers that somebody is known to. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web,
};
use serde::{Deserialize, Serialize};

use super::{flow, visitor, wanted};
use crate::{
    api::http::{
        body,
        error::Problem,
        query::named,
        route::{Route, Who, query as parameters, shape},
        session::shown,
    },
    app::{
        Caller,
        login::{Linked, Login},
        sessions::Shown,
    },
    domain::access::Identity,
};

const BODY_BYTES_MAX: usize = 16 * 1_024;

type Data = web::Data<Login>;

/// Where a browser goes to be known by a further provider.
#[derive(Serialize, utoipa::ToSchema)]
struct LinkBegun {
    url: String,
}

/// By what a login provider knows the caller.
#[derive(Serialize, utoipa::ToSchema)]
struct IdentityView {
    issuer: String,
    subject: String,
    /// What the provider is called here; absent if the settings name it no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
}

/// The caller's identities, the oldest first.
#[derive(Serialize, utoipa::ToSchema)]
struct IdentityList {
    identities: Vec<IdentityView>,
}

/// The identity to take away.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct IdentityInput {
    issuer: Option<String>,
    subject: Option<String>,
}

/// The routes of identities.
pub fn routes() -> Vec<Route> {
    vec![
        Route {
            who: Who::Known,
            query: parameters::<super::Wanted>,
            gives: (200, Some(shape::<LinkBegun>())),
            ..Route::new(
                Method::POST,
                "/auth/{provider}/link",
                || web::to(begin),
                "Begin to make the caller known to a further login provider",
            )
        },
        Route {
            who: Who::Known,
            gives: (200, Some(shape::<IdentityList>())),
            ..Route::new(
                Method::GET,
                "/api/v1/me/identities",
                || web::to(list),
                "The login providers that the caller is known to",
            )
        },
        Route {
            who: Who::Known,
            takes: Some(shape::<IdentityInput>()),
            gives: (204, None),
            ..Route::new(
                Method::POST,
                "/api/v1/me/identities/unlink",
                || web::to(unlink),
                "Make a login provider know the caller no more, and end the sessions that it has opened",
            )
        },
    ]
}

async fn begin(
    request: HttpRequest,
    provider: web::Path<String>,
    session: Option<web::ReqData<Shown>>,
    login: Data,
) -> Result<HttpResponse, Problem> {
    let session = shown(session)?;
    let asked = wanted(&request)?;
    let begun = login.begin_linking(&provider, asked.return_to.as_deref(), &session).await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer.append_header((header::SET_COOKIE, flow::attempt_cookie(&login, &begun)));
    Ok(answer.json(LinkBegun { url: begun.url.into() }))
}

async fn list(caller: web::ReqData<Caller>, login: Data) -> Result<HttpResponse, Problem> {
    let view = |Linked { identity: Identity { issuer, subject }, provider }| IdentityView { issuer, subject, provider };
    let identities = login.identities_of(caller.principal())?.into_iter().map(view).collect();
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(IdentityList { identities }))
}

async fn unlink(
    request: HttpRequest,
    payload: web::Payload,
    session: Option<web::ReqData<Shown>>,
    login: Data,
) -> Result<HttpResponse, Problem> {
    let session = shown(session)?;
    let input: IdentityInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let identity = Identity { issuer: named("issuer", input.issuer)?, subject: named("subject", input.subject)? };
    login.unlink(session.session.principal, identity, &visitor(&request).within(&session)).await?;
    Ok(HttpResponse::NoContent().finish())
}
