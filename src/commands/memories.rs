//! Commands on memories. Called by the use cases; what may happen is the domain's to say.

use futures::TryStreamExt;

use super::{
    Commands, Done, Error, Request,
    append::{self, Load, Outcome},
    fingerprint::Fingerprint,
};
use crate::{
    domain::{
        ids::{MemoryId, Timestamp},
        memory::{self, Draft, MemoryDecider, Rules, ScriptTags, Sealing, draft::Patch},
    },
    journal::{Recorded, sealed},
    ports::MemoryRecord,
};

/// What a client wants done to one memory. The instant is the write path's to add.
#[derive(Clone, Debug, PartialEq)]
pub enum MemoryAction {
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
    /// Everything of it and of its past goes, for ever.
    Erase {
        reason: Option<String>,
    },
}

impl MemoryAction {
    /// The action's name, which is part of a keyed command's id and so on disk.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update(_) => "update",
            Self::Put { .. } => "put",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Undo => "undo",
            Self::Erase { .. } => "erase",
        }
    }
}

impl Commands {
    /// Decides and records one command on one memory.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    ///
    /// `sealing` is what the space and the caller say of sensitive memories; what the instance says of them is added here.
    pub async fn memory(&self, request: Request<MemoryId, MemoryAction>, sealing: Sealing) -> Result<Done<MemoryRecord>, Error> {
        let Sealing { is_possible, detects, .. } = self.sealing;
        let rules = Rules { script_tags: self.script_tags, sealing: Sealing { is_possible, detects, ..sealing } };
        let at = self.clock.now();
        let guards = matches!(request.action, MemoryAction::Undo | MemoryAction::Erase { .. });
        let (of, as_wished) = (("memory", request.id.to_string()), (request.key, request.action.name()));
        let mut load = Load {
            fingerprint: request.key.fingerprint(|| Fingerprint::of_memory(request.id, &request.action)),
            if_match: request.if_match.clone(),
            new_id: request.key.fresh && request.id.0 == request.key.seed.0,
            replaces: matches!(request.action, MemoryAction::Put { .. }),
            takes_all: matches!(request.action, MemoryAction::Erase { .. }),
            ..Load::new(request.actor, of, as_wished, at)
        };
        let command = match request.action {
            MemoryAction::Create { draft, created_at } => memory::Command::Create { draft, at, created_at, rules },
            MemoryAction::Update(patch) => memory::Command::Update { patch, at, rules },
            MemoryAction::Put { draft, created_at } => memory::Command::Put { draft, at, created_at, rules },
            MemoryAction::Delete => memory::Command::Delete { at },
            MemoryAction::Restore => memory::Command::Restore { at },
            MemoryAction::Undo => match self.repeated(&load).await? {
                Some(earlier) => return done(request.id, self.outcome_of::<MemoryDecider>(earlier).await?),
                None => self.undoing(&mut load, rules).await?,
            },
            MemoryAction::Erase { reason } => {
                let older = self.traces(&mut load).await?;
                memory::Command::Erase { at, reason, older }
            }
        };
        let outcome = append::run::<MemoryDecider, _>(self, &load, || command.clone(), Error::Memory).await;
        let outcome = match outcome {
            // The client named no revision: the guard was ours.
            Err(Error::PreconditionFailed { aggregate, .. })
                if guards && !request.if_match.is_some_and(|it| it.names_a_state()) =>
            {
                return Err(Error::Contention { aggregate });
            }
            other => other?,
        };
        self.acknowledged.note(load.actor, outcome.position);
        done(request.id, outcome)
    }

    /// The command that leads back to the state before the last event, guarded against anything that happens meanwhile.
    async fn undoing(&self, load: &mut Load, rules: Rules) -> Result<memory::Command, Error> {
        let history: Vec<Recorded> = self.history(load).try_collect().await?;
        let Some((last, earlier)) = history.split_last() else { return Err(memory::Rejection::NotFound.into()) };
        if sealed::has_become_sensitive(&last.event) {
            // What was before is destroyed.
            return Err(memory::Rejection::StaysSensitive.into());
        }
        load.guard(last);
        let at = load.at;
        Ok(match self.state_of::<MemoryDecider>(earlier.last()).await? {
            Some(before) if before.deleted_at.is_none() => {
                // What was let in once may come back.
                let (draft, created_at) = (before.body.into(), Some(before.created_at));
                memory::Command::Put { draft, at, created_at, rules: Rules { script_tags: ScriptTags::Allow, ..rules } }
            }
            _ => memory::Command::Delete { at },
        })
    }
}

fn done(id: MemoryId, outcome: Outcome<memory::State>) -> Result<Done<MemoryRecord>, Error> {
    let Outcome { state, revision, position, changed } = outcome;
    let memory = state.ok_or(memory::Rejection::NotFound)?;
    Ok(Done { record: MemoryRecord { id, revision, memory, sealed: None }, position, changed })
}
