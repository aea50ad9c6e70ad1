//! The secrets and header values of webhooks as things that are sealed under the master key. The newest event of an endpoint holds those that
//! count: nobody opens what its older events hold.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    commands::Commands,
    domain::{
        ids::{SpaceId, WebhookId},
        webhook::{Event, Webhook, associated_data},
    },
    journal::{Recorded, catalog::WEBHOOK, events::Storable},
    ports::{
        EventLog,
        master_keys::{Progress, Sealed, SealedAway, SealedThings, version_of},
        webhooks::{Vault, WebhookRecord},
    },
};

/// How often an endpoint is read again that others keep changing.
const TRIES_MAX: usize = 5;

/// What webhooks keep sealed.
pub struct WebhookSecrets {
    pub log: Arc<dyn EventLog>,
    pub commands: Arc<Commands>,
    pub vault: Arc<dyn Vault>,
}

impl WebhookSecrets {
    /// Every endpoint that is not deleted, and how many nobody can read.
    async fn all(&self) -> Result<(Vec<(SpaceId, WebhookRecord)>, u64), SealedAway> {
        let newest = self.log.newest_of(WEBHOOK).await.map_err(away)?;
        let (mut found, mut unreadable) = (vec![], 0);
        for recorded in newest {
            match recorded.ok().and_then(|recorded| record(&recorded)) {
                Some((_, record)) if record.webhook.deleted_at.is_some() => {}
                Some(record) => found.push(record),
                None => unreadable += 1,
            }
        }
        Ok((found, unreadable))
    }
}

fn away(cause: impl std::error::Error + Send + Sync + 'static) -> SealedAway {
    SealedAway(Box::new(cause))
}

fn record(recorded: &Recorded) -> Option<(SpaceId, WebhookRecord)> {
    let event = &recorded.event;
    let webhook = Event::load(&event.kind, &event.data).ok()?.webhook().clone();
    let id: WebhookId = event.aggregate_id.parse().ok()?;
    Some((event.space.clone(), WebhookRecord { id, revision: event.revision, webhook }))
}

/// Each sealed text of an endpoint, with the field that it is bound to.
fn sealed(webhook: &Webhook) -> Vec<(String, &str)> {
    let headers = webhook.config.headers.iter().map(|(name, sealed)| (format!("headers/{name}"), sealed.as_str()));
    let secrets = webhook.secrets.iter().flat_map(|secret| {
        let pair = secret.asymmetric.as_ref().map(|key| ("asymmetric".to_owned(), key.sealed.as_str()));
        std::iter::once(("secret".to_owned(), secret.sealed.as_str())).chain(pair)
    });
    secrets.chain(headers).collect()
}

#[async_trait]
impl SealedThings for WebhookSecrets {
    fn name(&self) -> &'static str {
        "webhook secrets"
    }

    async fn count(&self) -> Result<Sealed, SealedAway> {
        let (all, unreadable) = self.all().await?;
        let mut counted = Sealed { unreadable, ..Sealed::default() };
        for text in all.iter().flat_map(|(_, record)| sealed(&record.webhook)).map(|(_, text)| text) {
            counted.note(version_of(text));
        }
        Ok(counted)
    }

    async fn opens(&self) -> Result<Option<bool>, SealedAway> {
        let (all, _) = self.all().await?;
        let (mut opened, mut tried) = (0_u64, 0);
        for (space, record) in &all {
            for (field, text) in sealed(&record.webhook) {
                tried += 1;
                opened += u64::from(self.vault.unseal(&associated_data(space, record.id, &field), text).is_ok());
            }
        }
        if opened < tried {
            tracing::warn!(opened, tried, "not all secrets of webhooks open by the master key");
        }
        Ok((tried > 0).then_some(opened > 0))
    }

    async fn reseal(&self, active: u32, progress: &Progress) -> Result<u64, SealedAway> {
        let is_old = |record: &WebhookRecord| {
            sealed(&record.webhook).iter().any(|(_, text)| version_of(text).is_some_and(|version| version != active))
        };
        let (all, _) = self.all().await?;
        let old: Vec<_> = all.into_iter().filter(|(_, record)| is_old(record)).collect();
        progress.begin(old.len() as u64);
        let mut resealed = 0;
        for (space, mut current) in old {
            for _ in 0..TRIES_MAX {
                if self.commands.reseal_webhook(&space, &current, &*self.vault).await.map_err(away)? {
                    resealed += 1;
                    break;
                }
                let newest = self.log.last(&space, WEBHOOK, &current.id.to_string()).await.map_err(away)?;
                let Some((_, newest)) = newest.and_then(|newest| record(&newest)) else { break };
                if newest.webhook.deleted_at.is_some() || !is_old(&newest) {
                    break;
                }
                current = newest;
            }
            progress.advance(1);
        }
        Ok(resealed)
    }
}
