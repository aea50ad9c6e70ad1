//! The routes of operators: replay, what is parked, caches. Part of the list; see [`super::all`].

use actix_web::{http::Method, web};

use super::{Route, route};
use crate::{
    api::{caches, replay},
    domain::access::KeyScope,
};

/// Decision 2026-11-24: operators are those who may rewrite times in the instance's own space: the owner's key. Roles of their own
/// come with accounts.
const OPERATE: Option<KeyScope> = Some(KeyScope::MemoryImport);

fn operate(
    method: Method,
    path: &'static str,
    handler: fn() -> actix_web::Route,
    gives: &'static str,
    summary: &'static str,
) -> Route {
    Route { scope: OPERATE, gives: (200, Some(gives)), ..route(method, path, handler, summary) }
}

pub(super) fn all() -> Vec<Route> {
    [of_projections(), of_parked(), of_caches()].into_iter().flatten().collect()
}

fn of_projections() -> Vec<Route> {
    vec![
        operate(
            Method::GET,
            "/api/v1/replay",
            || web::to(replay::projections),
            "ProjectionsAnswer",
            "Where every version of every projection stands",
        ),
        Route {
            gives: (202, Some("VersionAnswer")),
            ..operate(
                Method::POST,
                "/api/v1/replay/{projection}/rebuild",
                || web::to(replay::rebuild),
                "VersionAnswer",
                "Fill a projection anew beside the live one; GET /api/v1/replay shows its progress",
            )
        },
        Route {
            gives: (202, Some("VersionAnswer")),
            ..operate(
                Method::POST,
                "/api/v1/replay/{projection}/rollback",
                || web::to(replay::rollback),
                "VersionAnswer",
                "Stop a rebuild, or bring back the version that was live before",
            )
        },
        operate(
            Method::POST,
            "/api/v1/replay/{projection}/verify",
            || web::to(replay::verify),
            "VerifyAnswer",
            "Prove that the rows of a projection are what the log says",
        ),
    ]
}

fn of_parked() -> Vec<Route> {
    vec![
        Route {
            query: &["projection"],
            ..operate(
                Method::GET,
                "/api/v1/replay/parked",
                || web::to(replay::parked),
                "ParkedAnswer",
                "Events that could not be applied",
            )
        },
        Route {
            takes: Some("RetryInput"),
            ..operate(
                Method::POST,
                "/api/v1/replay/{projection}/retry",
                || web::to(replay::retry),
                "RetryAnswer",
                "Make the rows of an aggregate anew from the log, or apply one message once more",
            )
        },
        Route {
            takes: Some("RetryInput"),
            ..operate(
                Method::POST,
                "/api/v1/replay/{projection}/skip",
                || web::to(replay::skip),
                "SkipAnswer",
                "Let go what is parked of an aggregate: reads answer without it",
            )
        },
    ]
}

fn of_caches() -> Vec<Route> {
    const CACHES: &str = "/api/v1/caches";
    vec![
        Route {
            query: &["limit"],
            ..operate(Method::GET, CACHES, || web::to(caches::show), "CachesAnswer", "What answers are kept in memory")
        },
        operate(Method::DELETE, CACHES, || web::to(caches::flush), "FlushedAnswer", "Let all kept answers go"),
    ]
}
