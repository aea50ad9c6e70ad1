//! The stream VAULT: one subject with the ring of master keys, and the talk of processes about what they hold. Implements [`KeyRingStore`].
//!
//! Decision 2026-11-28: the ring has a stream of its own beside KEYS, for that one is written again and purged when data keys are wrapped
//! anew, and what proves a master key must outlast that.

use std::time::Duration;

use async_nats::jetstream::{Message, consumer::DeliverPolicy, message::PublishMessage};
use async_trait::async_trait;
use futures::{StreamExt, future::BoxFuture};
use tokio::time::Instant;

use super::stream::NatsStream;
use crate::{
    domain::{
        ids::StreamSeq,
        key_ring::{KeyRing, Peer},
    },
    journal::{key_ring, subject::Prefix},
    ports::master_keys::{KeyRingStore, RingAway, Rings},
};

/// How long the answers of other processes are waited for: each reads a file first, and may have to open a passphrase.
const ANSWERS_WAIT: Duration = Duration::from_secs(3);

/// The ring on JetStream.
pub struct NatsKeyRing {
    pub(super) client: async_nats::Client,
    pub(super) stream: NatsStream,
    pub(super) prefix: Prefix,
}

fn away(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RingAway {
    RingAway(cause.into())
}

#[async_trait]
impl KeyRingStore for NatsKeyRing {
    async fn load(&self) -> Result<Option<(KeyRing, StreamSeq)>, RingAway> {
        match self.stream.last_payload(&self.prefix.key_ring()).await.map_err(away)? {
            Some((seq, payload)) => Ok(Some((key_ring::decode(&payload).map_err(away)?, seq))),
            None => Ok(None),
        }
    }

    async fn put(&self, ring: &KeyRing, expected: StreamSeq) -> Result<Option<StreamSeq>, RingAway> {
        let message = PublishMessage::build().payload(key_ring::encode(ring).into());
        self.stream.put_after(self.prefix.key_ring(), message, Some(expected)).await.map_err(away)
    }

    async fn tell(&self) -> Result<Rings, RingAway> {
        let messages = self.stream.follow(self.prefix.key_ring(), DeliverPolicy::LastPerSubject).await.map_err(RingAway)?;
        Ok(messages.map(|message| told(&message.map_err(RingAway)?)).boxed())
    }

    async fn peers(&self) -> Result<Vec<Peer>, RingAway> {
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.map_err(away)?;
        self.client.publish_with_reply(self.prefix.key_roll_call(), inbox, Default::default()).await.map_err(away)?;
        let (until, mut peers) = (Instant::now() + ANSWERS_WAIT, vec![]);
        while let Ok(Some(answer)) = tokio::time::timeout_at(until, answers.next()).await {
            match key_ring::decode_peer(&answer.payload) {
                Some(peer) => peers.push(peer),
                // Nobody is there who listens: the server says so.
                None if answer.payload.is_empty() => break,
                None => {}
            }
        }
        Ok(peers)
    }

    async fn answer(&self, myself: &(dyn Fn() -> BoxFuture<'static, Peer> + Send + Sync)) -> Result<(), RingAway> {
        let mut calls = self.client.subscribe(self.prefix.key_roll_call()).await.map_err(away)?;
        while let Some(call) = calls.next().await {
            let Some(inbox) = call.reply else { continue };
            let payload = key_ring::encode_peer(&myself().await);
            if let Err(cause) = self.client.publish(inbox, payload.into()).await {
                tracing::debug!(%cause, "what this process holds could not be told");
            }
        }
        Ok(())
    }
}

fn told(message: &Message) -> Result<(KeyRing, StreamSeq), RingAway> {
    let info = message.info().map_err(RingAway)?;
    Ok((key_ring::decode(&message.payload).map_err(away)?, StreamSeq(info.stream_sequence)))
}
