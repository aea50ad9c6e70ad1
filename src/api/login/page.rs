//! What a browser sees of a login: a redirect, or a page that says why not. Used by the handlers beside it. No page holds a token, none is
//! kept by a cache, and none tells another site where its reader came from.

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};

use crate::api::http::error::Problem;

/// What the page may do in a browser: show itself, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Sends the browser to an address, as a question of its own (303).
pub fn away(address: &str) -> HttpResponse {
    quiet(StatusCode::SEE_OTHER).insert_header((header::LOCATION, address)).finish()
}

/// Why somebody is not let in.
pub fn refused(problem: &Problem) -> HttpResponse {
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Not logged in</title><style>body{{font:16px/1.5 sans-serif;\
         max-width:40rem;margin:4rem auto;padding:0 1rem}}code{{color:#666}}</style><h1>Not logged in</h1><p>{}.</p><p><code>{}</code></p>",
        escaped(&problem.detail),
        escaped(&problem.code)
    );
    quiet(problem.status_code())
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .content_type("text/html; charset=utf-8")
        .body(text)
}

pub(super) fn quiet(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::REFERRER_POLICY, "no-referrer"));
    answer
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
