//! What webhooks look like on the wire. Called by the handlers and, for reading answers, by the command line.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{maybe_object, object, present};
use crate::{
    domain::webhook::{Filter, Patch, Payload, Retry, Webhook},
    ports::webhooks::WebhookRecord,
};

/// How an endpoint wants to be tried again; what is absent follows the schedule of ten attempts over three days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryDto {
    /// Attempts after the first one, 0 to 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 20)]
    pub max_retries: Option<u32>,
    /// Pause before the second attempt in seconds, 0.1 to 3,600; doubles from one to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_delay_s: Option<f64>,
    /// How long one attempt may take in seconds, 1 to 30; 15 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 30)]
    pub timeout_s: Option<f64>,
}

/// Which events of the wanted types are wanted; what is absent lets everything pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilterDto {
    /// At least one of these stands, or stood before the change, on the memory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// semantic, episodic or procedural.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memory_types: Vec<String>,
    /// The memory is, or was before the change, at least this important.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance_min: Option<f64>,
}

/// An endpoint as a client writes it. Address and events must be there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookInput {
    #[schema(required = true)]
    pub url: Option<String>,
    /// Types by name, `memory.*` or `*`.
    #[schema(required = true)]
    pub events: Vec<String>,
    /// `whsec_` and 24 to 64 bytes in base64; made by the server when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whether an ed25519 key signs as well (`v1a`).
    pub asymmetric: bool,
    /// Sent with every request.
    pub headers: BTreeMap<String, String>,
    #[serde(deserialize_with = "object")]
    pub retry_config: RetryDto,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    pub description: String,
    #[serde(deserialize_with = "object")]
    pub filter: FilterDto,
    /// `full` or `thin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Requests at a time, 1 to 64; 8 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub concurrency: Option<u32>,
    /// Requests per second, 1 to 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<u32>,
    /// Events of one aggregate come one after the other, in order.
    pub ordered: bool,
}

/// The fields of an endpoint that a PATCH changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Replaces all headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "maybe_object", skip_serializing_if = "Option::is_none")]
    pub retry_config: Option<RetryDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(deserialize_with = "maybe_object", skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub concurrency: Option<u32>,
    /// `null` lifts the bound.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<Option<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered: Option<bool>,
}

impl WebhookPatch {
    /// The patch in the domain's words; filter and payload were read before.
    pub fn into_patch(self, filter: Option<Filter>, payload: Option<Payload>) -> Patch {
        Patch {
            url: self.url,
            description: self.description,
            events: self.events,
            filter,
            payload,
            headers: self.headers,
            retry: self.retry_config.map(Retry::from),
            concurrency: self.concurrency,
            rate_per_s: self.rate_per_s,
            ordered: self.ordered,
        }
    }
}

impl From<RetryDto> for Retry {
    fn from(dto: RetryDto) -> Self {
        Self { max_retries: dto.max_retries, base_delay_s: dto.base_delay_s, timeout_s: dto.timeout_s }
    }
}

/// A key that signs, without the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SecretView {
    pub created_at: DateTime<Utc>,
    /// From when on it signs no more.
    pub expires_at: Option<DateTime<Utc>>,
    /// The public half of the ed25519 key, `whpk_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

/// An endpoint as the server shows it: of headers the names alone, of secrets their times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookView {
    pub id: Uuid,
    pub url: String,
    pub description: String,
    pub events: Vec<String>,
    pub filter: FilterDto,
    pub payload: String,
    pub headers: Vec<String>,
    pub retry_config: RetryDto,
    pub concurrency: u32,
    pub rate_per_s: Option<u32>,
    pub ordered: bool,
    pub active: bool,
    /// `asked`, `gone` or `failing`.
    pub disabled_reason: Option<String>,
    pub disabled_at: Option<DateTime<Utc>>,
    pub secrets: Vec<SecretView>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Only in the answer to a DELETE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
    pub revision: u64,
}

impl From<WebhookRecord> for WebhookView {
    fn from(record: WebhookRecord) -> Self {
        let WebhookRecord { id, revision, webhook } = record;
        let active = webhook.is_active();
        let Webhook { config, secrets, disabled, created_at, updated_at, deleted_at } = webhook;
        let Filter { tags, memory_types, importance_min } = config.filter;
        let Retry { max_retries, base_delay_s, timeout_s } = config.retry;
        let payload = match config.payload {
            Payload::Full => "full",
            Payload::Thin => "thin",
        };
        let secret = |secret: crate::domain::webhook::Secret| SecretView {
            created_at: secret.created_at,
            expires_at: secret.expires_at,
            public_key: secret.asymmetric.map(|key| key.public),
        };
        Self {
            id: id.0,
            url: config.url,
            description: config.description,
            events: config.events,
            filter: FilterDto {
                tags,
                memory_types: memory_types.into_iter().map(|kind| kind.as_str().to_owned()).collect(),
                importance_min,
            },
            payload: payload.to_owned(),
            headers: config.headers.into_keys().collect(),
            retry_config: RetryDto { max_retries, base_delay_s, timeout_s },
            concurrency: config.concurrency,
            rate_per_s: config.rate_per_s,
            ordered: config.ordered,
            active,
            disabled_reason: disabled.map(|(reason, _)| reason.as_str().to_owned()),
            disabled_at: disabled.map(|(_, at)| at),
            secrets: secrets.into_iter().map(secret).collect(),
            created_at,
            updated_at,
            deleted_at,
            revision: revision.0,
        }
    }
}

/// The answer to a write of a webhook; `secret` is there when it is new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookWritten {
    pub webhook: WebhookView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    pub position: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookPage {
    pub webhooks: Vec<WebhookView>,
    pub next_cursor: Option<String>,
}

/// The secrets that sign now, newest first, and the public halves of the asymmetric ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SecretsAnswer {
    pub secrets: Vec<String>,
    pub public_keys: Vec<String>,
}

/// How long old secrets sign beside the new one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RotateInput {
    /// `whsec_` and 24 to 64 bytes in base64; made by the server when absent.
    pub secret: Option<String>,
    /// 0 to 168; 24 when absent.
    #[schema(minimum = 0, maximum = 168)]
    pub overlap_h: Option<u32>,
}
