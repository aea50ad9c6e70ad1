//! The routes of webhooks. Part of the list; see [`super::all`].

use actix_web::{http::Method, web};

use super::{CONDITIONAL, Route, route};
use crate::{
    api::webhooks::{deliveries, read, write},
    domain::access::KeyScope,
};

const ALL: &str = "/api/v1/webhooks";
const ONE: &str = "/api/v1/webhooks/{id}";
const ADMIN: Option<KeyScope> = Some(KeyScope::WebhookAdmin);
const POST: Method = Method::POST;
const GET: Method = Method::GET;
type Handler = fn() -> actix_web::Route;

/// A route that reads.
fn get(path: &'static str, handler: Handler, gives: &'static str, summary: &'static str) -> Route {
    Route { scope: ADMIN, gives: (200, Some(gives)), ..route(GET, path, handler, summary) }
}

/// A route that changes the webhook.
fn change(method: Method, path: &'static str, handler: Handler, takes: Option<&'static str>, summary: &'static str) -> Route {
    let gives = (200, Some("WebhookWritten"));
    Route { scope: ADMIN, headers: CONDITIONAL, takes, gives, ..route(method, path, handler, summary) }
}

/// A route that sets something going.
fn set_going(
    path: &'static str,
    handler: Handler,
    takes: Option<&'static str>,
    gives: &'static str,
    summary: &'static str,
) -> Route {
    Route { scope: ADMIN, takes, gives: (202, Some(gives)), ..route(POST, path, handler, summary) }
}

pub(super) fn all() -> Vec<Route> {
    endpoints().into_iter().chain(of_deliveries()).collect()
}

fn endpoints() -> Vec<Route> {
    vec![
        Route {
            gives: (201, Some("WebhookWritten")),
            ..change(POST, ALL, || web::to(write::register), Some("WebhookInput"), "Register an endpoint")
        },
        Route { query: &["limit", "cursor", "min_position"], ..get(ALL, || web::to(read::list), "WebhookPage", "List webhooks") },
        Route {
            query: &["min_position"],
            headers: &["If-None-Match"],
            ..get(ONE, || web::to(read::get), "WebhookView", "Read a webhook")
        },
        change(Method::PATCH, ONE, || web::to(write::patch), Some("WebhookPatch"), "Change some fields of a webhook"),
        change(Method::DELETE, ONE, || web::to(write::delete), None, "Delete a webhook"),
        change(POST, "/api/v1/webhooks/{id}/enable", || web::to(write::enable), None, "Switch a webhook on"),
        change(POST, "/api/v1/webhooks/{id}/disable", || web::to(write::disable), None, "Switch a webhook off"),
        change(
            POST,
            "/api/v1/webhooks/{id}/secret/rotate",
            || web::to(write::rotate),
            Some("RotateInput"),
            "Give a webhook a new secret, beside which the old ones sign for a while",
        ),
        change(POST, "/api/v1/webhooks/{id}/secret/revoke", || web::to(write::revoke), None, "Let the newest secret alone sign"),
        get("/api/v1/webhooks/{id}/secret", || web::to(read::secret), "SecretsAnswer", "The secrets that sign now"),
        get("/api/v1/webhooks/{id}/health", || web::to(read::health), "HealthAnswer", "How an endpoint fares"),
    ]
}

fn of_deliveries() -> Vec<Route> {
    vec![
        Route {
            scope: ADMIN,
            gives: (200, Some("AttemptView")),
            ..route(POST, "/api/v1/webhooks/{id}/test", || web::to(read::test), "Send a test event on the spot")
        },
        Route {
            query: &["state", "type", "before", "limit"],
            ..get(
                "/api/v1/webhooks/{id}/deliveries",
                || web::to(deliveries::list),
                "DeliveryPage",
                "What was sent to an endpoint, newest first",
            )
        },
        get(
            "/api/v1/webhooks/{id}/deliveries/{position}",
            || web::to(deliveries::get),
            "DeliveryAnswer",
            "One delivery with every attempt at it",
        ),
        set_going(
            "/api/v1/webhooks/{id}/deliveries/{position}/resend",
            || web::to(deliveries::resend),
            None,
            "RecoverAnswer",
            "Try one delivery again",
        ),
        set_going(
            "/api/v1/webhooks/{id}/recover",
            || web::to(deliveries::recover),
            Some("RecoverInput"),
            "RecoverAnswer",
            "Try again what has failed since then",
        ),
        set_going(
            "/api/v1/webhooks/{id}/replay",
            || web::to(deliveries::replay),
            Some("RedeliverInput"),
            "RedeliverAnswer",
            "Deliver what an endpoint has missed after a position",
        ),
    ]
}
