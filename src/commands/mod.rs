//! The one write path: load → decide → append → answer. Called by the use cases; the only code that appends events of clients.
//!
//! It never needs Postgres to load: an aggregate's newest event is its state, so writes go on while the read models are away.
//! Only a keyed command on an aggregate with a long history asks [`CommandLog`] whether it has come before.

mod access;
mod acknowledged;
mod append;
mod erasures;
mod fingerprint;
mod memories;
mod precondition;
mod relationships;
mod reseal;
mod sealing;
mod webhooks;

use std::sync::Arc;

use crate::{
    domain::{
        access as access_rules,
        ids::{CommandId, PrincipalId, Revision, SpaceId, StreamSeq},
        memory::{self, ScriptTags, Sealing},
        relationship,
        webhook::{self, Retry},
    },
    journal::envelope::Via,
    ports::{
        Clock, CommandLog, EventAppender, EventLog, QueryError,
        data_keys::{DataKeys, SealError},
        storage::{NoRoom, Storage, Unwatched},
        webhooks::VaultError,
    },
};
use acknowledged::Acknowledged;
use fingerprint::Fingerprint;

pub use self::{
    access::Settled,
    memories::MemoryAction,
    precondition::IfMatch,
    relationships::RelationshipAction,
    webhooks::{Material, WebhookAction},
};

/// Who acts, and in which space: as events name their cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Actor {
    pub space: SpaceId,
    pub principal: PrincipalId,
    /// `None` where nobody from outside is behind it.
    pub via: Option<Via>,
}

impl Actor {
    /// Somebody who acts from within the instance.
    pub fn within(space: SpaceId, principal: PrincipalId) -> Self {
        Self { space, principal, via: None }
    }
}

/// What makes a command one and the same, however often it is sent: an Idempotency-Key, or an id made for this very request.
///
/// Decision 2026-11-27: a key stands for one wish per principal, resource and action. An agent may send one key with all that it does in a
/// turn; the same key with another wish of the same action on the same resource is refused. The first release took a key for one wish of
/// the whole log, but looked for it on one aggregate only, and so acknowledged what it never wrote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CommandKey {
    /// What the key stands for, see [`CommandId::keyed`]; without a key the command's own id.
    pub seed: CommandId,
    /// It was made for this wish, so it has never been sent before.
    pub fresh: bool,
}

impl CommandKey {
    /// The key of item `index` of a batch, or of a further command that one request makes.
    pub fn item(self, index: usize) -> Self {
        Self { seed: self.seed.item(index), ..self }
    }

    /// Nobody asks whether a wish without a key has come before with another one.
    fn fingerprint(self, of: impl FnOnce() -> Fingerprint) -> Fingerprint {
        if self.fresh { Fingerprint::NONE } else { of() }
    }

    fn command_id(self, action: &str) -> CommandId {
        if self.fresh { self.seed } else { self.seed.action(action) }
    }
}

/// One command on one aggregate. The same key with the same action has one effect, however often it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<Id, Action> {
    pub actor: Actor,
    pub key: CommandKey,
    pub id: Id,
    pub if_match: Option<IfMatch>,
    pub action: Action,
}

impl<Id, Action> Request<Id, Action> {
    /// One that nobody has named and nobody will repeat; `command_id` was made for it.
    pub fn once(command_id: CommandId, actor: Actor, id: Id, action: Action) -> Self {
        Self { actor, key: CommandKey { seed: command_id, fresh: true }, id, if_match: None, action }
    }
}

/// The aggregate after the command, and the position from which reads show it. `changed` is false for "already so".
#[derive(Clone, Debug, PartialEq)]
pub struct Done<Record> {
    pub record: Record,
    pub position: StreamSeq,
    pub changed: bool,
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
    /// Did not happen.
    #[error("what the memory says cannot be sealed, or opened")]
    Sealing(#[from] SealError),
    #[error(transparent)]
    Access(#[from] access_rules::Rejection),
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
    /// Did not happen, and will not until there is room.
    #[error(transparent)]
    StorageFull(NoRoom),
    /// Permanent: only a command that replaces the whole aggregate gets past it, where at least its frame can be read.
    #[error("the newest event of this aggregate cannot be read")]
    Poison(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Did not happen: the aggregate has a long history and nobody can say now whether the key was used in it.
    #[error("it cannot be learned now whether this Idempotency-Key was used before")]
    HistoryUnavailable(#[source] QueryError),
}

/// The write path, shared by all requests of a process.
pub struct Commands {
    log: Arc<dyn EventLog>,
    appender: Arc<dyn EventAppender>,
    command_log: Option<Arc<dyn CommandLog>>,
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    acknowledged: Acknowledged,
    script_tags: ScriptTags,
    sealing: Sealing,
    data_keys: Option<Arc<dyn DataKeys>>,
    retry: Retry,
}

impl Commands {
    pub fn new(log: Arc<dyn EventLog>, appender: Arc<dyn EventAppender>, clock: Arc<dyn Clock>) -> Self {
        let (command_log, storage, acknowledged) = (None, Arc::new(Unwatched), Acknowledged::default());
        let (script_tags, sealing, retry) = (ScriptTags::default(), Sealing::default(), Retry::default());
        let data_keys = None;
        Self { log, appender, command_log, storage, clock, acknowledged, script_tags, sealing, data_keys, retry }
    }

    /// What is done with script tags in the contents of memories; without it they are refused.
    pub fn with_script_tags(self, script_tags: ScriptTags) -> Self {
        Self { script_tags, ..self }
    }

    /// What seals sensitive memories, and of the instance's rules whether it does, and whether it looks for secrets. Without it none is taken.
    pub fn with_sealing(self, data_keys: Arc<dyn DataKeys>, sealing: Sealing) -> Self {
        Self { data_keys: Some(data_keys), sealing, ..self }
    }

    /// How new webhooks are tried again where their client says nothing; without it that is the domain's to say.
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Whom to ask for room before anything is appended; without it the disk is somebody else's to watch.
    pub fn with_storage(self, storage: Arc<dyn Storage>) -> Self {
        Self { storage, ..self }
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
