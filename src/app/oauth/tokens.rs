//! Access tokens (RFC 9068): signed here, and held here against everything that they must be. Used by [`super::Oauth`], which gives them out, and
//! by the edge, which is shown them. A token opens something only as long as its delegation holds, whatever it says of its own end.
//!
//! Decision 2026-11-28: the library verifies signatures and no more. Its readers take a token without `iss`, `aud` or `typ` and pass over
//! what they do not know; here header and claims are exactly those that we write, each once.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::super::{Caller, Error, access::secret, delegations::Delegations, login::Base};
use crate::{
    domain::{
        access::{Scope, ScopeSet},
        delegation::Delegation,
        ids::{PrincipalId, SpaceId, Timestamp},
    },
    ports::{AccessDirectory, Clock, webhooks::Vault},
};

/// How long a token is good for, in seconds.
pub const TOKEN_S: i64 = 600;
/// How far the clocks of processes may differ, in seconds.
const LEEWAY_S: i64 = 60;
/// Longest token that is looked at, in bytes; ours have some 700.
const TOKEN_BYTES_MAX: usize = 4_096;
const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "at+jwt";
/// In place of a space's name: all that the principal belongs to.
const ALL_SPACES: &str = "*";

/// No field that is not ours, and none twice.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: PrincipalId,
    client_id: String,
    /// The delegation.
    sid: Uuid,
    space: String,
    scope: String,
    jti: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// What a good token opens.
#[derive(Clone, Debug)]
pub struct Bearer {
    pub delegation: Arc<Delegation>,
    /// Those of the token, as far as the delegation gives them still.
    pub scopes: ScopeSet,
    pub expires_at: Timestamp,
}

/// Makes tokens and reads them.
pub struct Tokens {
    pub delegations: Arc<Delegations>,
    pub directory: Arc<dyn AccessDirectory>,
    pub clock: Arc<dyn Clock>,
    pub vault: Arc<dyn Vault>,
    /// Issuer and audience. Without one there are no tokens.
    pub base: Option<Base>,
}

impl Tokens {
    /// The name of this server as an issuer, which is that of its API as well. Errors: `login.no_base_url`.
    pub fn issuer(&self) -> Result<String, Error> {
        let detail =
            "this server does not know under which address clients reach it safely: set auth.base_url to its https address";
        self.base.as_ref().map(|base| base.at("")).ok_or_else(|| Error::new("login.no_base_url", detail))
    }

    /// A token of a delegation, for these of its scopes. Errors: `login.no_base_url`, `login.unavailable`, those of the vault.
    pub async fn issue(&self, delegation: &Delegation, scopes: ScopeSet) -> Result<String, Error> {
        let issuer = self.issuer()?;
        let (key, private) = self.delegations.signing_key().await?;
        let now = self.clock.now().timestamp();
        let claims = Claims {
            aud: issuer.clone(),
            iss: issuer,
            sub: delegation.principal,
            client_id: delegation.client.clone(),
            sid: delegation.id,
            space: space_claim(delegation).to_owned(),
            scope: scope_text(scopes),
            jti: secret::fresh(&*self.vault),
            iat: now,
            exp: now + TOKEN_S,
            nbf: None,
        };
        let unwritable = |cause: &(dyn std::error::Error + 'static)| Error::new("internal", "no token can be made").logged(cause);
        let head = Head { alg: ALGORITHM.into(), typ: TYPE.into(), kid: key.id.clone() };
        let head = serde_json::to_vec(&head).map_err(|cause| unwritable(&cause))?;
        let claims = serde_json::to_vec(&claims).map_err(|cause| unwritable(&cause))?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
        let signature = crypto::sign(signed.as_bytes(), &private, Algorithm::EdDSA).map_err(|cause| unwritable(&cause))?;
        Ok(format!("{signed}.{signature}"))
    }

    /// What a token opens now. Errors: `auth.invalid_token`; why is told to the log alone.
    pub fn open(&self, token: &str) -> Result<Bearer, Error> {
        self.opened(token).map_err(|why| {
            tracing::debug!(why, "an access token does not count");
            Error::new("auth.invalid_token", "this access token is over, was revoked, or is none of this server")
        })
    }

    fn opened(&self, token: &str) -> Result<Bearer, &'static str> {
        let Claims { iss, aud, sub, client_id, sid, space, scope, jti, iat, exp, nbf } = self.verified(token)?;
        let issuer = self.base.as_ref().map(|base| base.at("")).ok_or("there are no tokens here")?;
        if iss != issuer || aud != issuer {
            return Err("it comes from elsewhere or is for somebody else");
        }
        let now = self.clock.now().timestamp();
        if exp.saturating_add(LEEWAY_S) <= now {
            return Err("it is over");
        }
        let latest = now + LEEWAY_S;
        if iat > latest || nbf.is_some_and(|from| from > latest) || exp.saturating_sub(iat) > TOKEN_S || jti.is_empty() {
            return Err("it does not hold yet, or for too long");
        }
        let delegation = self.delegations.get(sid).ok_or("its delegation is over")?;
        if delegation.principal != sub || delegation.client != client_id || space_claim(&delegation) != space {
            return Err("it is not of its delegation");
        }
        let named: Option<Vec<Scope>> = scope.split(' ').map(Scope::parse).collect();
        let scopes = ScopeSet::of(&named.ok_or("it names an unknown scope")?).both(ScopeSet::of(&delegation.scopes));
        let expires_at = DateTime::from_timestamp(exp, 0).ok_or("its end is no time")?;
        Ok(Bearer { delegation, scopes, expires_at: expires_at + TimeDelta::seconds(LEEWAY_S) })
    }

    /// The claims of a token that we have signed.
    fn verified(&self, token: &str) -> Result<Claims, &'static str> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("it is too long");
        }
        let mut parts = token.split('.');
        let (Some(head), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err("it does not have three parts");
        };
        let Head { alg, typ, kid } = part(head).ok_or("its header is not ours")?;
        if alg != ALGORITHM || typ != TYPE {
            return Err("it is of another kind");
        }
        let key = self.delegations.key(&kid).ok_or("its key is not known")?;
        let public = DecodingKey::from_ed_der(&key.public);
        let signed = &token[..head.len() + 1 + claims.len()];
        match crypto::verify(signature, signed.as_bytes(), &public, Algorithm::EdDSA) {
            Ok(true) => part(claims).ok_or("its claims are not ours"),
            _ => Err("its signature is not ours"),
        }
    }

    /// Who comes by a token, in the space that they name or in the first that it opens.
    /// Errors: `auth.invalid_token` for somebody who belongs nowhere any more, `auth.space_forbidden`.
    pub fn caller(&self, bearer: &Bearer, named: Option<&SpaceId>) -> Result<Caller, Error> {
        let of = |space: &SpaceId| Caller::of_delegation(&bearer.delegation, bearer.scopes, space, &*self.directory);
        if let Some(space) = named {
            let forbidden = || Error::new("auth.space_forbidden", "this token does not open the space that Brain-Space names");
            return of(space).ok_or_else(forbidden);
        }
        let first = match &bearer.delegation.space {
            Some(space) => of(space),
            None => {
                let spaces = self.directory.spaces_of(bearer.delegation.principal);
                spaces.into_iter().next().and_then(|(space, _)| of(&space.id))
            }
        };
        first.ok_or_else(|| Error::new("auth.invalid_token", "whoever has given this access token no longer belongs here"))
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn space_claim(delegation: &Delegation) -> &str {
    delegation.space.as_ref().map_or(ALL_SPACES, SpaceId::as_str)
}

/// Scopes as OAuth writes them.
pub fn scope_text(scopes: ScopeSet) -> String {
    scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}
