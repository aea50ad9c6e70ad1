//! Answers are compressed (gzip) for clients that say they understand it, if they are long enough for that to pay. Wrapped around all
//! routes by wiring; streams say themselves that they are not.

use actix_web::{
    body::{BodySize, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue},
    middleware::Next,
};

/// Shortest answer that is compressed, in bytes. Setting the compressor up costs more than sending less.
const BYTES_MIN: u64 = 1_024;

/// The middleware inside of `actix_web::middleware::Compress`: marks what is to stay as it is.
pub async fn short_stay_plain<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let may_be_compressed = request.headers().contains_key(ACCEPT_ENCODING);
    let mut response = next.call(request).await?;
    if may_be_compressed && matches!(response.response().body().size(), BodySize::Sized(bytes) if bytes < BYTES_MIN) {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(response)
}
