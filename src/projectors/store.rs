//! The port that a projection is stored through. Called by the engine, implemented by the adapter of the database.

use async_trait::async_trait;

use super::{
    batch::{Batch, Item},
    definition::Definition,
};
use crate::domain::ids::{StreamSeq, Timestamp};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The right to write a projection, until somebody else takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub epoch: i64,
    pub applied_seq: StreamSeq,
    /// Whether readers see this version.
    pub live: bool,
}

/// What became of a batch that is now committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Whether readers see this version, as of this very commit.
    pub live: bool,
    /// Events that were put aside.
    pub parked: usize,
}

/// Kind and id of an aggregate in its space; all empty for a message that is no known event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregate {
    pub space: String,
    pub kind: String,
    pub id: String,
}

/// An event that was put aside because it could not be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Parked {
    pub projection: String,
    pub version: u32,
    pub aggregate: Aggregate,
    pub seq: StreamSeq,
    pub error: String,
    pub parked_at: Timestamp,
    /// When an operator let it go: it stays on record and stands in nobody's way.
    pub skipped_at: Option<Timestamp>,
}

/// How many events of an aggregate were applied once more, and how many could not be again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    pub applied: usize,
    pub parked: usize,
}

/// Why the store did not do it. Nothing was written, except that `Unavailable` may hide a commit: claim again and look.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the store of the projection cannot be reached now")]
    Unavailable(#[source] Cause),
    #[error("another process owns the projection")]
    Owned,
    #[error("the projection was taken over by another owner")]
    Lost,
    #[error("the projection's own schema or statement is wrong")]
    Broken(#[source] Cause),
}

impl Error {
    /// Whether the same call can succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Owned | Self::Lost)
    }
}

/// What a version of a projection is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// Shown and kept up to date.
    Live,
    /// Being filled beside the live one, to take its place.
    Filling,
    /// Was live before; a rollback brings it back.
    Retired,
    /// Of a verification that is under way or was cut off.
    Scratch,
}

impl VersionState {
    pub const ALL: [Self; 4] = [Self::Live, Self::Filling, Self::Retired, Self::Scratch];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Filling => "filling",
            Self::Retired => "retired",
            Self::Scratch => "scratch",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A version of a projection that has tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    pub version: u32,
    pub state: VersionState,
    /// Whether the indexes that only readers need are made.
    pub indexed: bool,
    /// [`Definition::fingerprint`] of what filled it.
    pub fingerprint: String,
    pub applied_seq: StreamSeq,
    /// Why it stands still until an operator helps.
    pub stopped: Option<String>,
}

/// How the rows of a table amount to a number, whatever their order: one for each of 64 partitions of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDigest {
    pub table: String,
    /// (partition, rows, sum of the rows' hashes); a partition without rows is left out.
    pub partitions: Vec<(i32, u64, String)>,
}

/// A row for comparison: its key and all it says except `ver`, both as JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyedRow {
    pub key: String,
    pub row: String,
}

/// A version of a projection as it stood at one position, for as long as this is held.
/// Errors of each method: `Unavailable` while Postgres is away.
#[async_trait]
pub trait VersionSnapshot: Send {
    fn applied_seq(&self) -> StreamSeq;
    async fn digests(&mut self) -> Result<Vec<TableDigest>, Error>;
    /// The rows of one partition of a table, in the order of their keys.
    async fn rows(&mut self, table: &str, partition: i32) -> Result<Vec<KeyedRow>, Error>;
}

/// Keeps the rows and the checkpoint of projections, both in one transaction.
/// Errors of each method: see [`Error`].
#[async_trait]
pub trait Store: Send + Sync {
    /// The versions of a projection, oldest first.
    async fn versions(&self, projection: &str) -> Result<Vec<Installed>, Error>;

    /// Makes the tables of this version if they are missing. The first one to be live is so at once; a later one is filled first.
    async fn install(&self, definition: &Definition, state: VersionState) -> Result<(), Error>;

    /// Makes the indexes that only readers need, where they are missing.
    async fn index(&self, definition: &Definition) -> Result<(), Error>;

    /// Makes a filled version live in one transaction; `false` when it did not catch up while the live one was held.
    async fn cut_over(&self, definition: &Definition) -> Result<bool, Error>;

    /// Makes the version that was live before be filled up again; its number, or `None` when there is none.
    async fn revive(&self, projection: &str) -> Result<Option<u32>, Error>;

    /// Removes a version unless it is live.
    async fn drop_version(&self, definition: &Definition) -> Result<(), Error>;

    /// Takes the projection over: one owner at a time, each with a higher epoch. `Owned` while another process lives.
    async fn claim(&self, definition: &Definition) -> Result<Claim, Error>;

    /// Applies the batch and moves the checkpoint from `batch.after` to `batch.upto`, or does nothing.
    /// Events that can never be applied are parked, however many they are; where the newest event of an aggregate alone decides, a later one
    /// that can be applied takes them back.
    async fn apply(&self, definition: &Definition, epoch: i64, batch: &Batch) -> Result<Applied, Error>;

    /// Holds the rows and the checkpoint of a version still, as one snapshot.
    async fn snapshot(&self, definition: &Definition) -> Result<Box<dyn VersionSnapshot>, Error>;

    /// Notes why the version stands still until an operator helps.
    async fn stopped(&self, definition: &Definition, cause: &str) -> Result<(), Error>;

    /// What is parked of the live versions, oldest first, at most `limit`.
    async fn parked(&self, projection: Option<&str>, limit: u32) -> Result<Vec<Parked>, Error>;

    /// How many events are parked in a version, and how many of them an operator has let go.
    async fn put_aside(&self, definition: &Definition) -> Result<(u64, u64), Error>;

    /// The aggregates of which something is parked in a version and was not let go, oldest first, at most `limit`.
    async fn parked_aggregates(&self, definition: &Definition, limit: u32) -> Result<Vec<Aggregate>, Error>;

    /// Makes the rows of one aggregate anew from `items`, which are all its events.
    async fn repair(&self, definition: &Definition, aggregate: &Aggregate, items: Vec<Item>) -> Result<Repaired, Error>;

    /// Applies one parked message of no aggregate once more.
    async fn retry_message(&self, definition: &Definition, item: Item) -> Result<Repaired, Error>;

    /// Lets go what is parked of an aggregate, or at one position; how many events that were.
    async fn skip(&self, definition: &Definition, of: (&Aggregate, Option<StreamSeq>)) -> Result<u64, Error>;

    /// Lets another process take over at once.
    async fn release(&self, definition: &Definition);
}
