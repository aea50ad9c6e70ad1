//! The newest events of the log, in the memory of this process.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{domain::ids::StreamSeq, journal::Recorded};

/// Events after a position.
#[derive(Clone, Debug)]
pub struct Recent {
    pub events: Vec<Arc<Recorded>>,
    /// Nothing but `events` lies between the position asked for and this one.
    pub upto: StreamSeq,
}

/// What happened last, without asking the log.
#[async_trait]
pub trait Feed: Send + Sync {
    /// The events after a position, of every space, at most `max`; `None` when the position is older than what is in memory.
    fn recent(&self, after: StreamSeq, max: usize) -> Option<Recent>;
    /// Waits until there is something beyond the position.
    async fn moved(&self, beyond: StreamSeq);
}
