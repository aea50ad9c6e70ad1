//! The streams as the eraser works on them: each message is overwritten where it lies. Implements [`LogEraser`].
//!
//! Research 2026-11-27, on nats-server 2.15: a purge, and the eviction of what is old, leave the bytes on the disk; the deletion of one
//! message does not, and costs up to 26 ms where its block is full. Those that are deleted one after the other hold up nobody else for
//! longer than one takes.

use async_nats::jetstream::{
    ErrorCode,
    stream::{self, DeleteMessageError, DeleteMessageErrorKind},
};
use async_trait::async_trait;

use super::stream::NatsStream;
use crate::{
    domain::{
        erasure::Remain,
        ids::{Revision, SpaceId, StreamSeq, Timestamp},
    },
    journal::{
        derived::{self, FactKey},
        events::EmbeddingErasedV1,
        subject::Prefix,
    },
    ports::{
        erasure::{EraseError, Erasure, LogEraser},
        log::AppendError,
    },
};

/// The event that takes the place of vectors.
const ERASED: &str = "embedding.erased";

/// Erases in JetStream.
pub struct NatsEraser {
    pub(super) events: NatsStream,
    pub(super) derived: NatsStream,
    pub(super) prefix: Prefix,
    pub(super) replicas: usize,
}

impl NatsEraser {
    /// The place of the fact that says that there are no vectors, which is appended where it is missing.
    async fn tombstone(&self, erasure: &Erasure, model: &str, now: Timestamp) -> Result<StreamSeq, EraseError> {
        let failed = |cause: AppendError| EraseError::new("taking the place of a memory's vectors", cause);
        let key = FactKey::embedding(model, &erasure.space, erasure.memory);
        let subject = self.prefix.fact(&key);
        for _ in 0..TRIES_MAX {
            let read = self.derived.last(&subject).await;
            let newest = read.map_err(|cause| EraseError::new("looking for a memory's vectors", cause))?;
            let (expected, revision) = match newest {
                Some(newest) if newest.event.kind == ERASED => return Ok(newest.seq),
                Some(newest) => (newest.seq, newest.event.revision.next()),
                None => (StreamSeq(0), Revision(1)),
            };
            let data = EmbeddingErasedV1 { model: model.to_owned(), memory_position: erasure.position.0 };
            let event = derived::embedding_erased_event(&erasure.space, erasure.memory, &data, revision, now);
            match self.derived.append(subject.clone(), &event, Some(expected)).await {
                Ok(seq) => return Ok(seq),
                // An embedder was quicker; what it has found goes as well.
                Err(AppendError::Conflict | AppendError::Duplicate | AppendError::Unknown(_)) => {}
                Err(refused) => return Err(failed(refused)),
            }
        }
        Err(failed(AppendError::Conflict))
    }
}

/// How often the place of a vector is looked at again after an embedder was quicker.
const TRIES_MAX: usize = 8;

#[async_trait]
impl LogEraser for NatsEraser {
    async fn destroy_events(&self, space: &SpaceId, (kind, id): (&str, &str), below: StreamSeq) -> Result<u64, EraseError> {
        let subject = self.prefix.event(space, kind, id);
        self.events.destroy(&subject, |seq, _| seq < below).await
    }

    async fn destroy_vectors(&self, erasure: &Erasure, model: &str, now: Timestamp) -> Result<(u64, StreamSeq), EraseError> {
        let newest = self.tombstone(erasure, model, now).await?;
        let subject = self.prefix.embeddings_of(&erasure.space, erasure.memory);
        let destroyed = self.derived.destroy(&subject, |_, kind| kind != Some(ERASED)).await?;
        Ok((destroyed, newest))
    }

    fn not_reached(&self) -> Vec<Remain> {
        let mut remains = vec![];
        if self.replicas > 1 {
            let why = "each server's Raft log holds what was destroyed until its next snapshot: three minutes on one that is up, \
                       and as long as it is away on one that is not";
            remains.push(Remain { place: "nats_raft".into(), why: why.into() });
        }
        if self.derived.has_evicted {
            let why = "vectors that newer ones had taken the place of, before this version of brain was started, lie in the files of the \
                       stream where no message names them";
            remains.push(Remain { place: "nats_evicted".into(), why: why.into() });
        }
        remains
    }
}

/// Under this name a stream remembers up to where it has evicted messages, as the first releases had it.
pub const EVICTED: &str = "second-brain-evicted-before";

/// The definition of a stream that there is already, with what it remembers.
pub fn remembering(before: stream::Info, mut config: stream::Config) -> stream::Config {
    let known = before.config.metadata.get(EVICTED).cloned();
    let evicts = before.config.max_messages_per_subject == 1 && config.max_messages_per_subject != 1;
    let until = known.or_else(|| evicts.then(|| before.state.last_sequence.to_string()));
    config.metadata.extend(until.map(|until| (EVICTED.to_owned(), until)));
    config
}

/// Whether the message is gone already.
pub fn is_gone(error: &DeleteMessageError) -> bool {
    match error.kind() {
        DeleteMessageErrorKind::JetStream(error) => {
            [ErrorCode::NO_MESSAGE_FOUND, ErrorCode::SEQUENCE_NOT_FOUND].contains(&error.error_code())
        }
        _ => false,
    }
}
