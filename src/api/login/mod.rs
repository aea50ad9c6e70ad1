//! `/auth/…`: how browsers log in and out. Called by the routes. Answers to browsers are redirects and plain pages; no token stands in any of
//! them. What is done is [`crate::app::login`]'s.

mod door;
mod flow;
mod identities;
mod passkeys;
mod sessions;

pub use self::sessions::LoginLink;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use serde::{Deserialize, Serialize};

use super::http::{
    auth::address,
    body,
    error::Problem,
    query,
    route::{Route, Who, query as parameters, shape},
};
use crate::app::login::{Login, Visitor};

/// Largest notice of a provider, in bytes.
const NOTICE_BYTES_MAX: usize = 128 * 1_024;

/// What a browser is sent away with.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The path of this server to come back to.
    return_to: Option<String>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Linked {
    code: Option<String>,
}

/// A provider to log in by.
#[derive(Serialize, utoipa::ToSchema)]
struct ProviderView {
    id: String,
    name: String,
    /// Where a browser goes to log in.
    login: String,
}

/// The providers to log in by.
#[derive(Serialize, utoipa::ToSchema)]
struct ProviderList {
    providers: Vec<ProviderView>,
}

/// What is left to do after a logout.
#[derive(Serialize, utoipa::ToSchema)]
struct LoggedOut {
    /// Where a browser goes to end the session of the provider as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_logout: Option<String>,
}

/// The routes of logging in.
pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route {
            query: parameters::<Wanted>,
            ..Route::new(Method::GET, "/auth", || web::to(door::page), "The page where people log in, and look after how they do")
        },
        Route::new(Method::GET, "/auth/page.js", || web::to(door::script), "The script of that page"),
        Route::new(Method::GET, "/auth/page.css", || web::to(door::style), "The looks of that page"),
        Route {
            gives: (200, Some(shape::<ProviderList>())),
            ..Route::new(Method::GET, "/auth/providers", || web::to(providers), "By whom people can log in")
        },
        Route {
            query: parameters::<Wanted>,
            gives: (303, None),
            ..Route::new(Method::GET, "/auth/{provider}", || web::to(flow::begin), "Send a browser to log in")
        },
        Route {
            any_query: true,
            good_once: true,
            gives: (303, None),
            ..Route::new(
                Method::GET,
                "/auth/{provider}/callback",
                || web::to(flow::finish),
                "Where a provider sends a browser back",
            )
        },
        Route {
            query: parameters::<Linked>,
            good_once: true,
            gives: (303, None),
            ..Route::new(Method::GET, "/auth/link", || web::to(flow::link), "Log in by a link that `brain login-link` has made")
        },
        Route {
            gives: (200, None),
            ..Route::new(
                Method::POST,
                "/auth/{provider}/backchannel-logout",
                || web::to(notice),
                "Where a provider tells that somebody has logged out there",
            )
        },
        Route {
            who: Who::Known,
            gives: (200, Some(shape::<LoggedOut>())),
            ..Route::new(Method::POST, "/auth/logout", || web::to(sessions::log_out), "End the session of this browser")
        },
    ];
    routes.extend(sessions::routes());
    routes.extend(passkeys::routes());
    routes.extend(identities::routes());
    routes
}

async fn providers(login: web::Data<Login>) -> HttpResponse {
    let views = login.providers.iter().map(|provider| ProviderView {
        id: provider.id.clone(),
        name: provider.name.clone(),
        login: format!("/auth/{}", provider.id),
    });
    HttpResponse::Ok().json(ProviderList { providers: views.collect() })
}

/// `POST /auth/{provider}/backchannel-logout` (OpenID Connect Back-Channel Logout 1.0, 2.5): a form with a token.
async fn notice(
    request: HttpRequest,
    payload: web::Payload,
    provider: web::Path<String>,
    login: web::Data<Login>,
) -> Result<HttpResponse, Problem> {
    let form = body::form(&request, payload, NOTICE_BYTES_MAX).await?;
    let bad = || Problem::new("login.bad_notice", "the form has one field logout_token");
    let mut tokens = form.iter().filter(|(name, _)| name == "logout_token");
    let (_, token) = tokens.next().filter(|_| tokens.next().is_none()).ok_or_else(bad)?;
    let ended = login.notice(&provider, token).await?;
    tracing::info!(provider = %*provider, ended, "a provider told of a logout");
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).finish())
}

/// What the browser says of itself, and the address that the socket has.
pub(super) fn visitor(request: &HttpRequest) -> Visitor {
    let agent = request.headers().get("User-Agent").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Visitor { agent: agent.unwrap_or_default(), address: address(request), session: None }
}

fn wanted(request: &HttpRequest) -> Result<Wanted, Problem> {
    query::parse(request)
}
