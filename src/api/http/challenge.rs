//! What an answer tells clients of how to come in (RFC 6750, 3 and RFC 9728, 5.1): where it is described who gives tokens, and which scope was
//! missing. Called by the edge of every route for what it refuses.

use actix_web::{
    dev::ServiceRequest,
    http::header::{self, HeaderMap, HeaderValue},
    web::Data,
};

use super::{error::Problem, route::Who};
use crate::app::oauth::Oauth;

/// The path of the description of this server as a resource.
pub const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";

/// Writes the challenge into the answer to a request that was refused for want of a credential or of a scope.
pub(super) fn add(headers: &mut HeaderMap, problem: &Problem, who: Who, request: &ServiceRequest) {
    let mut parts = vec![];
    match (&*problem.code, who) {
        ("auth.scope_missing", Who::May(scope)) => {
            parts.push("error=\"insufficient_scope\"".to_owned());
            parts.push(format!("scope=\"{}\"", scope.as_str()));
        }
        ("auth.invalid_token", _) => parts.push("error=\"invalid_token\"".to_owned()),
        _ if problem.status == 401 => {}
        _ => return,
    }
    let issuer = request.app_data::<Data<Oauth>>().and_then(|oauth| oauth.tokens.issuer().ok());
    parts.extend(issuer.map(|issuer| format!("resource_metadata=\"{issuer}{RESOURCE_METADATA}\"")));
    let value = format!("Bearer {}", parts.join(", "));
    if let Ok(value) = HeaderValue::from_str(value.trim_end()) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
}
