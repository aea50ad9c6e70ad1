//! Answers are compressed (gzip) for clients that say they understand it, if they are long enough for that to pay. Kept answers are
//! given as they are kept; the rest is done by a middleware that wiring wraps around all routes. Streams say themselves that they are
//! not.

use actix_web::{
    HttpRequest,
    body::{BodySize, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{ACCEPT_ENCODING, AcceptEncoding, CONTENT_ENCODING, Encoding, Header, HeaderValue},
    middleware::Next,
};

use crate::caches::body::PACKED_MIN;

/// The middleware inside of `actix_web::middleware::Compress`: marks what is to stay as it is.
pub async fn short_stay_plain<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let may_be_compressed = request.headers().contains_key(ACCEPT_ENCODING);
    let mut response = next.call(request).await?;
    let is_short = matches!(response.response().body().size(), BodySize::Sized(bytes) if (1..PACKED_MIN as u64).contains(&bytes));
    if may_be_compressed && is_short && !response.headers().contains_key(CONTENT_ENCODING) {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(response)
}

/// Whether the client would have gzip rather than anything else that there is.
pub fn takes_gzip(request: &HttpRequest) -> bool {
    let known = [Encoding::identity(), Encoding::gzip(), Encoding::deflate()];
    AcceptEncoding::parse(request).is_ok_and(|accepted| accepted.negotiate(known.iter()) == Some(Encoding::gzip()))
}
