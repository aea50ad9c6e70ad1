//! Where delegations, waiting devices and signing keys are kept: in the stream of sessions, so that a login needs no Postgres and all
//! processes hear of an end at once. Secrets come here as their SHA-256, or sealed.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::sessions::SessionsAway;
use crate::{
    domain::ids::StreamSeq,
    journal::delegation::{Kept, Kind},
};

/// What the stream tells of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub seq: StreamSeq,
    pub kind: Kind,
    pub name: String,
    /// `None` when it has ended.
    pub kept: Option<Kept>,
    /// Whether more is on its way that was there before.
    pub more: bool,
}

/// All that is kept, told from the first one that still holds, then as it comes and goes. An error ends it; open it again.
pub type Tellings = BoxStream<'static, Result<Told, SessionsAway>>;

/// Keeps them. What is kept goes by itself after the time that is given with it. A name is letters, digits, `-` and `_`.
#[async_trait]
pub trait DelegationStore: Send + Sync {
    /// Keeps something, if nothing was written under its name since `expected` (0: nothing at all); `None` comes back if there was.
    async fn put(&self, name: &str, kept: &Kept, expected: StreamSeq, keep: Duration) -> Result<Option<StreamSeq>, SessionsAway>;

    /// Writes down that something has ended; `keep` is at least as long as it could have held.
    async fn end(&self, kind: Kind, name: &str, keep: Duration) -> Result<StreamSeq, SessionsAway>;

    /// Whether anything is kept.
    async fn is_empty(&self) -> Result<bool, SessionsAway>;

    async fn tell(&self) -> Result<Tellings, SessionsAway>;
}
