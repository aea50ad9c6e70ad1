//! Commands of erasures beside the memory's own: its relationships, and receipts. Called by the worker that destroys.

use super::{
    Actor, CommandKey, Commands, Error,
    append::{self, Load},
};
use crate::{
    domain::{
        erasure::{self, ErasureDecider, Receipt, Trace},
        ids::{CommandId, RelationshipId, SpaceId, StreamSeq},
        relationship::{Command, RelationshipDecider},
    },
    journal::{
        Recorded,
        catalog::{ERASURE, RELATIONSHIP},
    },
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
        Load::new(actor, (aggregate, id), (key, "erase"), at)
    }

    /// Where the aggregate's events stand; nothing may come to them before what erases them.
    pub(super) async fn traces(&self, load: &mut Load) -> Result<Vec<Trace>, Error> {
        let (traces, newest) = self.past_of(&load.space, (load.aggregate, &load.id)).await?;
        if let Some(newest) = newest {
            load.guard(&newest);
        }
        Ok(traces)
    }

    /// Where the events of an aggregate stand that can be read, and the newest of them. Of what cannot be read no time is known; it is
    /// destroyed all the same.
    pub(super) async fn past_of(&self, space: &SpaceId, of: (&str, &str)) -> Result<(Vec<Trace>, Option<Recorded>), Error> {
        let all = self.log.of_aggregate(space, of).await.map_err(append::unreadable)?;
        let mut readable: Vec<Recorded> = all.into_iter().flatten().collect();
        let traces = readable.iter().map(|it| Trace { position: it.seq, at: it.event.at }).collect();
        Ok((erasure::traces(traces), readable.pop()))
    }
}
