//! The newest events of the log, in the memory of this process.

use std::sync::Arc;

use async_trait::async_trait;

use super::log::ReadError;
use crate::{domain::ids::StreamSeq, journal::Recorded};

/// What a follower of a log gets.
#[derive(Clone, Debug)]
pub enum Next {
    /// The next events in order, at least one; nothing lies between them and those before.
    Events(Vec<Arc<Recorded>>),
    /// The log is another one than before: whatever was derived from it is worthless. Goes on from its end.
    Reset(StreamSeq),
}

/// One follower of a log: no gap and no repeat.
/// Errors of each method: `Unavailable` while the log is away, `Poison` at a message that this program cannot understand.
#[async_trait]
pub trait Follow: Send {
    /// Waits for what comes next. Cancel-safe: what is dropped has not been given.
    /// Errors: the log cannot be read just now; ask again.
    async fn next(&mut self) -> Result<Next, ReadError>;
    /// The last position given.
    fn position(&self) -> StreamSeq;
    /// Whether the log is heard at the moment.
    fn is_current(&self) -> bool;
}

/// Events after a position.
#[derive(Clone, Debug)]
pub struct Recent {
    pub events: Vec<Arc<Recorded>>,
    /// Nothing but `events` lies between the position asked for and this one.
    pub upto: StreamSeq,
}

/// What happened last, without asking the log.
/// Errors of each method: `Unavailable` while the log is away, `Poison` at a message that this program cannot understand.
#[async_trait]
pub trait Feed: Send + Sync {
    /// The events after a position, of every space, at most `max`; `None` when the position is older than what is in memory.
    fn recent(&self, after: StreamSeq, max: usize) -> Option<Recent>;
    /// Waits until there is something beyond the position.
    async fn moved(&self, beyond: StreamSeq);
}
