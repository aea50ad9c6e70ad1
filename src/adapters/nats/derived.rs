//! The stream DERIVED: the newest embedding per memory and model, how far each embedder has come, and what webhooks have had.

use async_trait::async_trait;

use super::stream::NatsStream;
use crate::{
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    journal::{Envelope, Recorded, derived, subject::Prefix},
    ports::{
        DerivedLog, EventReader,
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
            Ok(id) if kind == "embedding" => self.stream.all_of(&self.prefix.embedding("*", space, id), derived::decode).await,
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
    async fn embedding(&self, model: &str, space: &SpaceId, id: MemoryId) -> Result<Option<Recorded>, ReadError> {
        self.stream.last(&self.prefix.embedding(model, space, id)).await
    }

    async fn put_embedding(&self, model: &str, event: &Envelope, expected: StreamSeq) -> Result<StreamSeq, AppendError> {
        let id = event.aggregate_id.parse().map_err(|cause| AppendError::Refused(Box::new(cause) as _))?;
        self.stream.append(self.prefix.embedding(model, &event.space, id), event, Some(expected)).await
    }

    async fn embedder(&self, model: &str) -> Result<Option<Recorded>, ReadError> {
        self.stream.last(&self.prefix.embedder(model)).await
    }

    async fn put_embedder(&self, model: &str, event: &Envelope) -> Result<StreamSeq, AppendError> {
        self.stream.append(self.prefix.embedder(model), event, None).await
    }

    async fn dispatcher(&self) -> Result<Option<Recorded>, ReadError> {
        self.stream.last(&self.prefix.dispatcher()).await
    }

    async fn put_dispatcher(&self, event: &Envelope) -> Result<StreamSeq, AppendError> {
        self.stream.append(self.prefix.dispatcher(), event, None).await
    }
}
