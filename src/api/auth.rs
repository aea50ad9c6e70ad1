//! Who asks: turns a credential into a key and refuses what its scopes do not allow, before the body is read.
//!
//! Called by the routes. Never logs or stores a secret; only its SHA-256 leaves this file.

use std::sync::Arc;

use actix_web::{
    HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderMap},
    middleware::Next,
};
use sha2::{Digest, Sha256};

use super::error::Problem;
use crate::{
    commands::Caller,
    domain::{
        access::{Key, KeyScope},
        ids::SpaceId,
    },
    ports::{Clock, KeyDirectory},
};

/// The header that carries a key when `Authorization` does not.
const API_KEY_HEADER: &str = "X-API-Key";
/// The header by which a client makes sure that it talks to the space it means.
const SPACE_HEADER: &str = "Brain-Space";

/// What authentication needs.
#[derive(Clone)]
pub struct Gate {
    pub keys: Arc<dyn KeyDirectory>,
    pub clock: Arc<dyn Clock>,
}

/// The key that a request came with, as handlers see it.
#[derive(Clone, Debug)]
pub struct Identity(pub Key);

impl Identity {
    pub fn caller(&self) -> Caller {
        Caller { space: self.0.space.clone(), principal: self.0.principal }
    }

    /// Whether the key is of the space that the instance's owner has: replay sees the rows of every space.
    /// Errors: `auth.operator_only`.
    pub fn require_operator(&self) -> Result<(), Problem> {
        if self.0.space == SpaceId::default_space() {
            return Ok(());
        }
        Err(Problem::new("auth.operator_only", "only keys of the instance's own space operate it"))
    }

    /// Errors: `auth.scope_missing`.
    pub fn require(&self, scope: KeyScope) -> Result<(), Problem> {
        if self.0.scopes.contains(&scope) {
            return Ok(());
        }
        Err(Problem::new("auth.scope_missing", format!("this key lacks the scope {}", scope.as_str())))
    }
}

impl Gate {
    pub(super) fn identify(&self, headers: &HeaderMap, scope: KeyScope) -> Result<Identity, Problem> {
        let invalid = || Problem::new("auth.invalid_key", "this API key is unknown, expired or revoked");
        let secret = secret(headers)?;
        let key = self.keys.find(&sha256_hex(secret)).filter(|key| key.is_valid_at(self.clock.now())).ok_or_else(invalid)?;
        if let Some(space) = headers.get(SPACE_HEADER)
            && space.as_bytes() != key.space.as_str().as_bytes()
        {
            return Err(Problem::new("auth.space_forbidden", "this key does not open the space that Brain-Space names"));
        }
        let identity = Identity(key);
        identity.require(scope)?;
        Ok(identity)
    }
}

/// The middleware of a route that asks for `scope`.
pub(super) async fn admit<B: MessageBody + 'static>(
    gate: Gate,
    scope: KeyScope,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let identity = gate.identify(request.headers(), scope)?;
    request.extensions_mut().insert(identity);
    next.call(request).await
}

fn secret(headers: &HeaderMap) -> Result<&[u8], Problem> {
    let missing = || Problem::new("auth.missing_key", "send an API key as \"Authorization: Bearer …\" or as \"X-API-Key: …\"");
    let secret = match headers.get(header::AUTHORIZATION) {
        Some(value) => bearer(value.as_bytes()),
        None => headers.get(API_KEY_HEADER).map(|value| value.as_bytes().trim_ascii()),
    };
    secret.filter(|secret| !secret.is_empty()).ok_or_else(missing)
}

/// Whether a request shows a credential at all, good or not.
pub(super) fn shows_credential(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key(API_KEY_HEADER)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, secret) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| secret.trim_ascii())
}

/// How the log knows a secret: lower-case hexadecimal SHA-256. Keys are issued by the same function that looks them up.
pub fn sha256_hex(secret: &[u8]) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_either_header() {
        let mut headers = HeaderMap::new();
        assert_eq!(secret(&headers).unwrap_err().code, "auth.missing_key");
        headers.insert(header::HeaderName::from_static("x-api-key"), header::HeaderValue::from_static("a "));
        assert_eq!(secret(&headers).unwrap(), b"a");
        headers.insert(header::AUTHORIZATION, header::HeaderValue::from_static("bEARER b"));
        assert_eq!(secret(&headers).unwrap(), b"b");
        headers.insert(header::AUTHORIZATION, header::HeaderValue::from_static("Basic b"));
        assert_eq!(secret(&headers).unwrap_err().code, "auth.missing_key");
        assert_eq!(sha256_hex(b"")[..8], *"e3b0c442");
    }
}
