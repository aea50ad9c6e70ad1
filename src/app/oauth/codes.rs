//! The code flow (RFC 6749 with PKCE, RFC 8252, RFC 9207): a client sends a browser here, its person says yes or no, and the browser brings
//! a code to the client, which is good once, for a minute, and with the client's own secret. Used through [`super::Oauth`].
//!
//! Decision 2026-11-28: a code is what was allowed, sealed by the master key; the stream only remembers that it was used. So any process can
//! answer, and nobody can make a server remember by asking.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use super::{Allowed, Client, Fault, Given, Oauth, Refusal};
use crate::{
    app::{Error, login::Visitor, sealed},
    domain::{
        access::Scope,
        ids::{PrincipalId, SpaceId, Timestamp},
    },
};

/// How long a code is good for, in seconds.
const CODE_S: i64 = 60;
/// What a code is sealed for.
const PLACE: &str = "authorization code";
/// Characters of a challenge: SHA-256 in base64url. A verifier has 43 to 128 (RFC 7636, 4.1).
const CHALLENGE_CHARS: usize = 43;
const VERIFIER_CHARS_MAX: usize = 128;
/// Longest state that is handed back, in bytes.
const STATE_BYTES_MAX: usize = 1_024;

/// What a browser says that a client wants, as it stands in the address.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub response_type: Option<String>,
    pub client_id: Option<String>,
    pub redirect_uri: Option<String>,
    pub scope: Option<String>,
    pub state: Option<String>,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
    pub resource: Option<String>,
}

/// What a client wants, once that is good.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub client: Client,
    pub redirect_uri: String,
    pub state: Option<String>,
    pub scopes: Vec<Scope>,
    challenge: String,
}

/// Why nobody is asked anything.
#[derive(Clone, Debug, PartialEq)]
pub enum NoWish {
    /// Nobody knows where the browser came from: it stays here.
    Stay(Error),
    /// The browser goes back to the client, and says why.
    Back(Url),
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    /// Of the delegation that it makes.
    id: Uuid,
    principal: PrincipalId,
    client: String,
    redirect_uri: String,
    challenge: String,
    scopes: Vec<Scope>,
    space: Option<SpaceId>,
    ends_at: Timestamp,
}

impl Oauth {
    /// Reads what a client wants. Where it is sent back to is looked at before everything else.
    pub fn wish(&self, asked: Asked) -> Result<Wish, NoWish> {
        let stay = |detail: &str| NoWish::Stay(Error::new("oauth.bad_request", detail));
        let client = self.client(asked.client_id.as_deref().unwrap_or_default());
        let client = client.map_err(|_| stay("the program that sent you here is not known to this server"))?.clone();
        let redirect_uri = asked.redirect_uri.filter(|uri| client.comes_back_to(uri));
        let redirect_uri =
            redirect_uri.ok_or_else(|| stay("the program that sent you here wants you back at a place that is not its own"))?;
        let state = asked.state;
        if state.as_ref().is_some_and(|state| state.len() > STATE_BYTES_MAX) {
            return Err(stay("the program that sent you here says too much"));
        }
        let back = |refusal: Refusal| match self.back(&redirect_uri, state.as_deref(), Err(&refusal)) {
            Ok(url) => NoWish::Back(url),
            Err(error) => NoWish::Stay(error),
        };
        let bad = |detail: &str| Refusal::new(Fault::InvalidRequest, detail);
        match asked.response_type.as_deref() {
            Some("code") => {}
            Some(_) => return Err(back(Refusal::new(Fault::UnsupportedResponseType, "response_type takes code"))),
            None => return Err(back(bad("response_type is missing"))),
        }
        let is_challenge = |text: &String| text.len() == CHALLENGE_CHARS && URL_SAFE_NO_PAD.decode(text).is_ok();
        let challenge = asked.code_challenge.filter(is_challenge);
        let (Some(challenge), Some("S256")) = (challenge, asked.code_challenge_method.as_deref()) else {
            return Err(back(bad("a code_challenge by the code_challenge_method S256 is needed (PKCE)")));
        };
        let scopes = Self::scopes(asked.scope.as_deref()).map_err(&back)?;
        self.check_resource(asked.resource.as_deref()).map_err(&back)?;
        Ok(Wish { client, redirect_uri, state, scopes, challenge })
    }

    /// Where the browser goes when its person has said yes, in a space of theirs or in all.
    /// Errors: `auth.space_forbidden`, `login.no_base_url`, `secrets.no_master_key`.
    pub fn allow(&self, wish: &Wish, principal: PrincipalId, space: Option<SpaceId>) -> Result<Url, Error> {
        self.must_belong(principal, space.as_ref())?;
        let sealed = Sealed {
            id: self.writing.ids.command_id().0,
            principal,
            client: wish.client.id.clone(),
            redirect_uri: wish.redirect_uri.clone(),
            challenge: wish.challenge.clone(),
            scopes: wish.scopes.clone(),
            space,
            ends_at: self.clock.now() + TimeDelta::seconds(CODE_S),
        };
        let code = sealed::sealed(&*self.vault, PLACE, &sealed)?;
        self.back(&wish.redirect_uri, wish.state.as_deref(), Ok(&code))
    }

    /// Where the browser goes when its person has said no. Errors: `login.no_base_url`.
    pub fn deny(&self, wish: &Wish) -> Result<Url, Error> {
        let refusal = Refusal::new(Fault::AccessDenied, "its person has said no");
        self.back(&wish.redirect_uri, wish.state.as_deref(), Err(&refusal))
    }

    fn back(&self, redirect_uri: &str, state: Option<&str>, answer: Result<&str, &Refusal>) -> Result<Url, Error> {
        let unreadable = |cause| Error::new("oauth.bad_request", "there is no way back").logged(&cause);
        let mut url = Url::parse(redirect_uri).map_err(|cause: url::ParseError| unreadable(cause))?;
        let issuer = self.tokens.issuer()?;
        {
            let mut pairs = url.query_pairs_mut();
            match answer {
                Ok(code) => pairs.append_pair("code", code),
                Err(refusal) => {
                    pairs.append_pair("error", refusal.fault.as_str()).append_pair("error_description", &refusal.description)
                }
            };
            state.map(|state| pairs.append_pair("state", state));
            pairs.append_pair("iss", &issuer);
        }
        Ok(url)
    }

    /// Gives tokens for a code. One that comes a second time ends what it has begun. Errors: `invalid_grant`, `invalid_client`.
    pub async fn exchange(
        &self,
        code: &str,
        (client, redirect_uri, verifier): (&str, &str, &str),
        visitor: Visitor,
    ) -> Result<Given, Refusal> {
        let client = self.client(client)?;
        let over = || Refusal::new(Fault::InvalidGrant, "this code is over, was used, or was made for another client");
        let sealed: Sealed = sealed::opened(&*self.vault, PLACE, code).ok_or_else(over)?;
        let Sealed { id, principal, client: named, redirect_uri: agreed, challenge, scopes, space, ends_at } = sealed;
        // Whoever has the code alone can neither use it nor use it up.
        if named != client.id || agreed != redirect_uri || !is_verified(&challenge, verifier) {
            return Err(over());
        }
        let keep = Duration::from_secs(3 * CODE_S.unsigned_abs());
        // By what it says, for the same can be written in several ways.
        let is_first = self.delegations.sessions.first_use(&format!("code {id}"), keep).await?;
        if !is_first {
            self.delegations.condemn(id, TimeDelta::seconds(3 * CODE_S)).await?;
            tracing::warn!(delegation = %id, "an authorization code came twice: what it had begun has ended");
            return Err(over());
        }
        if ends_at <= self.clock.now() {
            return Err(over());
        }
        let client = (client.id.clone(), client.name.clone());
        self.delegate(Allowed { id, principal, client, scopes, space }, visitor).await
    }
}

fn is_verified(challenge: &str, verifier: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let is_verifier = (CHALLENGE_CHARS..=VERIFIER_CHARS_MAX).contains(&verifier.len()) && verifier.bytes().all(is_word);
    is_verifier && challenge_of(verifier) == challenge
}

/// The challenge of a verifier (RFC 7636, 4.2, S256).
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_that_of_its_challenge() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_verified(challenge, verifier) && !is_verified(challenge, challenge) && !is_verified(verifier, verifier));
        assert!(!is_verified(challenge, "") && !is_verified(challenge, &verifier[1..]));
    }
}
