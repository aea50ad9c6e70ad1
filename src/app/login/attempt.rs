//! One attempt to log in, as the browser keeps it meanwhile: sealed, and of no use with any other `state`. Used by [`super::Login`].

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::{Error, access::secret::sha256_hex, sealed};
use crate::{
    domain::ids::{PrincipalId, Timestamp},
    ports::{identity::AttemptSecrets, webhooks::Vault},
};

/// How long a person has to log in at the provider, in seconds.
pub const ATTEMPT_S: u32 = 600;

/// An attempt.
#[derive(Debug, PartialEq)]
pub struct Attempt {
    pub provider: String,
    pub issuer: String,
    pub return_to: String,
    pub begun_at: Timestamp,
    /// Whom the identity is to be added to; absent where it is to open a session.
    pub link: Option<LinkTo>,
    pub secrets: AttemptSecrets,
}

/// Somebody who is in and wants to be known to a further provider.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkTo {
    pub principal: PrincipalId,
    /// The session that it was asked in.
    pub session: Uuid,
}

/// All but the state, which the browser brings back beside it.
#[derive(Serialize, Deserialize)]
struct Sealed {
    provider: String,
    issuer: String,
    return_to: String,
    begun_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<LinkTo>,
    nonce: String,
    verifier: String,
}

impl Attempt {
    /// Errors: there is no master key.
    pub fn sealed(&self, vault: &dyn Vault) -> Result<String, Error> {
        let Self { provider, issuer, return_to, begun_at, link, secrets } = self;
        let sealed = Sealed {
            provider: provider.clone(),
            issuer: issuer.clone(),
            return_to: return_to.clone(),
            begun_at: *begun_at,
            link: *link,
            nonce: secrets.nonce.clone(),
            verifier: secrets.verifier.clone(),
        };
        sealed::sealed(vault, &place(&secrets.state), &sealed)
    }

    /// `None` if it was sealed elsewhere or for another state.
    pub fn unsealed(vault: &dyn Vault, state: &str, sealed: &str) -> Option<Self> {
        let Sealed { provider, issuer, return_to, begun_at, link, nonce, verifier } =
            sealed::opened(vault, &place(state), sealed)?;
        let secrets = AttemptSecrets { state: state.to_owned(), nonce, verifier };
        Some(Self { provider, issuer, return_to, begun_at, link, secrets })
    }

    pub fn is_fresh_at(&self, now: Timestamp) -> bool {
        now - self.begun_at < TimeDelta::seconds(ATTEMPT_S.into())
    }
}

fn place(state: &str) -> String {
    format!("login attempt {}", sha256_hex(state.as_bytes()))
}
