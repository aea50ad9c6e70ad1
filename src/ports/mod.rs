//! What the core needs from the world, as traits. Implemented in `adapters/`, handed out by `wiring`; no implementation here.

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::{
    domain::{
        access::Key,
        ids::{CommandId, MemoryId, Revision, SpaceId, StreamSeq, Timestamp},
        memory::Memory,
    },
    journal::{Envelope, Recorded},
};

/// The time, so that tests can move it by hand.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// Fresh ids (UUID v7) for commands without an Idempotency-Key.
pub trait IdSource: Send + Sync {
    fn command_id(&self) -> CommandId;
}

/// Appending and reading, by what the caller must do next.
pub mod log {
    /// Why an append has no position.
    #[derive(Debug, thiserror::Error)]
    pub enum AppendError {
        /// Somebody else wrote this aggregate first, or an earlier try of ours did: look for the command id, else decide again.
        #[error("the aggregate has moved on since it was read")]
        Conflict,
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
            cause: crate::journal::codec::Error,
        },
    }
}

/// The event log: the truth.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// The newest event of an aggregate, read through the leader; `None` when it never existed.
    async fn last(&self, space: &SpaceId, aggregate: &str, id: &str) -> Result<Option<Recorded>, log::ReadError>;

    /// The oldest event of an aggregate at or after `from`, read through the leader.
    async fn next(&self, space: &SpaceId, aggregate: &str, id: &str, from: StreamSeq)
    -> Result<Option<Recorded>, log::ReadError>;

    /// Appends one event if the newest one on its subject still stands at `expected` (0 = none). Durable when it answers.
    async fn append(&self, event: &Envelope, expected: StreamSeq) -> Result<StreamSeq, log::AppendError>;

    /// Position of the newest event in the log; 0 when empty.
    async fn last_seq(&self) -> Result<StreamSeq, log::ReadError>;

    /// Every event after `after`, in order, without gap, for ever: waits for new ones. `space` narrows it to one space.
    /// A poisonous message is an item, not the end. An `Unavailable` item ends the stream: open it again from the last position.
    async fn read(
        &self,
        after: StreamSeq,
        space: Option<&SpaceId>,
    ) -> Result<BoxStream<'static, Result<Recorded, log::ReadError>>, log::ReadError>;
}

/// A memory as a row of the read model.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryRecord {
    pub id: MemoryId,
    pub revision: Revision,
    pub memory: Memory,
}

/// Why a question to the read model has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the read model cannot be asked now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The aggregate's events could not be applied and wait for an operator.
    #[error("this memory is parked: its events could not be applied")]
    Parked,
}

/// One page of a list: `limit` 1–200 rows, newest first by (created_at, id).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListQuery {
    pub limit: u32,
    /// The key of the last row already seen.
    pub after: Option<(Timestamp, MemoryId)>,
    pub memory_type: Option<String>,
    pub tag: Option<String>,
    pub user_id: Option<String>,
    pub agent_id: Option<String>,
    pub run_id: Option<String>,
}

/// Memories as the projection `memories` shows them. Every question is asked within one space.
#[async_trait]
pub trait MemoryReads: Send + Sync {
    /// The memory, also when it is a tombstone; `None` when there never was one.
    async fn get(&self, space: &SpaceId, id: MemoryId) -> Result<Option<MemoryRecord>, QueryError>;
    /// Living memories only, at most `query.limit`.
    async fn list(&self, space: &SpaceId, query: &ListQuery) -> Result<Vec<MemoryRecord>, QueryError>;
}

/// How far a projection has come.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ProjectionStatus {
    pub name: String,
    pub version: u32,
    pub applied_seq: StreamSeq,
    pub parked: u64,
}

/// Where the projections stand, and waiting for them.
#[async_trait]
pub trait Positions: Send + Sync {
    async fn all(&self) -> Result<Vec<ProjectionStatus>, QueryError>;
    /// Waits until the projection has applied `seq`; `false` when `wait_ms` passed first.
    async fn reached(&self, projection: &str, seq: StreamSeq, wait_ms: u64) -> Result<bool, QueryError>;
}

/// Finds the key that a credential is, by the SHA-256 of its secret in lower-case hexadecimal.
pub trait KeyDirectory: Send + Sync {
    fn find(&self, secret_sha256: &str) -> Option<Key>;
}
