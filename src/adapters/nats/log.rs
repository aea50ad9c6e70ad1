//! The stream EVENTS as the log: [`EventLog`] for all readers of events, [`EventAppender`] for the write path.

use async_trait::async_trait;

use super::stream::NatsStream;
use crate::{
    domain::ids::{SpaceId, StreamSeq},
    journal::{Envelope, Recorded, codec, subject::Prefix},
    ports::{
        EventAppender, EventLog, EventReader,
        log::{AppendError, Events, ReadError, Readable, newest},
    },
};

/// The event log on JetStream.
pub struct NatsLog {
    pub(super) stream: NatsStream,
    pub(super) prefix: Prefix,
}

#[async_trait]
impl EventReader for NatsLog {
    async fn last_seq(&self) -> Result<StreamSeq, ReadError> {
        self.stream.last_seq().await
    }

    async fn at(&self, seq: StreamSeq) -> Result<Option<Recorded>, ReadError> {
        self.stream.at(seq, codec::decode).await
    }

    async fn of_aggregate(&self, space: &SpaceId, (kind, id): (&str, &str)) -> Result<Vec<Readable>, ReadError> {
        self.stream.all_of(&self.prefix.event(space, kind, id), codec::decode).await
    }

    async fn read(&self, after: StreamSeq, space: Option<&SpaceId>) -> Result<Events, ReadError> {
        let filter = space.map(|space| self.prefix.events_of(space));
        self.stream.read(after, filter, codec::decode).await
    }
}

#[async_trait]
impl EventLog for NatsLog {
    async fn last(&self, space: &SpaceId, aggregate: &str, id: &str) -> Result<Option<Recorded>, ReadError> {
        self.stream.last(&self.prefix.event(space, aggregate, id)).await
    }

    async fn next(&self, space: &SpaceId, aggregate: &str, id: &str, from: StreamSeq) -> Result<Option<Recorded>, ReadError> {
        self.stream.next(self.prefix.event(space, aggregate, id), from).await
    }

    async fn newest_of(&self, aggregate: &str) -> Result<Vec<Readable>, ReadError> {
        let subjects = self.prefix.events_of_kind(aggregate);
        let end = self.stream.last_position(&subjects).await?;
        if end == StreamSeq(0) {
            return Ok(vec![]);
        }
        newest(self.stream.read(StreamSeq(0), Some(subjects), codec::decode).await?, end, aggregate).await
    }

    async fn last_of(&self, space: &SpaceId) -> Result<StreamSeq, ReadError> {
        self.stream.last_position(&self.prefix.events_of(space)).await
    }
}

#[async_trait]
impl EventAppender for NatsLog {
    async fn append(&self, event: &Envelope, expected: StreamSeq) -> Result<StreamSeq, AppendError> {
        let subject = self.prefix.event(&event.space, &event.aggregate, &event.aggregate_id);
        self.stream.append(subject, event, Some(expected)).await
    }
}
