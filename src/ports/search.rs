//! What searches ask of the read models: filters as a tree, nearest vectors, and the rows of what was found.

use async_trait::async_trait;
use serde_json::Value;

use super::{MemoryRecord, QueryError, TextHash};
use crate::domain::ids::{MemoryId, SpaceId, StreamSeq, Timestamp};

/// Which memories may be found. Deleted ones never are.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them; an empty list admits everything.
    All(Vec<Filter>),
    /// At least one of them; an empty list admits nothing.
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Is(Test),
}

impl Filter {
    /// Admits everything.
    pub fn none() -> Self {
        Self::All(vec![])
    }

    #[expect(clippy::should_implement_trait, reason = "a filter is no number")]
    pub fn not(part: Self) -> Self {
        Self::Not(Box::new(part))
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Self::All(parts) if parts.iter().all(Self::is_none))
    }
}

/// One condition on one field. A field without a value passes no test.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// One of these types.
    MemoryType(Vec<String>),
    /// Has every one of these tags.
    TagsAll(Vec<String>),
    /// Has one of these tags.
    TagsAny(Vec<String>),
    /// Has no tags at all.
    Untagged,
    /// The metadata contains this object, as jsonb containment has it.
    Metadata(Value),
    /// What is asked of the values at this place in the metadata, name by name; lists on the way are looked into.
    MetadataAt(Vec<String>, ValueTest),
    OccurredAt(Bound<Timestamp>),
    CreatedAt(Bound<Timestamp>),
    UpdatedAt(Bound<Timestamp>),
    Importance(Bound<f64>),
    /// Has a value.
    Present(Optional),
    Id(Vec<MemoryId>),
    SourceKind(Vec<String>),
    SourceUri(Vec<String>),
    SourceId(Vec<String>),
    UserId(Vec<String>),
    AgentId(Vec<String>),
    RunId(Vec<String>),
}

/// A field that a memory need not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optional {
    OccurredAt,
    SourceKind,
    SourceUri,
    SourceId,
    UserId,
    AgentId,
    RunId,
}

/// What is asked of a value within the metadata. A list passes when it or one of its elements does.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueTest {
    /// There is one; null is one as well.
    Exists,
    /// It equals one of these.
    In(Vec<Value>),
    /// It lies between all of these ends: a number between numbers, a text between texts, in the order of code points.
    Between(Vec<(End, Value)>),
}

/// On which side of a value another one lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// A range; each end may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bound<T> {
    pub gt: Option<T>,
    pub gte: Option<T>,
    pub lt: Option<T>,
    pub lte: Option<T>,
}

/// A memory that an arm found, and how good it is on the arm's own scale: higher is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub id: MemoryId,
    pub score: f32,
}

/// Up to this many qualifying rows, both arms rank exactly those.
pub const EXACT_ROWS_MAX: usize = 10_000;

/// The Postgres side of a search, within one space.
/// Errors of each method: `Unavailable` while Postgres is away, `Unreadable` where a row cannot be understood, `Parked` where what was
/// asked for has changes put aside.
#[async_trait]
pub trait SearchReads: Send + Sync {
    /// The living memories that pass the filter, in no order; at most `limit`.
    async fn qualifying(&self, space: &SpaceId, filter: &Filter, limit: usize) -> Result<Vec<MemoryId>, QueryError>;

    /// The `limit` qualifying memories nearest to a unit vector by cosine, best first; the score is the cosine, -1 to 1.
    /// Exact when at most [`EXACT_ROWS_MAX`] rows qualify, else from the approximate index, going on until `limit` or the end.
    async fn nearest(&self, space: &SpaceId, vector: &[f32], filter: &Filter, limit: usize) -> Result<Vec<Hit>, QueryError>;

    /// Those of `ids` that live and pass the filter, in no order, and which text they have.
    async fn passing(&self, space: &SpaceId, ids: &[MemoryId], filter: &Filter) -> Result<Vec<(MemoryId, TextHash)>, QueryError>;

    /// The rows of those of `ids` that live and pass the filter, in no order.
    async fn rows(&self, space: &SpaceId, ids: &[MemoryId], filter: &Filter) -> Result<Vec<MemoryRecord>, QueryError>;

    /// The same, and the rows of those that live, pass the filter and stand at most `reach` places from one of them in the same
    /// conversation or document, in no order; none twice.
    async fn around(
        &self,
        space: &SpaceId,
        ids: &[MemoryId],
        filter: &Filter,
        reach: u32,
    ) -> Result<Vec<MemoryRecord>, QueryError>;

    /// Living memories whose newest state the embedder has not passed yet, in all spaces.
    async fn embeddings_pending(&self) -> Result<u64, QueryError>;

    /// Whether vectors of every event up to this position of the log are visible.
    async fn embedded(&self, upto: StreamSeq) -> Result<bool, QueryError>;
}
