//! The stream DERIVED: every embedding per memory and model, how far each embedder has come, and what webhooks have had.
//!
//! Decision 2026-11-28: the stream evicts nothing any more. What it had evicted lay on the disk where no erasure could reach it. A vector
//! that another one has taken the place of stays until its memory is erased: to overwrite it costs up to 26 ms and a block's writing,
//! twenty times what it takes to make it.

use async_trait::async_trait;

use super::stream::NatsStream;
use crate::{
    domain::ids::{SpaceId, StreamSeq},
    journal::{
        Envelope, Recorded,
        derived::{self, FactKey},
        subject::Prefix,
    },
    ports::{
        DerivedLog, EventReader, FactAppender,
        log::{AppendError, Events, ReadError, Readable},
    },
};

/// Derived facts on JetStream.
pub struct NatsDerived {
    pub(super) stream: NatsStream,
    pub(super) prefix: Prefix,
}

#[async_trait]
impl EventReader for NatsDerived {
    async fn last_seq(&self) -> Result<StreamSeq, ReadError> {
        self.stream.last_seq().await
    }

    async fn at(&self, seq: StreamSeq) -> Result<Option<Recorded>, ReadError> {
        self.stream.at(seq, derived::decode).await
    }

    async fn of_aggregate(&self, space: &SpaceId, (kind, id): (&str, &str)) -> Result<Vec<Readable>, ReadError> {
        match id.parse() {
            Ok(id) if kind == "embedding" => self.stream.all_of(&self.prefix.embeddings_of(space, id), derived::decode).await,
            _ => Ok(vec![]),
        }
    }

    /// As projections want it: vectors are text.
    async fn read(&self, after: StreamSeq, space: Option<&SpaceId>) -> Result<Events, ReadError> {
        let filter = space.map(|space| self.prefix.derived_of(space));
        self.stream.read(after, filter, derived::decode).await
    }
}

#[async_trait]
impl DerivedLog for NatsDerived {
    async fn newest(&self, key: &FactKey) -> Result<Option<Recorded>, ReadError> {
        self.stream.last(&self.prefix.fact(key)).await
    }
}

#[async_trait]
impl FactAppender for NatsDerived {
    async fn append(&self, key: &FactKey, fact: &Envelope, expected: Option<StreamSeq>) -> Result<StreamSeq, AppendError> {
        match (key, expected) {
            // How far somebody has come is of interest once, and said all the time.
            (FactKey::Embedder { .. } | FactKey::Dispatcher, None) => self.stream.replace(self.prefix.fact(key), fact).await,
            _ => self.stream.append(self.prefix.fact(key), fact, expected).await,
        }
    }
}
