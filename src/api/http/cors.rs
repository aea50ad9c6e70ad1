//! Which pages of other sites may call the API from a browser (the fetch standard's CORS): those of `--allowed-origins`. Wrapped around
//! all routes by wiring, where there is such a list. Cookies play no part: whoever calls shows a key.

use actix_cors::Cors;
use actix_web::http::Method;

/// How long a browser may remember what it was told, in seconds.
const MAX_AGE_S: usize = 3_600;
const SENT: [&str; 8] = [
    "Authorization",
    "X-API-Key",
    "Brain-Space",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
];
const SHOWN: [&str; 6] = ["ETag", "Cache-Status", "Retry-After", "Allow", "WWW-Authenticate", "Content-Disposition"];

/// The middleware. Origins that are not listed get no headers, which is how a browser knows.
pub fn of(origins: &[String]) -> Cors {
    let listed = origins.to_vec();
    Cors::default()
        .allowed_origin_fn(move |origin, _| listed.iter().any(|one| one.as_bytes() == origin.as_bytes()))
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers(SENT)
        .expose_headers(SHOWN)
        .max_age(MAX_AGE_S)
}
