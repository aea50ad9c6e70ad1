//! The stored shape of webhooks. The names are on disk: see `upcast.rs` before changing one. Secrets stand here sealed only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Error, Storable, Stored, read, stored, unknown};
use crate::domain::{
    ids::Timestamp,
    memory::MemoryType,
    webhook::{Asymmetric, Config, Event, Filter, Payload, Reason, Retry, Secret, Webhook},
};

/// An endpoint after a change: the data of all events `webhook.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WebhookV1 {
    pub url: String,
    pub description: String,
    pub events: Vec<String>,
    pub filter: FilterV1,
    pub payload: Payload,
    /// Names and sealed values.
    pub headers: BTreeMap<String, String>,
    pub retry_config: Retry,
    pub concurrency: u32,
    pub rate_per_s: Option<u32>,
    pub ordered: bool,
    pub secrets: Vec<SecretV1>,
    pub disabled_reason: Option<Reason>,
    pub disabled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FilterV1 {
    pub tags: Vec<String>,
    pub memory_types: Vec<MemoryType>,
    pub importance_min: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SecretV1 {
    pub sealed: String,
    pub asymmetric_sealed: Option<String>,
    pub asymmetric_public: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl From<&Webhook> for WebhookV1 {
    fn from(webhook: &Webhook) -> Self {
        let Webhook { config, secrets, disabled, created_at, updated_at, deleted_at } = webhook.clone();
        let Config { url, description, events, filter, payload, headers, retry, concurrency, rate_per_s, ordered } = config;
        let Filter { tags, memory_types, importance_min } = filter;
        let (disabled_reason, disabled_at) = disabled.unzip();
        Self {
            url,
            description,
            events,
            filter: FilterV1 { tags, memory_types, importance_min },
            payload,
            headers,
            retry_config: retry,
            concurrency,
            rate_per_s,
            ordered,
            secrets: secrets.into_iter().map(SecretV1::from).collect(),
            disabled_reason,
            disabled_at,
            created_at,
            updated_at,
            deleted_at,
        }
    }
}

impl From<WebhookV1> for Webhook {
    fn from(stored: WebhookV1) -> Self {
        let FilterV1 { tags, memory_types, importance_min } = stored.filter;
        let config = Config {
            url: stored.url,
            description: stored.description,
            events: stored.events,
            filter: Filter { tags, memory_types, importance_min },
            payload: stored.payload,
            headers: stored.headers,
            retry: stored.retry_config,
            concurrency: stored.concurrency,
            rate_per_s: stored.rate_per_s,
            ordered: stored.ordered,
        };
        Self {
            config,
            secrets: stored.secrets.into_iter().map(Secret::from).collect(),
            disabled: stored.disabled_reason.zip(stored.disabled_at),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
            deleted_at: stored.deleted_at,
        }
    }
}

impl From<Secret> for SecretV1 {
    fn from(secret: Secret) -> Self {
        let Secret { sealed, asymmetric, created_at, expires_at } = secret;
        let (asymmetric_sealed, asymmetric_public) = asymmetric.map(|key| (key.sealed, key.public)).unzip();
        Self { sealed, asymmetric_sealed, asymmetric_public, created_at, expires_at }
    }
}

impl From<SecretV1> for Secret {
    fn from(stored: SecretV1) -> Self {
        let SecretV1 { sealed, asymmetric_sealed, asymmetric_public, created_at, expires_at } = stored;
        let asymmetric = asymmetric_sealed.zip(asymmetric_public).map(|(sealed, public)| Asymmetric { sealed, public });
        Self { sealed, asymmetric, created_at, expires_at }
    }
}

impl Storable for Event {
    fn store(&self) -> Stored {
        let (kind, changed) = match self {
            Self::Registered(_) => ("webhook.registered", &[] as &[&str]),
            Self::Updated(_, changed) => ("webhook.updated", changed.as_slice()),
            Self::Enabled(_) => ("webhook.enabled", &["active"] as &[&str]),
            Self::Disabled(_) => ("webhook.disabled", &["active"] as &[&str]),
            Self::SecretRotated(_) => ("webhook.secret_rotated", &["secrets"] as &[&str]),
            Self::SecretRevoked(_) => ("webhook.secret_revoked", &["secrets"] as &[&str]),
            Self::Deleted(_) => ("webhook.deleted", &[] as &[&str]),
        };
        let changed = changed.iter().map(|field| (*field).to_owned()).collect();
        Stored { changed, ..stored(kind, &WebhookV1::from(self.webhook())) }
    }

    fn load(kind: &str, data: &Value) -> Result<Self, Error> {
        let webhook = Webhook::from(read::<WebhookV1>(kind, data)?);
        match kind {
            "webhook.registered" => Ok(Self::Registered(webhook)),
            "webhook.updated" => Ok(Self::Updated(webhook, vec![])),
            "webhook.enabled" => Ok(Self::Enabled(webhook)),
            "webhook.disabled" => Ok(Self::Disabled(webhook)),
            "webhook.secret_rotated" => Ok(Self::SecretRotated(webhook)),
            "webhook.secret_revoked" => Ok(Self::SecretRevoked(webhook)),
            "webhook.deleted" => Ok(Self::Deleted(webhook)),
            _ => Err(unknown(kind)),
        }
    }
}
