//! The stream KEYS: one subject for each memory that has a data key, with the wrapped key on it. Implements [`DataKeyStore`].
//!
//! A plain stream: research of 2026-11-27 found that a key-value bucket leaves every deleted key on the disk and refuses to overwrite it.
//! A key is destroyed by an empty message, after which no key is kept there any more, and by overwriting all before it.

use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;

use super::stream::NatsStream;
use crate::{
    domain::ids::{SpaceId, StreamSeq},
    journal::subject::Prefix,
    ports::data_keys::{DataKeyStore, Found, SealError},
};

/// Data keys on JetStream.
pub struct NatsDataKeys {
    pub(super) stream: NatsStream,
    pub(super) prefix: Prefix,
}

impl NatsDataKeys {
    async fn newest(&self, space: &SpaceId, id: &str) -> Result<Option<(StreamSeq, Vec<u8>)>, SealError> {
        self.stream.last_payload(&self.prefix.data_key(space, id)).await.map_err(|cause| SealError::Away(Box::new(cause)))
    }
}

#[async_trait]
impl DataKeyStore for NatsDataKeys {
    async fn find(&self, space: &SpaceId, id: &str) -> Result<Found, SealError> {
        Ok(match self.newest(space, id).await? {
            None => Found::Never,
            Some((_, payload)) if payload.is_empty() => Found::Destroyed,
            Some((_, payload)) => Found::Wrapped(String::from_utf8(payload).map_err(|_| SealError::Damaged)?),
        })
    }

    async fn keep(&self, space: &SpaceId, id: &str, wrapped: &str) -> Result<bool, SealError> {
        let message = PublishMessage::build().payload(wrapped.to_owned().into());
        let kept = self.stream.put_after(self.prefix.data_key(space, id), message, Some(StreamSeq(0))).await;
        kept.map(|seq| seq.is_some()).map_err(|cause| SealError::Away(Box::new(cause)))
    }

    async fn destroy(&self, space: &SpaceId, id: &str) -> Result<u64, SealError> {
        let away = |cause: Box<dyn std::error::Error + Send + Sync>| SealError::Away(cause);
        let subject = self.prefix.data_key(space, id);
        let end = match self.newest(space, id).await? {
            None => return Ok(0),
            Some((seq, payload)) if payload.is_empty() => seq,
            Some((seq, _)) => {
                let message = PublishMessage::build().payload(vec![].into()).expected_last_subject_sequence(seq.0);
                match self.stream.put(subject.clone(), message).await {
                    Ok(seq) => seq,
                    Err(cause) => return Err(away(Box::new(cause))),
                }
            }
        };
        self.stream.destroy(&subject, |seq, _| seq < end).await.map_err(|cause| away(Box::new(cause)))
    }
}
