//! `/api/v1/webhooks/…`: who wants to be told, and what became of it. Each handler reads a request, asks [`crate::app::webhooks`], and
//! writes what came of it.

pub mod deliveries;
pub mod read;
pub mod write;

use actix_web::{http::Method, web};

use super::dto::{
    delivery::{
        AttemptView, DeliveryAnswer, DeliveryPage, HealthAnswer, RecoverAnswer, RecoverInput, RedeliverAnswer, RedeliverInput,
    },
    webhook::{RotateInput, SecretsAnswer, WebhookInput, WebhookPage, WebhookPatch, WebhookView, WebhookWritten},
};
use crate::{
    api::http::route::{CONDITIONAL, Route, Shape, Who, query, shape},
    domain::access::Scope,
};

const ALL: &str = "/api/v1/webhooks";
const ONE: &str = "/api/v1/webhooks/{id}";
const ADMIN: Who = Who::May(Scope::WebhookAdmin);
const POST: Method = Method::POST;
const GET: Method = Method::GET;
const WRITTEN: Option<Shape> = Some(shape::<WebhookWritten>());
type Handler = fn() -> actix_web::Route;

/// The routes of webhooks.
pub fn routes() -> Vec<Route> {
    [endpoints(), secrets(), of_deliveries()].into_iter().flatten().collect()
}

/// A route that reads.
fn get(path: &'static str, handler: Handler, gives: Shape, summary: &'static str) -> Route {
    Route { who: ADMIN, gives: (200, Some(gives)), ..Route::new(GET, path, handler, summary) }
}

/// A route that changes the webhook.
fn change(method: Method, path: &'static str, handler: Handler, summary: &'static str) -> Route {
    Route { who: ADMIN, headers: CONDITIONAL, gives: (200, WRITTEN), ..Route::new(method, path, handler, summary) }
}

/// A route that sets something going.
fn set_going(path: &'static str, handler: Handler, gives: Shape, summary: &'static str) -> Route {
    Route { who: ADMIN, gives: (202, Some(gives)), ..Route::new(POST, path, handler, summary) }
}

fn endpoints() -> Vec<Route> {
    vec![
        Route {
            takes: Some(shape::<WebhookInput>()),
            gives: (201, WRITTEN),
            ..change(POST, ALL, || web::to(write::register), "Register an endpoint")
        },
        Route { query: query::<read::ListQuery>, ..get(ALL, || web::to(read::list), shape::<WebhookPage>(), "List webhooks") },
        Route {
            query: query::<read::GetQuery>,
            headers: &["If-None-Match"],
            ..get(ONE, || web::to(read::get), shape::<WebhookView>(), "Read a webhook")
        },
        Route {
            takes: Some(shape::<WebhookPatch>()),
            ..change(Method::PATCH, ONE, || web::to(write::patch), "Change some fields of a webhook")
        },
        change(Method::DELETE, ONE, || web::to(write::delete), "Delete a webhook"),
        change(POST, "/api/v1/webhooks/{id}/enable", || web::to(write::enable), "Switch a webhook on"),
        change(POST, "/api/v1/webhooks/{id}/disable", || web::to(write::disable), "Switch a webhook off"),
        get("/api/v1/webhooks/{id}/health", || web::to(read::health), shape::<HealthAnswer>(), "How an endpoint fares"),
        Route {
            who: ADMIN,
            gives: (200, Some(shape::<AttemptView>())),
            ..Route::new(POST, "/api/v1/webhooks/{id}/test", || web::to(read::test), "Send a test event on the spot")
        },
    ]
}

fn secrets() -> Vec<Route> {
    vec![
        get("/api/v1/webhooks/{id}/secret", || web::to(read::secret), shape::<SecretsAnswer>(), "The secrets that sign now"),
        Route {
            takes: Some(shape::<RotateInput>()),
            ..change(
                POST,
                "/api/v1/webhooks/{id}/secret/rotate",
                || web::to(write::rotate),
                "Give a webhook a new secret, beside which the old ones sign for a while",
            )
        },
        change(POST, "/api/v1/webhooks/{id}/secret/revoke", || web::to(write::revoke), "Let the newest secret alone sign"),
    ]
}

fn of_deliveries() -> Vec<Route> {
    vec![
        Route {
            query: query::<deliveries::DeliveriesQuery>,
            ..get(
                "/api/v1/webhooks/{id}/deliveries",
                || web::to(deliveries::list),
                shape::<DeliveryPage>(),
                "What was sent to an endpoint, newest first",
            )
        },
        get(
            "/api/v1/webhooks/{id}/deliveries/{position}",
            || web::to(deliveries::get),
            shape::<DeliveryAnswer>(),
            "One delivery with every attempt at it",
        ),
        set_going(
            "/api/v1/webhooks/{id}/deliveries/{position}/resend",
            || web::to(deliveries::resend),
            shape::<RecoverAnswer>(),
            "Try one delivery again",
        ),
        Route {
            takes: Some(shape::<RecoverInput>()),
            ..set_going(
                "/api/v1/webhooks/{id}/recover",
                || web::to(deliveries::recover),
                shape::<RecoverAnswer>(),
                "Try again what has failed since then",
            )
        },
        Route {
            takes: Some(shape::<RedeliverInput>()),
            ..set_going(
                "/api/v1/webhooks/{id}/replay",
                || web::to(deliveries::replay),
                shape::<RedeliverAnswer>(),
                "Deliver what an endpoint has missed after a position",
            )
        },
    ]
}
