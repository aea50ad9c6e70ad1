//! What a provider publishes of itself, kept for a while: its endpoints and its keys. Used by [`super::Oidc`].
//!
//! What was good is used on while the provider is away. A key that is not known is asked for once, then not again for some time: the door
//! for notices is open to all, and nobody shall make this process knock at a provider as often as they like.

use std::sync::Arc;

use chrono::TimeDelta;
use openidconnect::{
    IssuerUrl,
    core::{CoreJsonWebKeySet, CoreProviderMetadata},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::http::{Way, must_be_safe};
use crate::{causes::chain, domain::ids::Timestamp, ports::identity::IdentityError};

/// How long endpoints are believed.
const METADATA_S: i64 = 3_600;
/// How long keys are believed: a key that a provider takes back is gone after it.
const KEYS_S: i64 = 600;
/// How often keys may be asked for because one is not known.
const COOL_DOWN_S: i64 = 30;

/// The parts of the document that `openidconnect` does not read.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct More {
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    pub end_session_endpoint: Option<String>,
    #[serde(default)]
    pub userinfo_endpoint: Option<String>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// A provider as it describes itself, with its keys.
pub struct Known {
    pub metadata: CoreProviderMetadata,
    pub more: More,
    pub keys: CoreJsonWebKeySet,
}

impl Known {
    /// Byte by byte as the provider writes it.
    pub fn issuer(&self) -> &IssuerUrl {
        self.metadata.issuer()
    }
}

#[derive(Default)]
struct Kept {
    known: Option<Arc<Known>>,
    described_at: Option<Timestamp>,
    keys_at: Option<Timestamp>,
    /// When keys were last asked for because one was not known.
    searched_at: Option<Timestamp>,
}

/// The memory of one provider.
pub struct Published {
    issuer: String,
    way: Way,
    kept: Mutex<Kept>,
}

impl Published {
    pub fn new(issuer: String, way: Way) -> Self {
        Self { issuer, way, kept: Mutex::default() }
    }

    /// What is known of the provider, asked for where it is too old. Errors: it was never reached, or describes another one.
    pub async fn known(&self, now: Timestamp) -> Result<Arc<Known>, IdentityError> {
        let mut kept = self.kept.lock().await;
        let is_old = |at: Option<Timestamp>, seconds| at.is_none_or(|at| now - at >= TimeDelta::seconds(seconds));
        if !is_old(kept.described_at, METADATA_S) && !is_old(kept.keys_at, KEYS_S) {
            return kept.known.clone().ok_or(IdentityError::Unsupported);
        }
        match self.fetch().await {
            Ok(known) => {
                (kept.described_at, kept.keys_at) = (Some(now), Some(now));
                Ok(kept.known.insert(Arc::new(known)).clone())
            }
            Err(cause) => {
                tracing::warn!(issuer = %self.issuer, %cause, "a login provider cannot be asked for its description");
                kept.known.clone().ok_or(cause)
            }
        }
    }

    /// The same with the newest keys, if it is not long since they were searched. `None` then.
    pub async fn with_newer_keys(&self, now: Timestamp) -> Result<Option<Arc<Known>>, IdentityError> {
        let mut kept = self.kept.lock().await;
        if kept.searched_at.is_some_and(|at| now - at < TimeDelta::seconds(COOL_DOWN_S)) {
            return Ok(None);
        }
        kept.searched_at = Some(now);
        let known = self.fetch().await?;
        (kept.described_at, kept.keys_at) = (Some(now), Some(now));
        Ok(Some(kept.known.insert(Arc::new(known)).clone()))
    }

    async fn fetch(&self) -> Result<Known, IdentityError> {
        let away = |what: &str, cause: &dyn std::error::Error| IdentityError::Away(format!("{what}: {}", chain(cause)));
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let document = self.way.get(&address, None).await.map_err(|cause| away("its description", &cause))?;
        let metadata: CoreProviderMetadata =
            serde_json::from_slice(&document).map_err(|cause| away("its description", &cause))?;
        let more: More = serde_json::from_slice(&document).map_err(|cause| away("its description", &cause))?;
        must_be_the_same(&self.issuer, metadata.issuer().as_str())?;
        must_be_reachable(&metadata, &more)?;
        let keys = self.way.get(metadata.jwks_uri().as_str(), None).await.map_err(|cause| away("its keys", &cause))?;
        let keys: CoreJsonWebKeySet = serde_json::from_slice(&keys).map_err(|cause| away("its keys", &cause))?;
        if keys.keys().is_empty() {
            return Err(IdentityError::Away("it has no key that is understood here".into()));
        }
        Ok(Known { metadata, more, keys })
    }
}

/// The settings may leave the slash at the end out, or write one; nothing else may differ. What the provider writes is what counts.
fn must_be_the_same(wanted: &str, described: &str) -> Result<(), IdentityError> {
    let bare = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
    if bare(wanted) == bare(described) {
        return Ok(());
    }
    Err(IdentityError::Refused(format!(
        "the settings name the issuer {wanted}, and what is found there calls itself {described}"
    )))
}

/// Errors: an endpoint to which a secret would go in clear.
fn must_be_reachable(metadata: &CoreProviderMetadata, more: &More) -> Result<(), IdentityError> {
    let token = metadata.token_endpoint().map(|it| it.as_str().to_owned());
    let named = [Some(metadata.authorization_endpoint().as_str().to_owned()), token];
    let others = [more.userinfo_endpoint.clone(), more.end_session_endpoint.clone(), Some(metadata.jwks_uri().to_string())];
    for address in named.into_iter().chain(others).flatten() {
        let url = Url::parse(&address).map_err(|_| IdentityError::Refused("an endpoint is no URL".into()))?;
        must_be_safe(&url).map_err(IdentityError::Refused)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_the_same_byte_by_byte_but_for_one_slash() {
        let same = |wanted, described| must_be_the_same(wanted, described).is_ok();
        assert!(same("https://id.example", "https://id.example/") && same("https://id.example/", "https://id.example"));
        for (wanted, described) in [
            ("https://id.example", "https://id.example//"),
            ("https://id.example", "https://ID.example"),
            ("https://id.example", "http://id.example"),
            ("https://id.example", "https://id.example:443"),
            ("https://id.example/a", "https://id.example/a/b"),
        ] {
            assert!(!same(wanted, described), "{wanted} {described}");
        }
    }
}
