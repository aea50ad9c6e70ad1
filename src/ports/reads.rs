//! The read models, as those who ask see them: memories, and where each projection stands.

use async_trait::async_trait;

use crate::domain::{
    ids::{CommandId, MemoryId, Revision, SpaceId, StreamSeq, Timestamp},
    memory::Memory,
};

/// A memory as a row of the read model.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryRecord {
    pub id: MemoryId,
    pub revision: Revision,
    /// Without its contents while they are sealed.
    pub memory: Memory,
    /// The contents of a sensitive memory, until somebody opens them.
    pub sealed: Option<String>,
}

/// Why a question to the read model has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the read model cannot be asked now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row does not say what it must: no waiting helps, a rebuild may.
    #[error("a row of the read model cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The newest events of the aggregate could not be applied; a later one that can heals it, and so can an operator.
    #[error("its newest change could not be applied and is put aside; another change heals it, `brain replay parked` says more")]
    Parked,
}

/// One page of a list: `limit` 1–201 rows, newest first by (created_at, id).
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
    /// As it stood at this position.
    pub at: Option<StreamSeq>,
}

/// Memories as the projection `memories` shows them. Every question is asked within one space.
/// Errors of each method: `Unavailable` while Postgres is away, `Unreadable` where a row cannot be understood, `Parked` where what was
/// asked for has changes put aside.
#[async_trait]
pub trait MemoryReads: Send + Sync {
    /// The memory, also when it is a tombstone; `None` when there never was one. With `at`, as it stood at that position.
    async fn get(&self, space: &SpaceId, id: MemoryId, at: Option<StreamSeq>) -> Result<Option<MemoryRecord>, QueryError>;
    /// Living memories only, at most `query.limit`; with `query.at`, those that lived at that position.
    async fn list(&self, space: &SpaceId, query: &ListQuery) -> Result<Vec<MemoryRecord>, QueryError>;
}

/// Which events commands have caused, for aggregates with a history too long to search.
/// Errors of each method: `Unavailable` while Postgres is away, `Unreadable` where a row cannot be understood, `Parked` where what was
/// asked for has changes put aside.
#[async_trait]
pub trait CommandLog: Send + Sync {
    /// Position of the first event that one of the commands caused on an aggregate (kind and id), among all events up to `upto`.
    /// Errors: `Unavailable` also when the projection is not that far.
    async fn find(
        &self,
        space: &SpaceId,
        aggregate: (&str, &str),
        commands: &[CommandId],
        upto: StreamSeq,
    ) -> Result<Option<StreamSeq>, QueryError>;
}

/// How far a projection has come.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ProjectionStatus {
    pub name: String,
    pub version: u32,
    /// What the version is there for: `live`, `filling`, `retired` or `scratch`.
    pub state: String,
    /// Stem of the stream that `applied_seq` counts in.
    pub stream: String,
    pub applied_seq: StreamSeq,
    /// Seconds since its last commit.
    pub applied_ago_s: f64,
    /// How often it has changed its owner.
    pub epoch: u64,
    /// Aggregates, or messages that are no events, that were put aside.
    pub parked: u64,
    /// Age of the oldest of these, in seconds; 0 when there is none.
    pub parked_for_s: f64,
    /// Why it stands still until an operator helps.
    pub stopped: Option<String>,
}

/// Where the projections stand, and waiting for them.
/// Errors of each method: `Unavailable` while Postgres is away.
#[async_trait]
pub trait Positions: Send + Sync {
    /// What a read that begins now shows at least. Asks nobody if `wanted` is known to be shown.
    async fn shown(&self, projection: &str, wanted: StreamSeq) -> Result<StreamSeq, QueryError>;

    /// Changes whenever reads may show something else than before without an event: another version of a projection has gone live,
    /// or something was put aside or taken back. Names the projections in which something is put aside.
    async fn generation(&self) -> Result<(u64, Vec<String>), QueryError>;

    async fn all(&self) -> Result<Vec<ProjectionStatus>, QueryError>;
    /// Waits until the projection has applied `seq`; `false` when `wait_ms` passed first.
    async fn reached(&self, projection: &str, seq: StreamSeq, wait_ms: u64) -> Result<bool, QueryError>;
}
