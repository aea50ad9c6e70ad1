//! Small things that are worth keeping and are no events: the newest count of a passkey, when a key was last used. They stand in the stream
//! of sessions, one message each: losing them harms little, and writing them must not make the log longer.

use std::time::Duration;

use async_trait::async_trait;

use super::sessions::SessionsAway;
use crate::domain::ids::StreamSeq;

/// Numbers by name.
#[async_trait]
pub trait Marks: Send + Sync {
    /// What is written now, and where; `None` if nothing is.
    async fn read(&self, name: &str) -> Result<Option<(StreamSeq, u64)>, SessionsAway>;

    /// Writes a number. With `expected` only if nothing was written since that position (0: nothing at all), and answers whether it was.
    /// It goes by itself after `keep`, or never.
    async fn write(
        &self,
        name: &str,
        number: u64,
        expected: Option<StreamSeq>,
        keep: Option<Duration>,
    ) -> Result<bool, SessionsAway>;
}
