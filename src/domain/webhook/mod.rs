//! The aggregate `webhook`: an address that wants to be told of events. Decides register, update, enable, disable, rotate, revoke, delete.
//!
//! Called by the write path, which seals secrets before they come here; what a valid endpoint is stands in [`draft`].

pub mod draft;
pub mod retry;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::Duration;
use serde::{Deserialize, Serialize};

use super::{
    decider::Decider,
    ids::{SpaceId, Timestamp, WebhookId},
    memory::MemoryType,
    violation::{self, Violation},
};
pub use draft::{Draft, Patch};
pub use retry::Retry;

/// How long an old secret still signs beside a new one unless the rotation says otherwise, in hours.
pub const OVERLAP_H_DEFAULT: u32 = 24;
pub const OVERLAP_H_MAX: u32 = 7 * 24;
/// Most secrets that sign at a time.
pub const SECRETS_MAX: usize = 5;

/// What goes out for an event; the names are on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The whole aggregate after the event.
    #[default]
    Full,
    /// Only which aggregate it was, its revision and what changed.
    Thin,
}

/// Which events of the wanted types are wanted. Empty lists and no bound let everything pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// At least one of these stood or stands on the memory.
    pub tags: Vec<String>,
    pub memory_types: Vec<MemoryType>,
    /// The memory is or was at least this important.
    pub importance_min: Option<f64>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a client decides about an endpoint, already validated: only [`Draft::validate`] and [`Patch::apply`] make one.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub url: String,
    pub description: String,
    /// Types of events by name, `memory.*` or `*`.
    pub events: Vec<String>,
    pub filter: Filter,
    pub payload: Payload,
    /// Sent with every attempt. The values are sealed.
    pub headers: BTreeMap<String, String>,
    pub retry: Retry,
    /// Requests at a time.
    pub concurrency: u32,
    /// Requests per second; `None` is as many as it takes.
    pub rate_per_s: Option<u32>,
    /// Events of one aggregate come one after the other, in order.
    pub ordered: bool,
}

/// A key that signs, sealed under the instance's master key.
#[derive(Clone, Debug, PartialEq)]
pub struct Secret {
    /// The HMAC key of `v1`.
    pub sealed: String,
    /// The seed of the ed25519 key of `v1a` and its public half, where the endpoint asked for it.
    pub asymmetric: Option<Asymmetric>,
    pub created_at: Timestamp,
    /// From when on it signs no more; `None` for the newest.
    pub expires_at: Option<Timestamp>,
}

impl Secret {
    pub fn signs_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Asymmetric {
    pub sealed: String,
    /// `whpk_` and the 32 bytes in base64.
    pub public: String,
}

/// Why an endpoint gets nothing; the names are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody switched it off.
    Asked,
    /// It answered 410 Gone.
    Gone,
    /// Nothing was delivered for five days.
    Failing,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// An endpoint as it stands after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    pub config: Config,
    /// Newest first, at least one unless the endpoint is deleted.
    pub secrets: Vec<Secret>,
    pub disabled: Option<(Reason, Timestamp)>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
}

impl Webhook {
    pub fn is_active(&self) -> bool {
        self.disabled.is_none() && self.deleted_at.is_none()
    }
}

/// Where a sealed text of an endpoint belongs: it opens nowhere else.
pub fn associated_data(space: &SpaceId, id: WebhookId, field: &str) -> String {
    format!("{space}/webhook/{id}/{field}")
}

/// The state of the aggregate: nothing yet, or the endpoint after its last event.
pub type State = Option<Webhook>;

/// What happened. Each event carries the whole endpoint after the change.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Registered(Webhook),
    /// With the names of the fields that changed.
    Updated(Webhook, Vec<&'static str>),
    Enabled(Webhook),
    Disabled(Webhook),
    SecretRotated(Webhook),
    /// Older secrets sign no more.
    SecretRevoked(Webhook),
    Deleted(Webhook),
}

impl Event {
    pub fn webhook(&self) -> &Webhook {
        match self {
            Self::Registered(webhook)
            | Self::Updated(webhook, _)
            | Self::Enabled(webhook)
            | Self::Disabled(webhook)
            | Self::SecretRotated(webhook)
            | Self::SecretRevoked(webhook)
            | Self::Deleted(webhook) => webhook,
        }
    }
}

/// What somebody wants. `at` is the instant of the command; secrets and headers come sealed.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `active` is false for one that is to be switched on later.
    Register {
        draft: Draft,
        secret: Secret,
        active: bool,
        at: Timestamp,
    },
    Update {
        patch: Patch,
        at: Timestamp,
    },
    Enable {
        at: Timestamp,
    },
    Disable {
        reason: Reason,
        at: Timestamp,
    },
    /// The pair of `v1a` is kept only if the endpoint has had one.
    Rotate {
        secret: Secret,
        overlap_h: u32,
        at: Timestamp,
    },
    Revoke {
        at: Timestamp,
    },
    /// The same headers and secrets, sealed anew.
    Reseal {
        headers: BTreeMap<String, String>,
        secrets: Vec<Secret>,
    },
    Delete {
        at: Timestamp,
    },
}

/// Why a command is refused. The codes are part of the API's contract.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("{}", violation::sentence(.0))]
    Invalid(Vec<Violation>),
    #[error("an endpoint with this id exists")]
    AlreadyExists,
    #[error("there is no webhook with this id")]
    NotFound,
    #[error("the webhook is deleted")]
    Deleted,
    #[error("{SECRETS_MAX} secrets sign already; revoke the older ones first")]
    TooManySecrets,
}

impl Rejection {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(violations) => violations.first().map_or("webhook.invalid", |first| first.code),
            Self::AlreadyExists => "webhook.already_exists",
            Self::NotFound => "webhook.not_found",
            Self::Deleted => "webhook.deleted",
            Self::TooManySecrets => "webhook.too_many_secrets",
        }
    }
}

/// The decider of webhooks.
pub struct WebhookDecider;

impl Decider for WebhookDecider {
    type Command = Command;
    type Event = Event;
    type State = State;
    type Rejection = Rejection;

    fn decide(command: Command, state: &State) -> Result<Vec<Event>, Rejection> {
        match (command, state) {
            (Command::Register { draft, secret, active, at }, None) => {
                let config = draft.validate().map_err(Rejection::Invalid)?;
                let secrets = vec![secret];
                let disabled = (!active).then_some((Reason::Asked, at));
                let webhook = Webhook { config, secrets, disabled, created_at: at, updated_at: at, deleted_at: None };
                Ok(vec![Event::Registered(webhook)])
            }
            (Command::Register { .. }, Some(_)) => Err(Rejection::AlreadyExists),
            (_, None) => Err(Rejection::NotFound),
            (Command::Delete { .. }, Some(old)) if old.deleted_at.is_some() => Ok(vec![]),
            (_, Some(old)) if old.deleted_at.is_some() => Err(Rejection::Deleted),
            (command, Some(old)) => change(command, old),
        }
    }

    fn evolve(_: State, event: &Event) -> State {
        Some(event.webhook().clone())
    }
}

/// What becomes of an endpoint that is there.
fn change(command: Command, old: &Webhook) -> Result<Vec<Event>, Rejection> {
    let after = |at: Timestamp| Webhook { updated_at: at, ..old.clone() };
    Ok(match command {
        Command::Register { .. } => vec![],
        Command::Update { patch, at } => {
            let (config, changed) = patch.apply(&old.config).map_err(Rejection::Invalid)?;
            if changed.is_empty() { vec![] } else { vec![Event::Updated(Webhook { config, ..after(at) }, changed)] }
        }
        Command::Enable { at } => match old.disabled {
            Some(_) => vec![Event::Enabled(Webhook { disabled: None, ..after(at) })],
            None => vec![],
        },
        Command::Disable { reason, at } => match old.disabled {
            Some(_) => vec![],
            None => vec![Event::Disabled(Webhook { disabled: Some((reason, at)), ..after(at) })],
        },
        Command::Rotate { secret, overlap_h, at } => {
            let asymmetric = secret.asymmetric.filter(|_| old.secrets.first().is_some_and(|newest| newest.asymmetric.is_some()));
            let secret = Secret { asymmetric, ..secret };
            let end = at + Duration::hours(overlap_h.into());
            let older = old.secrets.iter().filter(|one| one.signs_at(at)).cloned();
            let expiring =
                older.map(|one| Secret { expires_at: Some(one.expires_at.map_or(end, |known| known.min(end))), ..one });
            let secrets: Vec<_> = std::iter::once(secret).chain(expiring.filter(|one| one.signs_at(at))).collect();
            if secrets.len() > SECRETS_MAX {
                return Err(Rejection::TooManySecrets);
            }
            vec![Event::SecretRotated(Webhook { secrets, ..after(at) })]
        }
        Command::Revoke { at } => match old.secrets.as_slice() {
            [newest, _, ..] => vec![Event::SecretRevoked(Webhook { secrets: vec![newest.clone()], ..after(at) })],
            _ => vec![],
        },
        // Nothing changes that its owner could see, so it is no newer than it was.
        Command::Reseal { headers, secrets } => {
            let config = Config { headers, ..old.config.clone() };
            let resealed = Webhook { config, secrets, ..old.clone() };
            if resealed == *old { vec![] } else { vec![Event::Updated(resealed, vec!["headers", "secrets"])] }
        }
        // Nobody needs the secrets of an endpoint that is gone.
        Command::Delete { at } => vec![Event::Deleted(Webhook { secrets: vec![], deleted_at: Some(at), ..after(at) })],
    })
}
