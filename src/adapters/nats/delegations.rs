//! Delegations, waiting devices and signing keys in the stream SESSIONS, one subject each. Implements [`DelegationStore`]; knows no secret.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_trait::async_trait;
use futures::StreamExt;

use super::sessions::NatsSessions;
use crate::{
    domain::ids::StreamSeq,
    journal::delegation::{self, Kept, Kind},
    ports::{
        delegations::{DelegationStore, Tellings, Told},
        sessions::SessionsAway,
    },
};

/// The part of the stream that is about delegations.
pub struct NatsDelegations(pub(super) NatsSessions);

#[async_trait]
impl DelegationStore for NatsDelegations {
    async fn put(&self, name: &str, kept: &Kept, expected: StreamSeq, keep: Duration) -> Result<Option<StreamSeq>, SessionsAway> {
        let payload = delegation::encode(kept).map_err(|cause| SessionsAway(cause.into()))?;
        self.0.publish(self.0.prefix.delegation(kept.kind().as_str(), name), payload, Some(expected), keep).await
    }

    async fn end(&self, kind: Kind, name: &str, keep: Duration) -> Result<StreamSeq, SessionsAway> {
        let seq = self.0.publish(self.0.prefix.delegation(kind.as_str(), name), vec![], None, keep).await?;
        // Nothing was expected, so nothing could be otherwise.
        seq.ok_or_else(|| SessionsAway("the end of a delegation was taken for another message".into()))
    }

    async fn is_empty(&self) -> Result<bool, SessionsAway> {
        self.0.is_silent(&self.0.prefix.delegation("*", "*")).await
    }

    async fn tell(&self) -> Result<Tellings, SessionsAway> {
        let messages = self.0.follow(self.0.prefix.delegation("*", "*")).await?;
        let told = messages.filter_map(|message| std::future::ready(message.and_then(|message| told(&message)).transpose()));
        Ok(told.boxed())
    }
}

/// `None` for a kind that only a newer brain knows.
fn told(message: &Message) -> Result<Option<Told>, SessionsAway> {
    let info = message.info().map_err(SessionsAway)?;
    let mut words = message.subject.rsplit('.');
    let (name, kind) = (words.next().unwrap_or_default().to_owned(), words.next().and_then(Kind::parse));
    let Some(kind) = kind else { return Ok(None) };
    let kept = match message.payload.as_ref() {
        [] => None,
        // What a newer brain wrote otherwise opens nothing here.
        bytes => {
            let wrong = |cause: &serde_json::Error| tracing::error!(%cause, "a delegation does not have its stored shape");
            delegation::decode(kind, bytes).inspect_err(wrong).ok()
        }
    };
    Ok(Some(Told { seq: StreamSeq(info.stream_sequence), kind, name, kept, more: info.pending > 0 }))
}
