//! The port that a projection is stored through. Called by the engine, implemented by the adapter of the database.

use async_trait::async_trait;

use super::{batch::Batch, definition::Definition};
use crate::domain::ids::StreamSeq;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The right to write a projection, until somebody else takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub epoch: i64,
    pub applied_seq: StreamSeq,
}

/// What became of a batch that is now committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
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
    #[error("more than {POISON_PER_BATCH_MAX} events of one batch cannot be applied, at position {seq} last")]
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

/// Keeps the rows and the checkpoint of projections, both in one transaction.
#[async_trait]
pub trait Store: Send + Sync {
    /// Makes the tables of this version if they are missing; the first version ever installed goes live at once.
    async fn install(&self, definition: &Definition) -> Result<(), Error>;

    /// Takes the projection over: one owner at a time, each with a higher epoch. `Owned` while another process lives.
    async fn claim(&self, definition: &Definition) -> Result<Claim, Error>;

    /// Applies the batch and moves the checkpoint from `batch.after` to `batch.upto`, or does nothing.
    /// Events that can never be applied are parked with all that follows them on their aggregate.
    async fn apply(&self, definition: &Definition, epoch: i64, batch: &Batch) -> Result<Applied, Error>;

    /// Lets another process take over at once.
    async fn release(&self, definition: &Definition);
}
