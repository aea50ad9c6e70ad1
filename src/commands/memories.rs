//! Commands on memories. Called by the API; what may happen is the domain's to say.

use futures::TryStreamExt;

use super::{
    Caller, Commands, Error, Identity, IfMatch,
    append::{self, Load, Outcome},
    fingerprint::Fingerprint,
};
use crate::{
    domain::{
        ids::{MemoryId, StreamSeq, Timestamp},
        memory::{self, Draft, MemoryDecider, ScriptTags, draft::Patch},
    },
    journal::Recorded,
    ports::MemoryRecord,
};

/// What a client wants done to one memory. The instant is the write path's to add.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Create {
        draft: Draft,
        created_at: Option<Timestamp>,
    },
    Update(Patch),
    Put {
        draft: Draft,
        created_at: Option<Timestamp>,
    },
    Delete,
    Restore,
    /// Back to the state before the last event, by an event of its own; a second undo takes the first one back.
    Undo,
}

impl Action {
    /// The action's name, which is part of a keyed command's id and so on disk.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update(_) => "update",
            Self::Put { .. } => "put",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Undo => "undo",
        }
    }
}

/// One command on one memory. The same identity with the same action has one effect, however often it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub caller: Caller,
    pub identity: Identity,
    pub id: MemoryId,
    pub if_match: Option<IfMatch>,
    pub action: Action,
}

/// The memory after the command, and the position from which reads show it. `changed` is false for "already so".
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    pub record: MemoryRecord,
    pub position: StreamSeq,
    pub changed: bool,
}

impl Commands {
    /// Decides and records one command on one memory.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn memory(&self, wish: Wish) -> Result<Done, Error> {
        let (at, script_tags) = (self.clock.now(), self.script_tags);
        let undoes = wish.action == Action::Undo;
        let mut load = Load {
            space: wish.caller.space,
            actor: wish.caller.principal,
            aggregate: "memory",
            id: wish.id.to_string(),
            identity: wish.identity,
            action: wish.action.name(),
            fingerprint: wish.identity.fingerprint(|| Fingerprint::of_memory(wish.id, &wish.action)),
            at,
            if_match: wish.if_match.clone(),
            new_id: wish.identity.fresh && wish.id.0 == wish.identity.seed.0,
            replaces: matches!(wish.action, Action::Put { .. }),
        };
        let command = match wish.action {
            Action::Create { draft, created_at } => memory::Command::Create { draft, at, created_at, script_tags },
            Action::Update(patch) => memory::Command::Update { patch, at, script_tags },
            Action::Put { draft, created_at } => memory::Command::Put { draft, at, created_at, script_tags },
            Action::Delete => memory::Command::Delete { at },
            Action::Restore => memory::Command::Restore { at },
            Action::Undo => match self.repeated(&load).await? {
                Some(earlier) => return done(wish.id, append::outcome_of::<MemoryDecider>(earlier)?),
                None => self.undoing(&mut load).await?,
            },
        };
        let outcome = append::run::<MemoryDecider, _>(self, &load, || command.clone(), Error::Memory).await;
        let outcome = match outcome {
            // The client named no revision: the guard of the undo was ours.
            Err(Error::PreconditionFailed { aggregate, .. }) if undoes && !wish.if_match.is_some_and(|it| it.names_a_state()) => {
                return Err(Error::Contention { aggregate });
            }
            other => other?,
        };
        self.acknowledged.note(load.actor, outcome.position);
        done(wish.id, outcome)
    }

    /// The command that leads back to the state before the last event, guarded against anything that happens meanwhile.
    async fn undoing(&self, load: &mut Load) -> Result<memory::Command, Error> {
        let history: Vec<Recorded> = self.history(load).try_collect().await?;
        let Some((last, earlier)) = history.split_last() else { return Err(memory::Rejection::NotFound.into()) };
        if load.if_match.as_ref().is_none_or(|wanted| wanted.admits(Some(last))) {
            load.if_match = Some(IfMatch::OneOf(vec![last.event.revision]));
        }
        let at = load.at;
        Ok(match append::state_of::<MemoryDecider>(earlier.last())? {
            Some(before) if before.deleted_at.is_none() => {
                // What was let in once may come back.
                let (draft, created_at) = (before.body.into(), Some(before.created_at));
                memory::Command::Put { draft, at, created_at, script_tags: ScriptTags::Allow }
            }
            _ => memory::Command::Delete { at },
        })
    }
}

fn done(id: MemoryId, outcome: Outcome<memory::State>) -> Result<Done, Error> {
    let Outcome { state, revision, position, changed } = outcome;
    let memory = state.ok_or(memory::Rejection::NotFound)?;
    Ok(Done { record: MemoryRecord { id, revision, memory }, position, changed })
}
