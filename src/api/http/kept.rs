//! Answers that were kept or could be, as the client gets them: their ETag, their compression, and where they came from (`Cache-Status`,
//! RFC 9211). Called by the handlers that read.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web::Bytes,
};
use serde::Serialize;

use super::{compression::takes_gzip, error::Problem, precondition};
use crate::{
    app::{self, Kept},
    caches::{Outcome, body::Body},
};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The JSON of an answer. Errors: `internal`.
pub fn json(view: &impl Serialize) -> Result<Bytes, app::Error> {
    let json = serde_json::to_vec(view);
    let json = json.map_err(|cause| app::Error::new("internal", "the answer cannot be written").logged(&cause))?;
    Ok(json.into())
}

/// The answer over HTTP.
pub fn respond(request: &HttpRequest, kept: Kept) -> Result<HttpResponse, Problem> {
    let Kept { body, revision, outcome } = kept;
    let as_kept = match &body {
        Body::Gzip { packed, .. } if takes_gzip(request) => Some(packed),
        _ => None,
    };
    let json = || Ok(as_kept.cloned().unwrap_or_else(|| body.plain()));
    let mut response = precondition::unless_known(request, revision, json)?;
    let is_known = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if matches!(body, Body::Gzip { .. }) {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if as_kept.is_some() && !is_known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(CACHE_STATUS, status(&outcome));
    Ok(response)
}

fn status(outcome: &Outcome) -> HeaderValue {
    let text = match outcome {
        Outcome::Hit { age } => format!("brain; hit; detail=\"age {} s\"", age.as_secs()),
        Outcome::Miss(Ok(())) => "brain; fwd=uri-miss; stored".to_owned(),
        Outcome::Miss(Err(refused)) => format!("brain; fwd=uri-miss; detail={}", refused.as_str()),
        Outcome::Collapsed => "brain; fwd=uri-miss; collapsed".to_owned(),
        Outcome::Bypass => "brain; fwd=bypass".to_owned(),
    };
    HeaderValue::from_str(&text).expect("only letters, digits and signs that a header may hold")
}
