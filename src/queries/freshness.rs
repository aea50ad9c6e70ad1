//! How new a read must be, and waiting until the projection is that far.
//!
//! Called by every use case that reads, before it asks. Never answers older than promised: it fails instead.

use crate::{
    domain::ids::StreamSeq,
    ports::{EventReader, Positions, QueryError, log::ReadError},
};

/// Longest wait for a position that the client named.
pub const MIN_POSITION_WAIT_MS: u64 = 10_000;
/// Longest wait for the caller's own last write, when the client named no position.
pub const OWN_WRITES_WAIT_MS: u64 = 2_000;

/// What the answer must have seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Freshness {
    pub min_position: Option<StreamSeq>,
    /// The newest position that this process acknowledged to the caller; 0 when there is none.
    pub acknowledged: StreamSeq,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("position {position} was accepted but is not visible yet; waited {wait_ms} ms")]
    NotYetVisible { position: StreamSeq, wait_ms: u64 },
    #[error("position {position} is beyond the end of the log at {last_seq}")]
    BeyondLog { position: StreamSeq, last_seq: StreamSeq },
    #[error("the end of the log cannot be learned")]
    Log(#[source] ReadError),
    #[error("the position of the projection cannot be learned")]
    Position(#[source] QueryError),
}

/// The end of the log. Errors: a position that only a client can have named lies beyond it.
pub async fn within(position: StreamSeq, log: &dyn EventReader) -> Result<StreamSeq, Error> {
    let last_seq = log.last_seq().await.map_err(Error::Log)?;
    if position > last_seq { Err(Error::BeyondLog { position, last_seq }) } else { Ok(last_seq) }
}

/// Waits until `projection` shows what [`Freshness`] asks for.
/// Errors: `NotYetVisible` when the projection has not come that far in time, as [`within`] otherwise.
pub async fn settle(projection: &str, wish: Freshness, positions: &dyn Positions, log: &dyn EventReader) -> Result<(), Error> {
    let (position, wait_ms) = match wish.min_position {
        Some(position) => (position, MIN_POSITION_WAIT_MS),
        None => (wish.acknowledged, OWN_WRITES_WAIT_MS),
    };
    if position == StreamSeq(0) || positions.reached(projection, position, 0).await.map_err(Error::Position)? {
        return Ok(());
    }
    // Only a client can name a position that does not exist; what we acknowledged is in the log.
    if wish.min_position.is_some() {
        within(position, log).await?;
    }
    if positions.reached(projection, position, wait_ms).await.map_err(Error::Position)? {
        Ok(())
    } else {
        Err(Error::NotYetVisible { position, wait_ms })
    }
}
