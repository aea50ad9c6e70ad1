//! The one write path: load → decide → append → answer. Called by the API; the only code that appends events of clients.
//!
//! It never needs Postgres to load: an aggregate's newest event is its state, so writes go on while the read models are away.
//! Only a keyed command on an aggregate with a long history asks [`CommandLog`] whether it has come before.

mod access;
mod acknowledged;
mod append;
mod memories;
mod precondition;
mod relationships;
mod webhooks;

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    domain::{
        ids::{CommandId, PrincipalId, Revision, SpaceId, StreamSeq},
        memory, relationship, webhook,
    },
    journal::codec,
    ports::{Clock, CommandLog, EventLog, QueryError, webhooks::VaultError},
};
use acknowledged::Acknowledged;

pub use self::{
    memories::{Action, Done, Wish},
    precondition::IfMatch,
    relationships::{RelationshipAction, RelationshipDone, RelationshipWish},
    webhooks::{Material, WebhookAction, WebhookDone, WebhookWish},
};

/// Who asks, and in which space.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    pub space: SpaceId,
    pub principal: PrincipalId,
}

/// What makes a command one and the same, however often it is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Identity {
    pub command_id: CommandId,
    /// The command id was made for this wish, so it has never been sent before; one derived from an Idempotency-Key may have been.
    pub fresh: bool,
}

/// Why a command has no effect, or (`Unavailable`) none that is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Memory(#[from] memory::Rejection),
    #[error(transparent)]
    Relationship(#[from] relationship::Rejection),
    #[error(transparent)]
    Webhook(#[from] webhook::Rejection),
    #[error("secrets cannot be sealed")]
    Vault(#[from] VaultError),
    #[error("there is no such key")]
    UnknownKey,
    #[error("the {aggregate} is at revision {actual}, not {expected}")]
    PreconditionFailed { aggregate: &'static str, expected: IfMatch, actual: Revision },
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    #[error("others kept changing this {aggregate}; try again")]
    Contention { aggregate: &'static str },
    /// May or may not have happened; the same command id finds out.
    #[error("the log is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Did not happen.
    #[error("the log refused the event")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the newest event of this aggregate cannot be read")]
    Poison(#[source] codec::Error),
    /// Did not happen: the aggregate has a long history and nobody can say now whether the key was used in it.
    #[error("it cannot be learned now whether this Idempotency-Key was used before")]
    HistoryUnavailable(#[source] QueryError),
}

/// The write path, shared by all requests of a process.
pub struct Commands {
    log: Arc<dyn EventLog>,
    command_log: Option<Arc<dyn CommandLog>>,
    clock: Arc<dyn Clock>,
    acknowledged: Acknowledged,
}

impl Commands {
    pub fn new(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>) -> Self {
        Self { log, command_log: None, clock, acknowledged: Acknowledged::default() }
    }

    /// Whom to ask about keyed commands on aggregates with a long history; without it they are refused.
    pub fn with_command_log(self, command_log: Arc<dyn CommandLog>) -> Self {
        Self { command_log: Some(command_log), ..self }
    }

    /// The last position that this process acknowledged to a principal; 0 when none.
    pub fn acknowledged(&self, principal: PrincipalId) -> StreamSeq {
        self.acknowledged.of(principal)
    }
}

/// xxh3-64 of a wish without its instant. Stable within a build's `Debug` form, which is enough to notice a reused key.
fn hash_of(wish: &impl std::fmt::Debug) -> u64 {
    xxh3_64(format!("{wish:?}").as_bytes())
}
