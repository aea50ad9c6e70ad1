//! Commands of erasures beside the memory's own: its relationships, and receipts. Called by the worker that destroys.

use super::{
    Actor, CommandKey, Commands, Error,
    append::{self, Load},
    fingerprint::Fingerprint,
};
use crate::{
    domain::{
        erasure::{self, ErasureDecider, Receipt, Trace},
        ids::{CommandId, RelationshipId, StreamSeq},
        relationship::{Command, RelationshipDecider},
    },
    journal::catalog::{ERASURE, RELATIONSHIP},
};

impl Commands {
    /// Erases a relationship; `None` when it is erased already or never was. The position is where the erasing event stands.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn erase_relationship(&self, actor: Actor, id: RelationshipId) -> Result<Option<StreamSeq>, Error> {
        let mut load = self.of_worker(actor, RELATIONSHIP, id.to_string());
        let newest = self.log.last(&load.space, load.aggregate, &load.id).await.map_err(append::unreadable)?;
        if newest.is_none_or(|newest| newest.event.is_erasure()) {
            return Ok(None);
        }
        let (at, older) = (load.at, self.traces(&mut load).await?);
        let command = || Command::Erase { at, older: older.clone() };
        let done = append::run::<RelationshipDecider, _>(self, &load, command, Error::Relationship).await?;
        Ok(Some(done.position))
    }

    /// Records what was destroyed; nothing when that is recorded already.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn complete_erasure(&self, actor: Actor, receipt: Receipt) -> Result<StreamSeq, Error> {
        let load = self.of_worker(actor, ERASURE, receipt.memory.to_string());
        let done = append::run::<ErasureDecider, _>(self, &load, || receipt.clone(), |never| match never {}).await?;
        Ok(done.position)
    }

    fn of_worker(&self, actor: Actor, aggregate: &'static str, id: String) -> Load {
        let at = self.clock.now();
        let key = format!("erasure {aggregate} {id} {}", at.timestamp_micros());
        let key = CommandKey { seed: CommandId::keyed(&actor.space, actor.principal, &key), fresh: false };
        Load {
            space: actor.space,
            actor: actor.principal,
            via: actor.via,
            aggregate,
            id,
            key,
            action: "erase",
            fingerprint: Fingerprint::NONE,
            at,
            if_match: None,
            new_id: false,
            replaces: false,
            takes_all: false,
        }
    }

    /// Where the aggregate's events stand; nothing may come to them before what erases them.
    pub(super) async fn traces(&self, load: &mut Load) -> Result<Vec<Trace>, Error> {
        let all = self.log.of_aggregate(&load.space, (load.aggregate, &load.id)).await.map_err(append::unreadable)?;
        // Of what cannot be read no time is known; it is destroyed all the same.
        let readable: Vec<_> = all.into_iter().flatten().collect();
        if let Some(newest) = readable.last() {
            load.guard(newest);
        }
        let trace = |it: &crate::journal::Recorded| Trace { position: it.seq, at: it.event.at };
        Ok(erasure::traces(readable.iter().map(trace).collect()))
    }
}
