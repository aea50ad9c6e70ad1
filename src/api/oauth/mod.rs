//! `/oauth/…` and what describes it: how API clients get tokens for what a person allows them. Called by the routes. What is done is
//! [`crate::app::oauth`]'s; pages are plain HTML without script, and every answer of a form is JSON in the shapes of RFC 6749.

mod authorize;
mod delegations;
mod device;
mod guesses;
mod metadata;
mod page;
mod token;
mod visit;

pub use self::{
    delegations::{DelegationList, DelegationView},
    guesses::Guesses,
    metadata::ServerMetadata,
    token::{DeviceAnswer, OauthProblem, TokenAnswer},
};

use actix_web::{http::Method, web};

use super::http::{
    challenge::RESOURCE_METADATA,
    route::{Route, query, shape},
};

/// The routes of the authorization server.
pub fn routes() -> Vec<Route> {
    [for_programs(), for_browsers(), delegations::routes()].into_iter().flatten().collect()
}

fn for_programs() -> Vec<Route> {
    let route = Route::new;
    vec![
        Route {
            gives: (200, Some(shape::<ServerMetadata>())),
            ..route(
                Method::GET,
                "/.well-known/oauth-authorization-server",
                || web::to(metadata::server),
                "This server as one that gives tokens (RFC 8414)",
            )
        },
        Route {
            gives: (200, Some(shape::<metadata::ResourceMetadata>())),
            ..route(
                Method::GET,
                RESOURCE_METADATA,
                || web::to(metadata::resource),
                "This server as one that takes tokens (RFC 9728)",
            )
        },
        Route {
            gives: (200, Some(shape::<metadata::KeySet>())),
            ..route(Method::GET, "/.well-known/jwks.json", || web::to(metadata::keys), "The keys that tokens are signed by")
        },
        Route {
            form: Some(shape::<token::TokenForm>()),
            gives: (200, Some(shape::<TokenAnswer>())),
            ..route(
                Method::POST,
                "/oauth/token",
                || web::to(token::token),
                "Tokens for a code, a device or a refresh token (RFC 6749, RFC 8628)",
            )
        },
        Route {
            form: Some(shape::<token::RevocationForm>()),
            ..route(Method::POST, "/oauth/revoke", || web::to(token::revoke), "End what a token is of (RFC 7009)")
        },
        Route {
            form: Some(shape::<token::DeviceForm>()),
            gives: (200, Some(shape::<DeviceAnswer>())),
            ..route(
                Method::POST,
                "/oauth/device_authorization",
                || web::to(token::device),
                "A device begins to wait for its person (RFC 8628)",
            )
        },
    ]
}

fn for_browsers() -> Vec<Route> {
    let route = Route::new;
    vec![
        Route {
            query: query::<device::Shown>,
            ..route(Method::GET, "/oauth/device", || web::to(device::show), "The page where a person lets a device in")
        },
        route(Method::POST, "/oauth/device", || web::to(device::decide), "What the person says; sent by that page"),
        Route {
            query: query::<authorize::Parameters>,
            any_query: true,
            ..route(Method::GET, "/oauth/authorize", || web::to(authorize::show), "The page where a person lets a client in")
        },
        Route {
            query: query::<authorize::Parameters>,
            any_query: true,
            gives: (303, None),
            ..route(Method::POST, "/oauth/authorize", || web::to(authorize::decide), "What the person says; sent by that page")
        },
    ]
}
