//! One attempt to log in, as the browser keeps it meanwhile: sealed, and of no use with any other `state`. Used by [`super::Login`].

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::super::{Error, access::secret::sha256_hex};
use crate::{
    domain::ids::Timestamp,
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
    pub secrets: AttemptSecrets,
}

/// All but the state, which the browser brings back beside it.
#[derive(Serialize, Deserialize)]
struct Sealed {
    provider: String,
    issuer: String,
    return_to: String,
    begun_at: Timestamp,
    nonce: String,
    verifier: String,
}

impl Attempt {
    /// Errors: there is no master key.
    pub fn sealed(&self, vault: &dyn Vault) -> Result<String, Error> {
        let Self { provider, issuer, return_to, begun_at, secrets } = self;
        let sealed = Sealed {
            provider: provider.clone(),
            issuer: issuer.clone(),
            return_to: return_to.clone(),
            begun_at: *begun_at,
            nonce: secrets.nonce.clone(),
            verifier: secrets.verifier.clone(),
        };
        let text =
            serde_json::to_vec(&sealed).map_err(|cause| Error::new("internal", "an attempt cannot be written").logged(&cause))?;
        Ok(vault.seal(&place(&secrets.state), &text)?)
    }

    /// `None` if it was sealed elsewhere or for another state.
    pub fn unsealed(vault: &dyn Vault, state: &str, sealed: &str) -> Option<Self> {
        let text = vault.unseal(&place(state), sealed).ok()?;
        let Sealed { provider, issuer, return_to, begun_at, nonce, verifier } = serde_json::from_slice(&text).ok()?;
        Some(Self { provider, issuer, return_to, begun_at, secrets: AttemptSecrets { state: state.to_owned(), nonce, verifier } })
    }

    pub fn is_fresh_at(&self, now: Timestamp) -> bool {
        now - self.begun_at < TimeDelta::seconds(ATTEMPT_S.into())
    }
}

fn place(state: &str) -> String {
    format!("login attempt {}", sha256_hex(state.as_bytes()))
}
