//! The two streams, each as two ports: one that reads, handed to whoever asks, and one that appends, handed to its writers alone. Errors are
//! sorted by what the caller must do next.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};

use super::unit;
use crate::{
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    journal::{
        Envelope, Recorded, codec,
        derived::{self, FactKey},
    },
};

/// Why an append has no position.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else wrote this aggregate first, or an earlier try of ours did: look for the command id, else decide again.
    #[error("the aggregate has moved on since it was read")]
    Conflict,
    /// The log takes the event for one that it has, which is a question and no success: look for the command id.
    #[error("the log takes the event for one that it has")]
    Duplicate,
    /// No answer: the event may or may not be in the log. Ask the log for the command id.
    #[error("the log did not confirm the append")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log said no (disk full, too large): nothing was written.
    #[error("the log refused the append")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a read of the log failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log is away; try again.
    #[error("the log cannot be read now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bytes at this position are no event that this program knows; permanent.
    #[error("the message at position {seq} is not a known event")]
    Poison {
        seq: u64,
        #[source]
        cause: codec::Error,
    },
}

impl ReadError {
    /// A stream that never ends has ended: whoever read it opens another one.
    pub fn ended() -> Self {
        Self::Unavailable("the log's reader ended".into())
    }
}

/// Events in order, without gap, for ever. A poisonous message is an item, not the end; an `Unavailable` item ends it.
pub type Events = BoxStream<'static, Result<Recorded, ReadError>>;

/// The next message of a reader: where it stands, and the event unless nobody could understand it. Cancel-safe.
/// Errors: the reader is at its end; whoever read it opens another one.
pub async fn next(events: &mut Events) -> Result<(StreamSeq, Option<Recorded>), ReadError> {
    match events.next().await.ok_or_else(ReadError::ended)? {
        Ok(recorded) => Ok((recorded.seq, Some(recorded))),
        Err(ReadError::Poison { seq, .. }) => Ok((StreamSeq(seq), None)),
        Err(away) => Err(away),
    }
}

/// A stream that can be read in order.
/// Errors of each method: `Unavailable` while the log is away, `Poison` at a message that this program cannot understand.
#[async_trait]
pub trait EventReader: Send + Sync {
    /// Position of the newest event in the stream; 0 when empty.
    async fn last_seq(&self) -> Result<StreamSeq, ReadError>;

    /// Every event after `after`; waits for new ones. `space` narrows it to one space. After its end, open it again from the last position.
    async fn read(&self, after: StreamSeq, space: Option<&SpaceId>) -> Result<Events, ReadError>;

    /// What stands at one position. `None` when there is nothing; a message that nobody can understand is a `Poison`.
    async fn at(&self, seq: StreamSeq) -> Result<Option<Recorded>, ReadError> {
        if seq > self.last_seq().await? {
            return Ok(None);
        }
        let found = self.read(StreamSeq(seq.0.saturating_sub(1)), None).await?.next().await.ok_or_else(ReadError::ended)??;
        Ok((found.seq == seq).then_some(found))
    }

    /// Every event of one aggregate (kind and id) in order; where the log can tell, also what nobody can understand of it.
    async fn of_aggregate(&self, space: &SpaceId, (kind, id): (&str, &str)) -> Result<Vec<Readable>, ReadError> {
        let (end, mut at, mut found) = (self.last_seq().await?, StreamSeq(0), vec![]);
        let mut events = self.read(at, None).await?;
        while at < end {
            let (seq, recorded) = next(&mut events).await?;
            at = seq;
            let is_of_it = |it: &Recorded| it.event.space == *space && it.event.aggregate == kind && it.event.aggregate_id == id;
            found.extend(recorded.filter(is_of_it).map(Ok));
        }
        Ok(found)
    }
}

/// An event, or why its message cannot be understood.
pub type Readable = Result<Recorded, (StreamSeq, codec::Error)>;

/// The event log, the truth, as everybody may read it.
/// Errors of each method: `Unavailable` while the log is away, `Poison` at a message that this program cannot understand.
#[async_trait]
pub trait EventLog: EventReader {
    /// The newest event of an aggregate, read through the leader; `None` when it never existed.
    async fn last(&self, space: &SpaceId, aggregate: &str, id: &str) -> Result<Option<Recorded>, ReadError>;

    /// The oldest event of an aggregate at or after `from`, read through the leader.
    async fn next(&self, space: &SpaceId, aggregate: &str, id: &str, from: StreamSeq) -> Result<Option<Recorded>, ReadError>;

    /// The newest event of every aggregate of a kind, in all spaces; and every message of that kind that nobody can understand.
    async fn newest_of(&self, aggregate: &str) -> Result<Vec<Readable>, ReadError> {
        let end = self.last_seq().await?;
        newest(self.read(StreamSeq(0), None).await?, end, aggregate).await
    }
    /// Position of the newest event of a space; 0 when it has none.
    async fn last_of(&self, space: &SpaceId) -> Result<StreamSeq, ReadError>;
}

/// The newest event of every aggregate of a kind among those up to `end`, and what cannot be understood there.
pub async fn newest(mut events: Events, end: StreamSeq, aggregate: &str) -> Result<Vec<Readable>, ReadError> {
    let (mut at, mut found, mut poison) = (StreamSeq(0), BTreeMap::new(), vec![]);
    while at < end {
        match events.next().await.ok_or_else(ReadError::ended)? {
            Ok(recorded) => {
                at = recorded.seq;
                if recorded.event.aggregate == aggregate {
                    let place = (recorded.event.space.to_string(), recorded.event.aggregate_id.clone());
                    found.insert(place, recorded);
                }
            }
            Err(ReadError::Poison { seq, cause }) => {
                at = StreamSeq(seq);
                poison.push(Err((at, cause)));
            }
            Err(away) => return Err(away),
        }
    }
    Ok(found.into_values().map(Ok).chain(poison).collect())
}

/// The way into the event log. Only `commands` is handed it.
/// Errors: see [`AppendError`]; after `Unknown` and `Duplicate` only the log knows what was written.
#[async_trait]
pub trait EventAppender: Send + Sync {
    /// Appends one event if the newest one on its subject still stands at `expected` (0 = none). Durable when it answers with a position,
    /// which is this very event's.
    async fn append(&self, event: &Envelope, expected: StreamSeq) -> Result<StreamSeq, AppendError>;
}

/// What the newest vector of a memory is of.
#[derive(Clone, Debug, PartialEq)]
pub enum VectorOf {
    /// This very text; the vector as [`unit()`] makes it.
    Text(Arc<[f32]>),
    /// Another one; its place in DERIVED.
    AnotherText(StreamSeq),
    Nothing,
}

/// Facts that are dear to compute, the newest under each key, in a stream with positions of its own, as everybody may read them.
/// Errors of each method: `Unavailable` while the log is away, `Poison` at a message that this program cannot understand.
#[async_trait]
pub trait DerivedLog: EventReader {
    /// The newest fact under a key; `None` when there never was one.
    async fn newest(&self, key: &FactKey) -> Result<Option<Recorded>, ReadError>;

    /// What the newest vector of a memory by this model is of.
    async fn vector_of(&self, model: &str, space: &SpaceId, id: MemoryId, text: &str) -> Result<VectorOf, ReadError> {
        let Some(recorded) = self.newest(&FactKey::embedding(model, space, id)).await? else { return Ok(VectorOf::Nothing) };
        let known = derived::embedding(&recorded.event).ok();
        let of_this = known.filter(|known| known.content_hash == derived::content_hash(text));
        let halves = of_this.and_then(|known| known.vector.numbers());
        let numbers = halves.map(|halves| halves.iter().map(|number| number.to_f32()).collect::<Vec<_>>());
        Ok(numbers.map_or(VectorOf::AnotherText(recorded.seq), |numbers| VectorOf::Text(unit(&numbers))))
    }
}

/// The way into the stream of derived facts. Only reactors and the dispatcher of webhooks are handed it.
/// Errors: see [`AppendError`]; after `Unknown` and `Duplicate` only the log knows what was written.
#[async_trait]
pub trait FactAppender: Send + Sync {
    /// Records the newest fact under its key. With `expected`, only if the one before still stands there (0 = none); else it replaces
    /// whatever there is.
    async fn append(&self, key: &FactKey, fact: &Envelope, expected: Option<StreamSeq>) -> Result<StreamSeq, AppendError>;
}
