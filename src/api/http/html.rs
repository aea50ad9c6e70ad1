//! Pages for people: plain HTML, without script and without anything from elsewhere. Used by logins, by the pages of consent and by the
//! description of the API. No page is kept by a cache, and none can be shown within another one.

use std::fmt::{Arguments, Write};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};

use super::error::Problem;

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}code{color:#666}\
     dt{color:#666}dd{margin:0 0 .5rem}.code{font:bold 1.5rem monospace;color:inherit}\
     button,select,input{font:inherit;padding:.3rem .8rem;margin:.5rem .5rem 0 0}";
/// Where a page without forms may send them.
pub const NOWHERE: &str = "'none'";

/// A page; `form_action` is where its forms may lead, as a source of Content-Security-Policy. The title and the text are HTML already.
pub fn page(status: StatusCode, title: &str, text: &str, form_action: &str) -> HttpResponse {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
    );
    let whole = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{text}"
    );
    quiet(status).insert_header((header::CONTENT_SECURITY_POLICY, policy)).content_type("text/html; charset=utf-8").body(whole)
}

/// The page that says why something is not done.
pub fn refused(title: &str, problem: &Problem) -> HttpResponse {
    page(problem.status_code(), title, &why(problem), NOWHERE)
}

/// What went wrong, as a part of a page.
pub fn why(problem: &Problem) -> String {
    format!("<p>{}.</p><p><code>{}</code></p>", escaped(&problem.detail), escaped(&problem.code))
}

/// Sends the browser to an address, as a question of its own (303).
pub fn away(address: &str) -> HttpResponse {
    quiet(StatusCode::SEE_OTHER).insert_header((header::LOCATION, address)).finish()
}

/// An answer that nobody keeps.
pub fn quiet(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer
}

/// A text as a page shows it, also within quotation marks.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

pub fn append(html: &mut String, more: Arguments<'_>) {
    html.write_fmt(more).expect("writing into a String cannot fail");
}
