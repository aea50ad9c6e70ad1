//! The one write path: load → decide → append → answer. Called by the API; the only code that appends events of clients.
//!
//! It never reads Postgres: an aggregate's newest event is its state, so writes go on while the read models are away.

mod acknowledged;
mod append;

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    domain::{
        access::{Key, KeyCommand, KeyDecider, Space, SpaceDecider},
        ids::{CommandId, MemoryId, PrincipalId, Revision, SpaceId, StreamSeq, Timestamp},
        memory::{self, Draft, MemoryDecider, draft::Patch},
    },
    journal::codec,
    ports::{Clock, EventLog, MemoryRecord},
};
use acknowledged::Acknowledged;
use append::{Load, Outcome};

/// Who asks, and in which space.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    pub space: SpaceId,
    pub principal: PrincipalId,
}

/// What a client wants done to one memory. The instant is the write path's to add.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Create { draft: Draft, created_at: Option<Timestamp> },
    Update(Patch),
    Put { draft: Draft, created_at: Option<Timestamp> },
    Delete,
    Restore,
}

/// One command on one memory. The same `command_id` with the same action has one effect, however often it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub caller: Caller,
    pub command_id: CommandId,
    /// The command id was made for this wish, so it has never been sent before; one derived from an Idempotency-Key may have been.
    pub fresh: bool,
    pub id: MemoryId,
    pub if_match: Option<Revision>,
    pub action: Action,
}

/// The memory after the command, and the position from which reads show it. `changed` is false for "already so".
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    pub record: MemoryRecord,
    pub position: StreamSeq,
    pub changed: bool,
}

/// Why a command has no effect, or (`Unavailable`) none that is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Rejected(#[from] memory::Rejection),
    #[error("the memory is at revision {actual}, not {expected}")]
    PreconditionFailed { expected: Revision, actual: Revision },
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    #[error("others kept changing this memory; try again")]
    Contention,
    /// May or may not have happened; the same command id finds out.
    #[error("the log is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Did not happen.
    #[error("the log refused the event")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the newest event of this memory cannot be read")]
    Poison(#[source] codec::Error),
}

/// The write path, shared by all requests of a process.
pub struct Commands {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    acknowledged: Acknowledged,
}

impl Commands {
    pub fn new(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>) -> Self {
        Self { log, clock, acknowledged: Acknowledged::default() }
    }

    /// The last position that this process acknowledged to a principal; 0 when none.
    pub fn acknowledged(&self, principal: PrincipalId) -> StreamSeq {
        self.acknowledged.of(principal)
    }

    /// Decides and records one command on one memory.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn memory(&self, wish: Wish) -> Result<Done, Error> {
        let at = self.clock.now();
        let load = Load {
            space: wish.caller.space,
            actor: wish.caller.principal,
            aggregate: "memory",
            id: wish.id.to_string(),
            command_id: wish.command_id,
            command_hash: hash_of(wish.id, &wish.action),
            at,
            if_match: wish.if_match,
            fresh: wish.fresh,
            new_id: wish.fresh && wish.id.0 == wish.command_id.0,
        };
        let command = command_of(wish.action, at);
        let outcome = append::run::<MemoryDecider, _>(&*self.log, &load, || command.clone(), Error::Rejected).await?;
        self.acknowledged.note(load.actor, outcome.position);
        let Outcome { state, revision, position, changed } = outcome;
        let memory = state.ok_or(memory::Rejection::NotFound)?;
        Ok(Done { record: MemoryRecord { id: wish.id, revision, memory }, position, changed })
    }

    /// Records a space; nothing when it exists.
    pub async fn create_space(&self, id: SpaceId, actor: PrincipalId) -> Result<StreamSeq, Error> {
        let at = self.clock.now();
        let load = sys_load("space", id.to_string(), actor, at);
        let space = Space { id, created_at: at };
        let outcome = append::run::<SpaceDecider, _>(&*self.log, &load, || space.clone(), |never| match never {}).await?;
        Ok(outcome.position)
    }

    /// Issues or revokes a key; nothing when already so. A revoke of an unknown key is `Rejected(NotFound)`.
    pub async fn key(&self, key: &Key, command: KeyCommand) -> Result<StreamSeq, Error> {
        let load = sys_load("key", key.id.to_string(), key.principal, self.clock.now());
        let unknown = |_| Error::Rejected(memory::Rejection::NotFound);
        let outcome = append::run::<KeyDecider, _>(&*self.log, &load, || command.clone(), unknown).await?;
        Ok(outcome.position)
    }
}

/// Commands on spaces and keys are idempotent by state, so their id only needs to be stable and their own.
fn sys_load(aggregate: &'static str, id: String, actor: PrincipalId, at: Timestamp) -> Load {
    let key = format!("{aggregate} {id} {}", at.timestamp_micros());
    let command_id = CommandId::keyed(&SpaceId::sys(), actor, &key);
    Load {
        space: SpaceId::sys(),
        actor,
        aggregate,
        id,
        command_id,
        command_hash: 0,
        at,
        if_match: None,
        fresh: false,
        new_id: false,
    }
}

fn command_of(action: Action, at: Timestamp) -> memory::Command {
    match action {
        Action::Create { draft, created_at } => memory::Command::Create { draft, at, created_at },
        Action::Update(patch) => memory::Command::Update { patch, at },
        Action::Put { draft, created_at } => memory::Command::Put { draft, at, created_at },
        Action::Delete => memory::Command::Delete { at },
        Action::Restore => memory::Command::Restore { at },
    }
}

/// xxh3-64 of the wish without its instant. Stable within a build's `Debug` form, which is enough to notice a reused key.
fn hash_of(id: MemoryId, action: &Action) -> u64 {
    xxh3_64(format!("{id} {action:?}").as_bytes())
}
