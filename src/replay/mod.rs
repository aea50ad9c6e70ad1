//! What an operator does with a projection: rebuild it from the log, go back, prove it equal to the log, look at what was put aside.
//!
//! Called by the use cases of operators through the port [`Replay`]. Effects are impossible here: nothing in this module can reach a port that has any.

mod keyword;
mod verify;

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    domain::ids::StreamSeq,
    journal::Recorded,
    ports::{
        EventReader,
        log::ReadError,
        replay::{Error, ParkedEvent, Replay, Retried, Target, Verified},
    },
    projectors::{
        Definition,
        batch::{self, Batch, Item},
        definition,
        keyword::{self as index, Keyword},
        mend,
        store::{self, Aggregate, Installed, Parked, Store, VersionState},
    },
};

/// Most parked events of one answer.
const PARKED_MAX: u32 = 1_000;

/// The operator's hands.
pub struct Operator {
    pub store: Arc<dyn Store>,
    pub events: Arc<dyn EventReader>,
    pub derived: Arc<dyn EventReader>,
    /// The index of this process; others have their own.
    pub keyword: Arc<Keyword>,
}

#[async_trait]
impl Replay for Operator {
    async fn rebuild(&self, projection: &str) -> Result<u32, Error> {
        if projection == index::NAME {
            self.keyword.rebuild();
            return Ok(self.keyword.status().version);
        }
        let definition = named(projection)?;
        let versions = self.versions(&definition).await?;
        if let Some(filling) = versions.iter().find(|it| it.state == VersionState::Filling) {
            return Err(Error::Busy { version: filling.version });
        }
        let version = versions.iter().map(|it| it.version).max().unwrap_or(0) + 1;
        self.store.install(&definition.at(version), VersionState::Filling).await.map_err(broken)?;
        Ok(version)
    }

    async fn rollback(&self, projection: &str) -> Result<u32, Error> {
        if projection == index::NAME {
            return Err(Error::NothingRetired);
        }
        let definition = named(projection)?;
        let versions = self.versions(&definition).await?;
        if let Some(filling) = versions.iter().find(|it| it.state == VersionState::Filling) {
            // Not live yet: to go back is to stop filling it.
            self.store.drop_version(&definition.at(filling.version)).await.map_err(broken)?;
            let live = versions.iter().find(|it| it.state == VersionState::Live);
            return Ok(live.map_or(0, |it| it.version));
        }
        self.store.revive(projection).await.map_err(broken)?.ok_or(Error::NothingRetired)
    }

    async fn verify(&self, projection: &str) -> Result<Verified, Error> {
        if projection == index::NAME {
            return keyword::verify(&self.keyword, &*self.events).await;
        }
        verify::run(self, &named(projection)?).await
    }

    async fn parked(&self, projection: Option<&str>) -> Result<Vec<ParkedEvent>, Error> {
        if projection == Some(index::NAME) {
            return Ok(vec![]);
        }
        projection.map(named).transpose()?;
        let mut shown = vec![];
        for parked in self.store.parked(projection, PARKED_MAX).await.map_err(broken)? {
            let read = self.log_of(&named(&parked.projection)?).at(parked.seq).await;
            shown.push(with_event(parked, read)?);
        }
        Ok(shown)
    }

    async fn retry(&self, projection: &str, target: &Target) -> Result<Retried, Error> {
        let definition = named(projection)?;
        let (live, log) = (self.live(&definition).await?, self.log_of(&definition));
        let done = match target {
            Target::Position(seq) => {
                let read = match log.at(*seq).await {
                    Ok(Some(recorded)) => Ok(recorded),
                    Ok(None) => return Ok(Retried::default()),
                    Err(ReadError::Poison { cause, .. }) => Err((*seq, cause)),
                    Err(away) => return Err(Error::Log(away)),
                };
                let Some(item) = Item::of(&live, read) else { return Ok(Retried::default()) };
                self.store.retry_message(&live, item).await.map_err(broken)?
            }
            Target::Aggregate { .. } => {
                mend::aggregate(&live, &**log, &*self.store, &aggregate(target)).await.map_err(|error| match error {
                    mend::Error::Log(away) => Error::Log(away),
                    mend::Error::Store(cause) => broken(cause),
                })?
            }
        };
        let store::Repaired { applied, parked } = done;
        Ok(Retried { applied, parked })
    }

    async fn skip(&self, projection: &str, target: &Target) -> Result<u64, Error> {
        let live = self.live(&named(projection)?).await?;
        let position = if let Target::Position(seq) = target { Some(*seq) } else { None };
        self.store.skip(&live, (&aggregate(target), position)).await.map_err(broken)
    }
}

fn aggregate(target: &Target) -> Aggregate {
    match target.clone() {
        Target::Aggregate { space, kind, id } => Aggregate { space, kind, id },
        Target::Position(_) => Aggregate::default(),
    }
}

/// What is parked, with the event as it stands in the log.
fn with_event(parked: Parked, read: Result<Option<Recorded>, ReadError>) -> Result<ParkedEvent, Error> {
    let event = match read {
        Ok(found) => found.and_then(|found| serde_json::to_value(found.event).ok()),
        Err(ReadError::Poison { .. }) => None,
        Err(away) => return Err(Error::Log(away)),
    };
    let Parked { projection, version, aggregate: Aggregate { space, kind, id }, seq, error, parked_at, skipped_at } = parked;
    Ok(ParkedEvent { projection, version, space, aggregate: kind, id, seq: seq.0, error, parked_at, skipped_at, event })
}

impl Operator {
    async fn versions(&self, definition: &Definition) -> Result<Vec<Installed>, Error> {
        self.store.versions(&definition.name).await.map_err(broken)
    }

    /// The definition of the version that is live.
    async fn live(&self, definition: &Definition) -> Result<Definition, Error> {
        let versions = self.versions(definition).await?;
        let live = versions.iter().find(|it| it.state == VersionState::Live).ok_or(Error::NothingLive)?;
        Ok(definition.at(live.version))
    }

    fn log_of(&self, definition: &Definition) -> &Arc<dyn EventReader> {
        if definition.stream == "DERIVED" { &self.derived } else { &self.events }
    }

    /// Applies the log up to and including `upto`, and nothing beyond it.
    async fn fill(&self, definition: &Definition, upto: StreamSeq) -> Result<(), Error> {
        let log = self.log_of(definition);
        let claim = self.store.claim(definition).await.map_err(broken)?;
        let mut feed = log.read(claim.applied_seq, None).await.map_err(Error::Log)?;
        let mut at = claim.applied_seq;
        while at < upto {
            let mut batch = Batch::new(at);
            if !batch::first(&mut feed, definition, &mut batch).await.map_err(Error::Log)? {
                return Err(Error::Log(ReadError::ended()));
            }
            batch::top_up(&mut feed, definition, &mut batch).await;
            batch.cut(upto);
            self.store.apply(definition, claim.epoch, &batch).await.map_err(broken)?;
            at = batch.upto;
        }
        Ok(())
    }
}

fn named(projection: &str) -> Result<Definition, Error> {
    let known = definition::all();
    let names = || known.iter().map(|it| it.name.clone()).chain([index::NAME.to_owned()]).collect();
    known.iter().find(|it| it.name == projection).cloned().ok_or_else(|| Error::Unknown { known: names() })
}

fn broken(cause: store::Error) -> Error {
    match cause {
        store::Error::Unavailable(cause) => Error::Unavailable(cause),
        other => Error::Failed(Box::new(other)),
    }
}
