//! The stream VAULT: one subject with the ring of master keys, and the talk of processes about what they hold. Implements [`KeyRingStore`].
//!
//! Decision 2026-11-28: the ring has a stream of its own beside KEYS, for that one is copied and deleted whole when data keys are wrapped
//! anew, and what proves a master key must outlast it.

use std::time::Duration;

use async_nats::jetstream::{
    Message,
    consumer::{DeliverPolicy, pull},
    message::PublishMessage,
};
use async_trait::async_trait;
use futures::{StreamExt, future, stream};
use tokio::time::Instant;

use super::stream::{NatsStream, found_nothing};
use crate::{
    domain::{
        ids::StreamSeq,
        key_ring::{KeyRing, Peer},
    },
    journal::{key_ring, subject::Prefix},
    ports::{
        log::AppendError,
        master_keys::{KeyRingStore, RingAway, Rings},
    },
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
        let (stream, _) = self.stream.source();
        match stream.get_last_raw_message_by_subject(&self.prefix.key_ring()).await {
            Ok(message) => Ok(Some((key_ring::decode(&message.payload).map_err(away)?, StreamSeq(message.sequence)))),
            Err(cause) if found_nothing(&cause.kind()) => Ok(None),
            Err(cause) => Err(away(cause)),
        }
    }

    async fn put(&self, ring: &KeyRing, expected: StreamSeq) -> Result<Option<StreamSeq>, RingAway> {
        let payload = key_ring::encode(ring);
        let message = PublishMessage::build().payload(payload.into()).expected_last_subject_sequence(expected.0);
        match self.stream.put(self.prefix.key_ring(), message).await {
            Ok(seq) => Ok(Some(seq)),
            Err(AppendError::Conflict | AppendError::Duplicate) => Ok(None),
            Err(other) => Err(away(other)),
        }
    }

    async fn tell(&self) -> Result<Rings, RingAway> {
        let (stream, mut connections) = self.stream.source();
        connections.borrow_and_update();
        let config = pull::OrderedConfig {
            deliver_policy: DeliverPolicy::LastPerSubject,
            filter_subject: self.prefix.key_ring(),
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(away)?;
        let rings = consumer.messages().await.map_err(away)?.map(|message| told(&message.map_err(away)?));
        // As for the log: a new connection ends the reader, for the client itself would notice much later.
        let ended = stream::once(async move {
            let _ = connections.changed().await;
            Err(away("the connection to NATS is a new one"))
        });
        let mut has_failed = false;
        let until_away = stream::select(rings, ended).take_while(move |told| {
            let goes_on = !has_failed;
            has_failed = told.is_err();
            future::ready(goes_on)
        });
        Ok(until_away.boxed())
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

    async fn answer(&self, myself: &(dyn Fn() -> future::BoxFuture<'static, Peer> + Send + Sync)) -> Result<(), RingAway> {
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
