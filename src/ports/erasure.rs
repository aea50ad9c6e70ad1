//! What erasing needs: who is to be forgotten, what destroys it in each place, and what remembers that it was done. Asked by the eraser
//! and, for what is shown of it, by the use cases.

use async_trait::async_trait;

use super::QueryError;
use crate::domain::{
    erasure::{Receipt, Remain},
    ids::{MemoryId, PrincipalId, RelationshipId, SpaceId, StreamSeq, Timestamp},
};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// It could not be done now; all of it may be done again.
#[derive(Debug, thiserror::Error)]
#[error("{doing} failed")]
pub struct EraseError {
    pub doing: &'static str,
    #[source]
    pub cause: Cause,
}

impl EraseError {
    pub fn new(doing: &'static str, cause: impl Into<Cause>) -> Self {
        Self { doing, cause: cause.into() }
    }
}

/// A memory that was erased, or has become sensitive, with its receipt once everything of it, or of its past, is destroyed.
#[derive(Clone, Debug, PartialEq)]
pub struct Erasure {
    pub space: SpaceId,
    pub memory: MemoryId,
    /// Of the event that erased it.
    pub position: StreamSeq,
    pub erased_at: Timestamp,
    pub actor: PrincipalId,
    pub reason: Option<String>,
    /// Whether the memory lives on, sensitive.
    pub is_sealing: bool,
    pub receipt: Option<Receipt>,
}

/// Erasures as a space sees them.
/// Errors of each method: `Unavailable` while Postgres is away, `Unreadable` where a row cannot be understood.
#[async_trait]
pub trait ErasureReads: Send + Sync {
    /// The newest before a position, newest first, at most `limit`; with `open`, only those without a receipt.
    async fn list(&self, space: &SpaceId, before: Option<StreamSeq>, open: bool, limit: u32) -> Result<Vec<Erasure>, QueryError>;

    async fn get(&self, space: &SpaceId, memory: MemoryId) -> Result<Option<Erasure>, QueryError>;
}

/// How many there were of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub attempts: u64,
    pub deliveries: u64,
}

/// What was cleared, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    pub places: u64,
    pub not_reached: Vec<Remain>,
}

/// The read models, as the eraser works on them. Rows of erased memories are taken away by the projections.
/// Each method may be called again. Errors: see [`EraseError`].
#[async_trait]
pub trait RowEraser: Send + Sync {
    /// Erased memories of every space without a receipt, oldest first, at most `limit`.
    async fn open(&self, limit: u32) -> Result<Vec<Erasure>, EraseError>;

    /// Every relationship that a memory has or had.
    async fn relationships(&self, space: &SpaceId, memory: MemoryId) -> Result<Vec<RelationshipId>, EraseError>;

    /// Empties what webhooks' endpoints have answered to events before `below` of these aggregates, and gives up what is not delivered.
    async fn forget_told(&self, space: &SpaceId, ids: &[String], below: StreamSeq) -> Result<Told, EraseError>;

    /// The projection that has put events of one of these aggregates aside, if one has: its rows may say what was before.
    async fn put_aside(&self, space: &SpaceId, ids: &[String]) -> Result<Option<String>, EraseError>;

    /// Clears what rows that are gone have left in files, in the planner's statistics, and in versions of read models that are kept for a
    /// rollback, which are dropped.
    async fn scrub(&self) -> Result<Cleared, EraseError>;
}

/// The streams, as the eraser works on them: what it destroys is overwritten where it lies, not only left out.
/// Each method may be called again, and answers how many messages it has destroyed. Errors: see [`EraseError`].
#[async_trait]
pub trait LogEraser: Send + Sync {
    /// The events of an aggregate before `below`.
    async fn destroy_events(&self, space: &SpaceId, of: (&str, &str), below: StreamSeq) -> Result<u64, EraseError>;

    /// All vectors of a memory, by every model. A fact that says so takes their place first, so that none comes after; the position is
    /// the newest such fact's, in DERIVED.
    async fn destroy_vectors(&self, erasure: &Erasure, model: &str, now: Timestamp) -> Result<(u64, StreamSeq), EraseError>;

    /// Where copies of what was destroyed may lie that it cannot reach.
    fn not_reached(&self) -> Vec<Remain>;
}

/// A line of the ledger: an id and when it was erased; no content.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEntry {
    pub space: SpaceId,
    pub memory: MemoryId,
    pub erased_at: Timestamp,
    /// Of the event that erased it.
    pub position: StreamSeq,
}

/// Which memories were erased, outside of the log and of its backups.
pub trait Ledger: Send + Sync {
    /// Adds entries; they are on the disk when this returns. What is there already is not added twice.
    /// Errors: the file cannot be written.
    fn note(&self, entries: &[LedgerEntry]) -> Result<(), EraseError>;

    /// All entries, oldest first. A line that was cut off is left out.
    /// Errors: the file cannot be read.
    fn entries(&self) -> Result<Vec<LedgerEntry>, EraseError>;
}
