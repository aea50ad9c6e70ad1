//! Whether a token is what it says it is: signature, algorithm, issuer, audience, times, nonce. Pure: keys and time are arguments.
//! Used by [`super::Oidc`] for identity tokens and for notices of a logout.
//!
//! The checks of `openidconnect` come first for identity tokens; what it leaves open is closed here: the party that a token was issued to
//! (`azp`), the time before which it does not hold (`nbf`), claims that stand twice, and 60 s of leeway for every time, both ways.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use openidconnect::{
    ClaimsVerificationError, ClientId, IssuerUrl, JsonWebKey, JsonWebKeyId, Nonce, SignatureVerificationError,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm as Algorithm},
};
use serde_json::Value;

use super::claims::Claims;
use crate::{domain::ids::Timestamp, ports::identity::LogoutNotice};

/// How far the clocks of a provider and of this machine may differ, in seconds.
pub const LEEWAY_S: i64 = 60;
/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 64 * 1_024;
/// What a notice of a logout says that it is (OpenID Connect Back-Channel Logout 1.0, 2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How old a notice may be that does not say itself when it ends, in seconds.
const NOTICE_S_MAX: i64 = 300;

/// The algorithms that are accepted, whatever a provider lists: no shared secret, no SHA-1, never none.
pub fn algorithms() -> [Algorithm; 5] {
    [
        Algorithm::RsaSsaPkcs1V15Sha256,
        Algorithm::RsaSsaPssSha256,
        Algorithm::EcdsaP256Sha256,
        Algorithm::EcdsaP384Sha384,
        Algorithm::EdDsa,
    ]
}

/// What a token is held against.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    pub issuer: &'a IssuerUrl,
    pub client_id: &'a ClientId,
    pub keys: &'a CoreJsonWebKeySet,
    pub now: Timestamp,
}

/// Why a token does not count.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is signed by a key that is not among these; newer keys may have it.
    #[error("its key is not known")]
    UnknownKey,
    #[error("{0}")]
    Broken(String),
}

fn broken<T>(why: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit::Broken(why.into()))
}

/// The claims of an identity token that was issued for this attempt. Errors: what is wrong, without the token's text.
pub fn id_token(token: &str, nonce: &str, expected: Expected<'_>) -> Result<Claims, Unfit> {
    must_be_short(token)?;
    let Expected { issuer, client_id, keys, now } = expected;
    // Read first by the reader that minds names that stand twice.
    let claims = Claims::of_part(token, 1).map_err(Unfit::Broken)?;
    Claims::of_part(token, 0).map_err(Unfit::Broken)?;
    let parsed = CoreIdToken::from_str(token).map_err(|cause| Unfit::Broken(format!("it is not readable: {cause}")))?;
    let verifier = CoreIdTokenVerifier::new_public_client(client_id.clone(), issuer.clone(), copied(keys))
        .set_allowed_algs(algorithms())
        .set_time_fn(move || now - TimeDelta::seconds(LEEWAY_S))
        .set_issue_time_verifier_fn(move |issued| is_past(issued, now));
    let verified = parsed.claims(&verifier, &Nonce::new(nonce.to_owned())).map_err(unfit)?;
    let parties = verified.audiences().len();
    match claims.get("azp") {
        Some(Value::String(party)) if *party == **client_id => {}
        Some(_) => return broken("it was issued to another client (azp)"),
        None if parties > 1 => return broken("it is for several, and does not say which it was issued to"),
        None => {}
    }
    let holds_from = claims.time("nbf").map_err(Unfit::Broken)?;
    if holds_from.is_some_and(|from| from > now.timestamp() + LEEWAY_S) {
        return broken("it does not hold yet");
    }
    if claims.text("sub").is_none() {
        return broken("it says of nobody who they are");
    }
    if claims.has("events") {
        return broken("it is a notice, no identity");
    }
    Ok(claims)
}

/// What a notice of a logout says. That it counts only once is the caller's to see. Errors: what is wrong, without the token's text.
pub fn logout_token(token: &str, expected: Expected<'_>) -> Result<LogoutNotice, Unfit> {
    must_be_short(token)?;
    let (header, claims) = (Claims::of_part(token, 0).map_err(Unfit::Broken)?, Claims::of_part(token, 1).map_err(Unfit::Broken)?);
    // Old providers send JWT, or nothing.
    if header.has("typ")
        && !header.text("typ").is_some_and(|typ| ["logout+jwt", "jwt"].iter().any(|it| typ.eq_ignore_ascii_case(it)))
    {
        return broken("it is of another kind (typ)");
    }
    must_be_signed(token, &header, expected.keys)?;
    let now = expected.now.timestamp();
    if claims.text("iss") != Some(expected.issuer.as_str()) {
        return broken("it comes from another issuer");
    }
    let client = expected.client_id.as_str();
    let is_ours = match claims.get("aud") {
        Some(Value::String(one)) => one == client,
        Some(Value::Array(all)) => all.iter().any(|one| one == client),
        _ => false,
    };
    if !is_ours {
        return broken("it is for somebody else");
    }
    let issued =
        claims.time("iat").map_err(Unfit::Broken)?.ok_or_else(|| Unfit::Broken("it does not say when it was issued".into()))?;
    let ends = claims.time("exp").map_err(Unfit::Broken)?.unwrap_or(issued.saturating_add(NOTICE_S_MAX));
    if issued > now + LEEWAY_S || ends.saturating_add(LEEWAY_S) <= now {
        return broken("it does not hold now");
    }
    if !claims.get("events").and_then(|events| events.get(LOGOUT_EVENT)).is_some_and(Value::is_object) {
        return broken("it is no notice of a logout");
    }
    if claims.has("nonce") {
        return broken("it has a nonce, as identities have");
    }
    let [subject, provider_session] = ["sub", "sid"].map(|name| claims.text(name).map(str::to_owned));
    let id = claims.text("jti").map(str::to_owned).ok_or_else(|| Unfit::Broken("it has no name of its own (jti)".into()))?;
    if subject.is_none() && provider_session.is_none() {
        return broken("it says neither who nor which session");
    }
    Ok(LogoutNotice { issuer: expected.issuer.to_string(), subject, provider_session, id })
}

/// Looks at the signature of a token, with the one key that its header names. Errors: as for the tokens.
fn must_be_signed(token: &str, header: &Claims, keys: &CoreJsonWebKeySet) -> Result<(), Unfit> {
    if header.has("crit") {
        return broken("its header asks for more than is known here (crit)");
    }
    let algorithm: Option<Algorithm> = header.get("alg").and_then(|alg| serde_json::from_value(alg.clone()).ok());
    let Some(algorithm) = algorithm.filter(|alg| algorithms().contains(alg)) else {
        return broken("its algorithm is not accepted");
    };
    let named = header.text("kid").map(|kid| JsonWebKeyId::new(kid.to_owned()));
    let Some((signed, signature)) = token.rsplit_once('.') else { return broken("it is not signed") };
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return broken("its signature is no base64url") };
    let fits = |key: &&_| named.is_none() || JsonWebKey::key_id(*key) == named.as_ref();
    let mut candidates = keys.keys().iter().filter(fits).peekable();
    if candidates.peek().is_none() {
        return Err(Unfit::UnknownKey);
    }
    // A key for another algorithm or another use refuses.
    if candidates.any(|key| key.verify_signature(&algorithm, signed.as_bytes(), &signature).is_ok()) {
        return Ok(());
    }
    broken("its signature is not of the provider")
}

fn must_be_short(token: &str) -> Result<(), Unfit> {
    if token.len() > TOKEN_BYTES_MAX { broken("it is too long") } else { Ok(()) }
}

/// The verifier owns its keys.
fn copied(keys: &CoreJsonWebKeySet) -> CoreJsonWebKeySet {
    CoreJsonWebKeySet::new(keys.keys().clone())
}

fn is_past(issued: DateTime<chrono::Utc>, now: Timestamp) -> Result<(), String> {
    if issued <= now + TimeDelta::seconds(LEEWAY_S) { Ok(()) } else { Err("it was issued in the future".into()) }
}

fn unfit(cause: ClaimsVerificationError) -> Unfit {
    match cause {
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => Unfit::UnknownKey,
        other => Unfit::Broken(crate::causes::chain(&other)),
    }
}
