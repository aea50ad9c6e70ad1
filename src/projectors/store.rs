//! The port that a projection is stored through. Called by the engine, implemented by the adapter of the database.

use async_trait::async_trait;

use super::{batch::Batch, definition::Definition};
use crate::{domain::ids::StreamSeq, ports::replay::ParkedEvent};

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
    /// Events that were put aside, followers of earlier ones included.
    pub parked: usize,
}

/// Most events of one batch that may prove poisonous before the fault is taken to be the program's own.
pub const POISON_PER_BATCH_MAX: usize = 3;

/// Why the store did not do it. Nothing was written, except that `Unavailable` may hide a commit: claim again and look.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the store of the projection cannot be reached now")]
    Unavailable(#[source] Cause),
    #[error("another process owns the projection")]
    Owned,
    #[error("the projection was taken over by another owner")]
    Lost,
    #[error(
        "more events cannot be applied than may be put aside ({POISON_PER_BATCH_MAX} of a batch, none while a version is filled); position {seq} was too much"
    )]
    TooMuchPoison {
        seq: StreamSeq,
        #[source]
        cause: Cause,
    },
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
#[async_trait]
pub trait Frozen: Send {
    fn applied_seq(&self) -> StreamSeq;
    async fn digests(&mut self) -> Result<Vec<TableDigest>, Error>;
    /// The rows of one partition of a table, in the order of their keys.
    async fn rows(&mut self, table: &str, partition: i32) -> Result<Vec<KeyedRow>, Error>;
}

/// Keeps the rows and the checkpoint of projections, both in one transaction.
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
    /// Events that can never be applied are parked with all that follows them on their aggregate; a version that is being filled
    /// stops at the first instead.
    async fn apply(&self, definition: &Definition, epoch: i64, batch: &Batch) -> Result<Applied, Error>;

    /// Holds the rows and the checkpoint of a version still, as one snapshot.
    async fn freeze(&self, definition: &Definition) -> Result<Box<dyn Frozen>, Error>;

    /// What is parked of the live versions, oldest first, at most `limit`.
    async fn parked(&self, projection: Option<&str>, limit: u32) -> Result<Vec<ParkedEvent>, Error>;

    /// Applies everything parked of one aggregate once more, all or nothing; how many events that were. 0 when nothing is parked.
    /// Errors: `Broken` with the cause when it fails again; then all stays parked.
    async fn retry(&self, definition: &Definition, aggregate: (&str, &str, &str)) -> Result<usize, Error>;

    /// Lets another process take over at once.
    async fn release(&self, definition: &Definition);
}
