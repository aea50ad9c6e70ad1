//! Who asks: turns a credential into a key and refuses what its scopes do not allow, before the body is read.
//!
//! Called by the routes. Never logs or stores a secret; only its SHA-256 leaves this file.

use std::{net::IpAddr, sync::Arc};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap},
};

use super::{error::Problem, route::Who};
use crate::{
    app::{Caller, access::secret::sha256_hex, oauth::Tokens},
    domain::ids::{SpaceId, Timestamp},
    ports::{AccessDirectory, Clock},
};

/// The header that carries a key when `Authorization` does not.
const API_KEY_HEADER: &str = "X-API-Key";
/// The header by which a client makes sure that it talks to the space it means.
pub(super) const SPACE_HEADER: &str = "Brain-Space";

/// Turns credentials into callers.
#[derive(Clone)]
pub struct Authenticator {
    pub directory: Arc<dyn AccessDirectory>,
    pub clock: Arc<dyn Clock>,
    /// Absent in a process that serves no clients.
    pub tokens: Option<Arc<Tokens>>,
}

impl Authenticator {
    /// Who sends these headers, if they may do what the route is for.
    /// Errors: `auth.missing_key`, `auth.invalid_key`, `auth.key_over`, `auth.invalid_token`, `auth.scope_missing`, `auth.space_forbidden`,
    /// `request.invalid_header`.
    pub fn authenticate(&self, headers: &HeaderMap, who: Who) -> Result<Caller, Problem> {
        let secret = secret(headers)?;
        let secret_sha256 = sha256_hex(secret);
        if let Some(tokens) = self.tokens.as_ref().filter(|_| is_token(secret)) {
            let bearer = tokens.open(std::str::from_utf8(secret).unwrap_or_default())?;
            let caller = tokens.caller(&bearer, named_space(headers)?.as_ref())?;
            return authorize(caller, headers, who);
        }
        let caller = self.caller(&secret_sha256).ok_or_else(|| match self.directory.key_of(&secret_sha256) {
            Some(_) => Problem::new("auth.key_over", "this API key is over or revoked, or its holder no longer belongs here"),
            None => Problem::new("auth.invalid_key", "this is no API key of this server"),
        })?;
        authorize(caller, headers, who)
    }

    /// When an access token ends; `None` for everything else that opens something.
    pub fn end_of(&self, token: &str) -> Option<Timestamp> {
        let tokens = self.tokens.as_ref().filter(|_| is_token(token.as_bytes()))?;
        tokens.open(token).ok().map(|bearer| bearer.expires_at)
    }

    /// Who holds the key with this secret, if it opens anything now.
    pub fn caller(&self, secret_sha256: &str) -> Option<Caller> {
        let now = self.clock.now();
        let key = self.directory.key_of(secret_sha256).filter(|key| key.opens_by(secret_sha256, now))?;
        Caller::of_key(&key, &*self.directory, now)
    }
}

/// Whether a secret has the form of a token: no key has a dot in it.
fn is_token(secret: &[u8]) -> bool {
    secret.contains(&b'.')
}

/// The space that the headers name, if they name one. Errors: `auth.space_forbidden`, where it is none, or two are named.
fn named_space(headers: &HeaderMap) -> Result<Option<SpaceId>, Problem> {
    let forbidden = || Problem::new("auth.space_forbidden", "there is no such space for you as Brain-Space names");
    let mut named = headers.get_all(SPACE_HEADER);
    let Some(first) = named.next() else { return Ok(None) };
    let space = first.to_str().ok().and_then(|text| text.parse().ok()).filter(|_| named.next().is_none());
    space.map(Some).ok_or_else(forbidden)
}

/// The caller, if they are in the space that the headers name and may do what is asked for.
pub fn authorize(caller: Caller, headers: &HeaderMap, who: Who) -> Result<Caller, Problem> {
    if headers.get_all(SPACE_HEADER).any(|space| space.as_bytes() != caller.space().as_str().as_bytes()) {
        return Err(Problem::new("auth.space_forbidden", "this key does not open the space that Brain-Space names"));
    }
    if let Who::May(scope) = who {
        caller.require(scope)?;
    }
    Ok(caller)
}

/// The other end of the connection that a request came by. A proxy is not asked whom it speaks for.
pub fn address(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|peer| peer.ip().to_canonical())
}

/// The name or number by which a browser has found this server, with the port as it wrote it.
pub fn host(request: &HttpRequest) -> Option<&str> {
    request.headers().get(header::HOST).and_then(|host| host.to_str().ok())
}

/// Whether this machine itself asks, and for nobody else: a proxy on it says that it speaks for others.
pub(super) fn is_local(request: &HttpRequest) -> bool {
    let is_forwarded = ["Forwarded", "X-Forwarded-For", "Via"].iter().any(|name| request.headers().contains_key(*name));
    !is_forwarded && address(request).is_some_and(|address| address.is_loopback())
}

/// The one secret of a request. Two that differ are refused: of several parts on the way each might take another one.
pub fn secret(headers: &HeaderMap) -> Result<&[u8], Problem> {
    let missing = || Problem::new("auth.missing_key", "send an API key as \"Authorization: Bearer …\" or as \"X-API-Key: …\"");
    let twice =
        |name: &str| Problem::new("request.invalid_header", format!("{name} says who asks a second time")).at(name, None, None);
    let one = |name: &str| {
        let mut values = headers.get_all(name);
        let first = values.next();
        if values.next().is_some() { Err(twice(name)) } else { Ok(first.map(|value| value.as_bytes())) }
    };
    let key = one(API_KEY_HEADER)?.map(<[u8]>::trim_ascii);
    let secret = match one(header::AUTHORIZATION.as_str())? {
        Some(value) if key.is_some_and(|key| bearer(value) != Some(key)) => return Err(twice(API_KEY_HEADER)),
        Some(value) => bearer(value),
        None => key,
    };
    secret.filter(|secret| !secret.is_empty()).ok_or_else(missing)
}

/// Whether a request shows a credential at all, good or not.
pub(in crate::api) fn shows_credential(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key(API_KEY_HEADER)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, secret) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| secret.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_either_header_and_there_is_only_one() {
        let read = |lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(header::HeaderName::from_static(name), header::HeaderValue::from_static(value));
            }
            secret(&headers).map(<[u8]>::to_vec).map_err(|problem| problem.code)
        };
        for (lines, found) in [
            (&[][..], Err("auth.missing_key")),
            (&[("x-api-key", "a ")], Ok("a")),
            (&[("authorization", "bEARER b")], Ok("b")),
            (&[("authorization", "Basic b")], Err("auth.missing_key")),
            (&[("authorization", "Bearer a"), ("x-api-key", "a")], Ok("a")),
            (&[("authorization", "Bearer a"), ("x-api-key", "b")], Err("request.invalid_header")),
            (&[("authorization", "Basic a"), ("x-api-key", "a")], Err("request.invalid_header")),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer a")], Err("request.invalid_header")),
            (&[("x-api-key", "a"), ("x-api-key", "b")], Err("request.invalid_header")),
        ] {
            assert_eq!(read(lines), found.map(|it| it.as_bytes().to_vec()).map_err(str::to_owned), "{lines:?}");
        }
    }
}
