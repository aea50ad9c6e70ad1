//! What clients do with webhooks: register, change and watch them. Every write goes through [`crate::commands`].

mod deliveries;
mod secrets;

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use url::Url;

use super::{Caller, Error, Reading, WriteOptions, Writing, error::short, paging};
use crate::{
    commands::{CommandKey, Done, IfMatch, Request, WebhookAction},
    domain::{
        ids::{Timestamp, WebhookId},
        webhook::{Draft, OVERLAP_H_DEFAULT, OVERLAP_H_MAX, Patch, Reason},
    },
    ports::{
        Clock, EventLog,
        webhooks::{Attempt, Health, HttpSender, Prober, SendError, Vault, WebhookReads, WebhookRecord},
    },
    queries::{
        WEBHOOKS,
        webhooks::{self, LIMIT_DEFAULT, LIMIT_MAX},
    },
};

pub use self::{
    deliveries::{Filters, STATES},
    secrets::Secrets,
};

/// Over which time an endpoint's health is judged.
const HEALTH_HOURS: i64 = 24;

/// The use cases of webhooks.
pub struct Webhooks {
    /// Whether this brain sends any; every use case is refused where it does not.
    pub enabled: bool,
    pub reading: Arc<Reading>,
    pub writing: Arc<Writing>,
    pub reads: Arc<dyn WebhookReads>,
    pub log: Arc<dyn EventLog>,
    pub vault: Arc<dyn Vault>,
    pub sender: Arc<dyn HttpSender>,
    pub prober: Arc<dyn Prober>,
    pub clock: Arc<dyn Clock>,
}

/// An endpoint that is to be registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    pub draft: Draft,
    /// The caller's own, as [Standard Webhooks](https://www.standardwebhooks.com) writes it; else one is made.
    pub secret: Option<String>,
    /// Whether it is also signed with a key pair (`v1a`).
    pub asymmetric: bool,
    pub active: bool,
}

/// A webhook after a command, with the new secret where there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    pub done: Done<WebhookRecord>,
    pub secret: Option<String>,
}

/// How an endpoint fares.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub is_active: bool,
    pub health: Health,
    pub at: Timestamp,
}

impl Webhooks {
    /// Registers an endpoint and gives its secret.
    /// Errors: those of the domain, `webhook.url_forbidden`, `webhook.secret_invalid`, `secrets.no_master_key`.
    pub async fn register(&self, caller: &Caller, options: WriteOptions, new: Registration) -> Result<Changed, Error> {
        self.must_be_on()?;
        let Registration { draft, secret, asymmetric, active } = new;
        self.must_be_allowed(&draft.url)?;
        let secret = self.material(secret.as_deref(), asymmetric)?;
        let key = self.writing.command_key(caller, options.idempotency_key.as_deref());
        let action = WebhookAction::Register { draft, secret, active };
        let done = self.run(caller, key, WebhookId(key.seed.0), options.if_match, action).await?;
        self.with_secret(caller, done)
    }

    /// Changes what the patch names, and switches it on or off.
    pub async fn update(
        &self,
        caller: &Caller,
        options: WriteOptions,
        id: WebhookId,
        (patch, active): (Patch, Option<bool>),
    ) -> Result<Changed, Error> {
        if let Some(url) = &patch.url {
            self.must_be_allowed(url)?;
        }
        let key = self.writing.command_key(caller, options.idempotency_key.as_deref());
        let mut done = self.run(caller, key, id, options.if_match, WebhookAction::Update(patch)).await?;
        if let Some(active) = active {
            let switch = if active { WebhookAction::Enable } else { WebhookAction::Disable(Reason::Asked) };
            done = self.run(caller, key.item(1), id, None, switch).await?;
        }
        Ok(Changed { done, secret: None })
    }

    /// Switches it on or off, revokes older secrets, or deletes it, as the action says.
    pub async fn change(
        &self,
        caller: &Caller,
        options: WriteOptions,
        id: WebhookId,
        action: WebhookAction,
    ) -> Result<Changed, Error> {
        let key = self.writing.command_key(caller, options.idempotency_key.as_deref());
        Ok(Changed { done: self.run(caller, key, id, options.if_match, action).await?, secret: None })
    }

    /// Gives it a new secret, beside which the old ones sign for `overlap_h` hours: 0 to 168, 24 when absent.
    /// Errors: `webhook.bad_parameter`, `webhook.secret_invalid`, `webhook.too_many_secrets`, `secrets.no_master_key`.
    pub async fn rotate(
        &self,
        caller: &Caller,
        options: WriteOptions,
        id: WebhookId,
        (secret, overlap_h): (Option<&str>, Option<u32>),
    ) -> Result<Changed, Error> {
        let overlap_h = overlap_h.unwrap_or(OVERLAP_H_DEFAULT);
        if overlap_h > OVERLAP_H_MAX {
            let detail = format!("overlap_h is {overlap_h}; it goes from 0 to {OVERLAP_H_MAX}");
            return Err(bad("overlap_h", detail));
        }
        let secret = self.material(secret, true)?;
        let key = self.writing.command_key(caller, options.idempotency_key.as_deref());
        let done = self.run(caller, key, id, options.if_match, WebhookAction::Rotate { secret, overlap_h }).await?;
        self.with_secret(caller, done)
    }

    /// The webhook. Errors: `webhook.not_found`, `webhook.deleted`, and those of waiting.
    pub async fn get(&self, caller: &Caller, id: WebhookId, min_position: Option<u64>) -> Result<WebhookRecord, Error> {
        self.must_be_on()?;
        self.reading.wait_for(caller, WEBHOOKS, min_position).await?;
        match self.reads.get(caller.space(), id).await? {
            None => Err(Error::new("webhook.not_found", "there is no webhook with this id")),
            Some(record) if record.webhook.deleted_at.is_some() => {
                Err(Error::new("webhook.deleted", "the webhook is deleted; register it anew"))
            }
            Some(record) => Ok(record),
        }
    }

    /// A page in the order of their ids, with the last id if there are more. Errors: `read.bad_limit`, and those of waiting.
    pub async fn list(
        &self,
        caller: &Caller,
        (limit, after): (Option<u32>, Option<WebhookId>),
        min_position: Option<u64>,
    ) -> Result<(Vec<WebhookRecord>, Option<WebhookId>), Error> {
        self.must_be_on()?;
        let limit = paging::limit(limit, LIMIT_DEFAULT, LIMIT_MAX)?;
        self.reading.wait_for(caller, WEBHOOKS, min_position).await?;
        Ok(webhooks::list(caller.space(), limit, after, &*self.reads).await?)
    }

    /// How an endpoint has fared within a day. Errors: as [`Self::get`].
    pub async fn health(&self, caller: &Caller, id: WebhookId) -> Result<Standing, Error> {
        let record = self.get(caller, id, None).await?;
        let at = self.clock.now();
        let health = self.reads.health(caller.space(), record.id, at - TimeDelta::hours(HEALTH_HOURS)).await?;
        Ok(Standing { is_active: record.webhook.is_active(), health, at })
    }

    /// Sends a `webhook.test` now and answers what came of it; nothing is written down and nothing retried.
    /// Errors: as [`Self::get`], and `secrets.unsealable`.
    pub async fn test(&self, caller: &Caller, id: WebhookId) -> Result<Attempt, Error> {
        let record = self.get(caller, id, None).await?;
        let (event_id, now) = (self.writing.ids.command_id().to_string(), self.clock.now());
        let event = json!({
            "specversion": "1.0", "id": event_id, "source": format!("/spaces/{}", caller.space()), "type": "webhook.test",
            "subject": format!("webhook/{}", record.id), "time": now, "timestamp": now, "datacontenttype": "application/json",
            "data": {"webhook": {"id": record.id, "description": record.webhook.config.description}},
        });
        let attempt = self.prober.probe(caller.space(), record, (&event_id, event.to_string())).await;
        attempt.map_err(|why| Error::new("secrets.unsealable", why))
    }

    async fn run(
        &self,
        caller: &Caller,
        key: CommandKey,
        id: WebhookId,
        if_match: Option<IfMatch>,
        action: WebhookAction,
    ) -> Result<Done<WebhookRecord>, Error> {
        self.must_be_on()?;
        let request = Request { actor: caller.actor(), key, id, if_match, action };
        Ok(self.writing.commands.webhook(request, &*self.vault).await?)
    }

    /// Errors: `webhook.switched_off`.
    pub(super) fn must_be_on(&self) -> Result<(), Error> {
        if self.enabled {
            return Ok(());
        }
        let detail = "this brain sends no webhooks: its operator has set webhooks.enabled to false; what happens meanwhile is sent once it \
            is true";
        Err(Error::new("webhook.switched_off", detail))
    }

    /// Refuses an address that would never be sent to, as far as its text tells; whether it is one at all is the domain's to say.
    fn must_be_allowed(&self, url: &str) -> Result<(), Error> {
        let Ok(parsed) = Url::parse(url.trim()) else { return Ok(()) };
        if !matches!(parsed.scheme(), "http" | "https") {
            return Ok(());
        }
        let forbidden =
            |why: SendError| Error::new("webhook.url_forbidden", why.to_string()).at("url", None, Some(short(url).into()));
        self.sender.admits(&parsed).map_err(forbidden)
    }
}

/// A parameter that breaks a rule of its own. Errors: `webhook.bad_parameter`.
pub fn bad(field: &str, detail: String) -> Error {
    Error::new("webhook.bad_parameter", detail).at(field, None, None)
}
