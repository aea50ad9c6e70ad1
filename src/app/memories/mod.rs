//! What clients do with memories. Every write goes through [`crate::commands`], every read through what is kept or a read model.

mod cursor;
mod deletion;
mod history;
mod read;

use std::sync::Arc;

use futures::{StreamExt, stream};

pub use self::{
    deletion::{Deleted, Deletion, How, Preview, Selected},
    read::{Filters, Listing},
};
use super::{Caller, Error, Reading, WriteOptions, Writing};
use crate::{
    commands::{CommandKey, Done, IfMatch, MemoryAction, Request},
    domain::{
        access::Scope,
        ids::{CommandId, MemoryId, StreamSeq, Timestamp},
        memory::{Draft, Sealing},
    },
    ports::{AccessDirectory, HistoryReads, MemoryReads, MemoryRecord, SelectionReads},
};

/// Items of one batch that are being appended at the same time.
/// Enough for the log to write many of them with one flush, also for a batch that is alone.
const IN_FLIGHT_MAX: usize = 256;

/// A memory that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMemory {
    /// Chosen by the caller; else it follows from the command.
    pub id: Option<MemoryId>,
    pub draft: Draft,
    /// When it says that it was created, which needs the scope `memory:import`.
    pub created_at: Option<Timestamp>,
}

/// The use cases of memories.
pub struct Memories {
    pub reading: Arc<Reading>,
    pub writing: Arc<Writing>,
    pub memories: Arc<dyn MemoryReads>,
    pub selection: Arc<dyn SelectionReads>,
    pub history: Arc<dyn HistoryReads>,
    pub directory: Arc<dyn AccessDirectory>,
}

impl Memories {
    /// Creates a memory. Errors: those of the domain, `auth.scope_missing`, and that the log does not take it.
    pub async fn create(&self, caller: &Caller, options: WriteOptions, new: NewMemory) -> Result<Done<MemoryRecord>, Error> {
        let key = self.writing.command_key(caller, options.idempotency_key.as_deref());
        let (id, action) = creation(caller, key.seed, new)?;
        self.run(caller, key, id, options.if_match, action).await
    }

    /// Creates many memories, each by a command of its own: one that is refused stops no other. Answers what became of each, in order, and
    /// the newest position that the caller may wait for.
    pub async fn create_many<E: From<Error>>(
        &self,
        caller: &Caller,
        idempotency_key: Option<&str>,
        items: impl Iterator<Item = Result<NewMemory, E>>,
    ) -> (Vec<Result<Done<MemoryRecord>, E>>, StreamSeq) {
        let key = self.writing.command_key(caller, idempotency_key);
        let one = async |index: usize, item: Result<NewMemory, E>| {
            let key = key.item(index);
            let (id, action) = creation(caller, key.seed, item?)?;
            Ok(self.run(caller, key, id, None, action).await?)
        };
        let commands = items.enumerate().map(|(index, item)| one(index, item));
        let outcomes: Vec<_> = stream::iter(commands).buffered(IN_FLIGHT_MAX).collect().await;
        let written = outcomes.iter().flatten().map(|done| done.position).max();
        (outcomes, written.unwrap_or_else(|| self.writing.acknowledged(caller)))
    }

    /// Changes, replaces, deletes, restores or takes a change back, as the action says.
    pub async fn change(
        &self,
        caller: &Caller,
        options: WriteOptions,
        id: MemoryId,
        action: MemoryAction,
    ) -> Result<Done<MemoryRecord>, Error> {
        if let MemoryAction::Put { created_at, .. } = &action {
            caller.may_date(*created_at)?;
        }
        let key = self.writing.command_key(caller, options.idempotency_key.as_deref());
        let may_be_deleted = matches!(action, MemoryAction::Restore | MemoryAction::Undo);
        let if_match = if may_be_deleted { options.if_match.map(IfMatch::or_deleted) } else { options.if_match };
        self.run(caller, key, id, if_match, action).await
    }

    async fn run(
        &self,
        caller: &Caller,
        key: CommandKey,
        id: MemoryId,
        if_match: Option<IfMatch>,
        action: MemoryAction,
    ) -> Result<Done<MemoryRecord>, Error> {
        let request = Request { actor: caller.actor(), key, id, if_match, action };
        Ok(self.writing.commands.memory(request, self.sealing(caller)).await?)
    }

    /// What the space and the caller say of sensitive memories.
    fn sealing(&self, caller: &Caller) -> Sealing {
        let everything = self.directory.space(caller.space()).is_some_and(|space| space.is_sensitive);
        Sealing { everything, may_lift: caller.may(Scope::SpaceAdmin), ..Sealing::default() }
    }
}

/// The command that creates a memory; its id follows from the command's seed unless the caller chose one.
fn creation(caller: &Caller, seed: CommandId, new: NewMemory) -> Result<(MemoryId, MemoryAction), Error> {
    let NewMemory { id, draft, created_at } = new;
    caller.may_date(created_at)?;
    Ok((id.unwrap_or(MemoryId(seed.0)), MemoryAction::Create { draft, created_at }))
}
