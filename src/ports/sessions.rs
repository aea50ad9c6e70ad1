//! Where sessions of browsers are kept: a stream beside the log, so that a login needs no Postgres and all processes hear of an end at
//! once. Secrets come here as their SHA-256 in lower-case hexadecimal only.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::domain::{ids::StreamSeq, session::Session};

/// Sessions cannot be kept or read now; try again.
#[derive(Debug, thiserror::Error)]
#[error("sessions cannot be kept or read now")]
pub struct SessionsAway(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What the stream tells of one session.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub seq: StreamSeq,
    pub secret_sha256: String,
    /// `None` when it has ended.
    pub session: Option<Session>,
    /// Whether more is on its way that was there before.
    pub more: bool,
}

/// Sessions, told from the first one that still holds, then as they come and go. An error ends it; open it again.
pub type Tellings = BoxStream<'static, Result<Told, SessionsAway>>;

/// Keeps sessions. What is kept goes by itself after the time that is given with it.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a session. With `expected` only if nothing was written since that position (0: nothing at all); `None` comes back if there was.
    async fn put(
        &self,
        secret_sha256: &str,
        session: &Session,
        expected: Option<StreamSeq>,
        keep: Duration,
    ) -> Result<Option<StreamSeq>, SessionsAway>;

    /// Writes down that a session has ended; `keep` is at least as long as it could have held.
    async fn end(&self, secret_sha256: &str, keep: Duration) -> Result<StreamSeq, SessionsAway>;

    /// Whether this is the first use, anywhere, of something that counts once. It is remembered for `keep`.
    async fn first_use(&self, sha256: &str, keep: Duration) -> Result<bool, SessionsAway>;

    /// Whether any session is kept.
    async fn is_empty(&self) -> Result<bool, SessionsAway>;

    async fn tell(&self) -> Result<Tellings, SessionsAway>;
}
