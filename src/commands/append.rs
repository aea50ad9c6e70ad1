//! Load, decide, append, and the answer to every way in which an append can go wrong. Called by `Commands` only.
//!
//! A conflict, a lost answer and "duplicate" look alike from here: the log is asked for our command id before anything is
//! decided again, so no try is ever applied twice and none is reported lost that was kept. What is answered to a client was either
//! acknowledged as newly written, or stands in the log on this very aggregate under this very command.

use std::{pin::pin, time::Duration};

use futures::{Stream, TryStreamExt, stream};

use super::{Actor, CommandKey, Commands, Error, IfMatch, fingerprint::Fingerprint};
use crate::{
    domain::{
        decider::Decider,
        ids::{CommandId, PrincipalId, Revision, SpaceId, StreamSeq, Timestamp},
    },
    journal::{Envelope, Recorded, envelope::Via, events::Storable},
    ports::{
        QueryError,
        log::{AppendError, ReadError},
    },
};

/// How often a command is decided again after others were faster.
const TRIES_MAX: u32 = 5;
/// Up to how many revisions an aggregate's subject is searched for an earlier outcome of the same command id.
/// Beyond that the projection `command_log` is asked.
const SEARCH_REVISIONS_MAX: u64 = 64;

/// The aggregate that a command concerns, and the command's identity.
pub struct Load {
    pub space: SpaceId,
    pub actor: PrincipalId,
    pub via: Option<Via>,
    pub aggregate: &'static str,
    pub id: String,
    pub key: CommandKey,
    /// What is done to the aggregate: the key's scope.
    pub action: &'static str,
    pub fingerprint: Fingerprint,
    pub at: Timestamp,
    pub if_match: Option<IfMatch>,
    /// The id was made by this very command, so there is nothing to load; the append's guard still checks it.
    pub new_id: bool,
    /// What is wished says all that the aggregate is, so a state that cannot be read does not matter.
    pub replaces: bool,
    /// Nothing of what it says is left afterwards, so that it need not be opened.
    pub takes_all: bool,
}

impl Load {
    /// A command on an aggregate (kind and id), under a key, doing so: on whatever state, and with nothing to know it again by.
    pub fn new(
        actor: Actor,
        (aggregate, id): (&'static str, String),
        (key, action): (CommandKey, &'static str),
        at: Timestamp,
    ) -> Self {
        let Actor { space, principal: actor, via } = actor;
        let (fingerprint, if_match, new_id, replaces, takes_all) = (Fingerprint::NONE, None, false, false, false);
        Self { space, actor, via, aggregate, id, key, action, fingerprint, at, if_match, new_id, replaces, takes_all }
    }

    fn command_id(&self) -> CommandId {
        self.key.command_id(self.action)
    }

    /// Nothing may happen to the aggregate between `newest` and what is appended, unless the client has other wishes, which fail by themselves.
    pub fn guard(&mut self, newest: &Recorded) {
        if self.if_match.as_ref().is_none_or(|wanted| wanted.admits(Some(newest))) {
            self.if_match = Some(IfMatch::OneOf(vec![newest.event.revision]));
        }
    }

    /// What the request says, as a number in the form of the release that wrote this command id.
    pub fn number_under(&self, command_id: CommandId) -> u64 {
        let Fingerprint { current, first_release } = self.fingerprint;
        if command_id == self.command_id() { current } else { first_release }
    }

    /// Whether this command has caused the event. The first release's command ids were the keys' own.
    fn caused(&self, found: &Recorded) -> bool {
        [self.command_id(), self.key.seed].contains(&found.event.command_id)
    }
}

/// The aggregate after the command.
pub struct Outcome<S> {
    pub state: S,
    pub revision: Revision,
    pub position: StreamSeq,
    pub changed: bool,
}

/// Runs one command to its end.
///
/// Errors: [`Error::KeyReused`] also where the log takes the event for one that it has, and our aggregate does not hold it.
pub async fn run<D, R>(
    commands: &Commands,
    load: &Load,
    command: impl Fn() -> D::Command,
    rejected: R,
) -> Result<Outcome<D::State>, Error>
where
    D: Decider,
    D::Event: Storable,
    R: Fn(D::Rejection) -> Error,
{
    let log = &*commands.log;
    let mut is_taken_for_another = false;
    for attempt in 0..TRIES_MAX {
        let newest = if attempt == 0 && load.new_id {
            None
        } else {
            log.last(&load.space, load.aggregate, &load.id).await.map_err(unreadable)?
        };
        if (attempt > 0 || !load.key.fresh)
            && let Some(earlier) = commands.earlier_outcome(load, newest.as_ref()).await?
        {
            return commands.outcome_of::<D>(earlier).await;
        }
        if is_taken_for_another {
            return Err(Error::KeyReused);
        }
        let (revision, expected) = newest.as_ref().map_or_else(Default::default, |last| (last.event.revision, last.seq));
        if let Some(wanted) = load.if_match.as_ref().filter(|wanted| !wanted.admits(newest.as_ref())) {
            return Err(Error::PreconditionFailed { aggregate: load.aggregate, expected: wanted.clone(), actual: revision });
        }
        let state = match commands.state_before::<D>(load, newest.as_ref()).await {
            Err(Error::Poison(_)) if load.replaces => D::State::default(),
            other => other?,
        };
        let events = D::decide(command(), &state).map_err(&rejected)?;
        let Some(event) = events.first() else {
            return Ok(Outcome { state, revision, position: expected, changed: false });
        };
        debug_assert_eq!(events.len(), 1, "commands with several events need an atomic batch");
        commands.make_sure_of_room(attempt)?;
        let event_to_store = commands.sealed(envelope(load, revision.next(), event)).await.map_err(|refused| match attempt {
            0 => refused,
            // An earlier try may have been kept.
            _ => Error::Unavailable(Box::new(refused)),
        })?;
        match commands.appender.append(&event_to_store, expected).await {
            Ok(position) => {
                return Ok(Outcome { state: D::evolve(state, event), revision: revision.next(), position, changed: true });
            }
            Err(AppendError::Refused(cause)) => return Err(Error::Refused(cause)),
            // The next round looks for our command id first.
            Err(AppendError::Conflict) => {}
            Err(AppendError::Duplicate) => is_taken_for_another = true,
            Err(AppendError::Unknown(cause)) if attempt + 1 == TRIES_MAX => return Err(Error::Unavailable(cause)),
            Err(AppendError::Unknown(_)) => {}
        }
        tokio::time::sleep(jitter(load.command_id(), attempt)).await;
    }
    Err(Error::Contention { aggregate: load.aggregate })
}

impl Commands {
    /// Errors: `StorageFull`; `Unavailable` when an earlier try of the same command may have been kept.
    fn make_sure_of_room(&self, attempt: u32) -> Result<(), Error> {
        let refused = |full| if attempt == 0 { Error::StorageFull(full) } else { Error::Unavailable(Box::new(full)) };
        self.storage.room().map_err(refused)
    }

    /// The event that a keyed command has already caused, looked up before anything else is checked.
    pub(super) async fn repeated(&self, load: &Load) -> Result<Option<Recorded>, Error> {
        if load.key.fresh {
            return Ok(None);
        }
        let newest = self.log.last(&load.space, load.aggregate, &load.id).await.map_err(unreadable)?;
        self.earlier_outcome(load, newest.as_ref()).await
    }

    /// The event that this command id has already caused. Looks at the newest event first, then at the aggregate's history.
    async fn earlier_outcome(&self, load: &Load, newest: Option<&Recorded>) -> Result<Option<Recorded>, Error> {
        let Some(newest) = newest else { return Ok(None) };
        let found = if load.caused(newest) {
            Some(newest.clone())
        } else if newest.event.revision.0 <= SEARCH_REVISIONS_MAX {
            self.search_subject(load, newest.seq).await?
        } else {
            self.search_command_log(load, newest.seq).await?
        };
        match found {
            Some(found) if !self.asked_for(load, &found).await? => Err(Error::KeyReused),
            found => Ok(found),
        }
    }

    async fn search_subject(&self, load: &Load, end: StreamSeq) -> Result<Option<Recorded>, Error> {
        let mut history = pin!(self.history(load));
        while let Some(found) = history.try_next().await? {
            if load.caused(&found) {
                return Ok(Some(found));
            }
            if found.seq >= end {
                break;
            }
        }
        Ok(None)
    }

    /// The events of the aggregate, oldest first.
    pub(super) fn history(&self, load: &Load) -> impl Stream<Item = Result<Recorded, Error>> {
        stream::try_unfold(StreamSeq(1), move |from| async move {
            let found = self.log.next(&load.space, load.aggregate, &load.id, from).await.map_err(unreadable)?;
            Ok(found.map(|found| (found.clone(), StreamSeq(found.seq.0 + 1))))
        })
    }

    async fn search_command_log(&self, load: &Load, end: StreamSeq) -> Result<Option<Recorded>, Error> {
        let nobody = || Error::HistoryUnavailable(QueryError::Unavailable("this process has no command log".into()));
        let command_log = self.command_log.as_ref().ok_or_else(nobody)?;
        let ids = [load.command_id(), load.key.seed];
        let found = command_log.find(&load.space, (load.aggregate, &load.id), &ids, end).await;
        match found.map_err(Error::HistoryUnavailable)? {
            Some(seq) => self.log.next(&load.space, load.aggregate, &load.id, seq).await.map_err(unreadable),
            None => Ok(None),
        }
    }
}

/// Every event carries the whole aggregate, so the newest one is the state.
pub fn state_of<D>(newest: Option<&Recorded>) -> Result<D::State, Error>
where
    D: Decider,
    D::Event: Storable,
{
    let Some(last) = newest else { return Ok(D::State::default()) };
    let event = D::Event::load(&last.event.kind, &last.event.data).map_err(|cause| Error::Poison(Box::new(cause)))?;
    Ok(D::evolve(D::State::default(), &event))
}

fn envelope(load: &Load, revision: Revision, event: &impl Storable) -> Envelope {
    let stored = event.store();
    let command_id = load.command_id();
    Envelope {
        id: command_id.event(load.aggregate, &load.id, 0),
        kind: stored.kind.to_owned(),
        version: stored.version,
        space: load.space.clone(),
        aggregate: load.aggregate.to_owned(),
        aggregate_id: load.id.clone(),
        revision,
        actor: load.actor,
        via: load.via.clone(),
        command_id,
        command_hash: load.fingerprint.current,
        // All that was done under one key belongs together.
        correlation_id: load.key.seed.0,
        causation_id: None,
        at: load.at,
        changed: stored.changed,
        before: stored.before,
        data: stored.data,
    }
}

pub fn unreadable(cause: ReadError) -> Error {
    match cause {
        ReadError::Unavailable(cause) => Error::Unavailable(cause),
        ReadError::Poison { cause, .. } => Error::Poison(Box::new(cause)),
    }
}

/// 1–16 ms, growing with the tries; spread by the command's id, which differs between rivals.
fn jitter(command_id: CommandId, attempt: u32) -> Duration {
    let spread = u64::from(command_id.0.as_bytes()[15]) + 1;
    Duration::from_micros(1_000 + spread * 8 * (1 << attempt))
}
