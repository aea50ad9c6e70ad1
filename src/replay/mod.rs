//! What an operator does with a projection: rebuild it from the log, go back, prove it equal to the log, look at what was put aside.
//!
//! Called by the API through the port [`Replay`]. Effects are impossible here: nothing in this module can reach a port that has any.

mod keyword;
mod verify;

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    domain::ids::StreamSeq,
    ports::{
        EventReader,
        replay::{Error, ParkedEvent, Replay, Verified},
    },
    projectors::{
        Definition,
        batch::{self, Batch},
        definition,
        keyword::{self as index, Keyword},
        store::{self, Installed, Store, VersionState},
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
        projection.map(named).transpose()?;
        self.store.parked(projection, PARKED_MAX).await.map_err(broken)
    }

    async fn retry(&self, projection: &str, aggregate: (&str, &str, &str)) -> Result<usize, Error> {
        let definition = named(projection)?;
        let live = self.live(&definition).await?;
        self.store.retry(&live, aggregate).await.map_err(broken)
    }
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

    /// Applies the log up to and including `upto`, and nothing beyond it.
    async fn fill(&self, definition: &Definition, upto: StreamSeq) -> Result<(), Error> {
        let log = if definition.stream == "DERIVED" { &self.derived } else { &self.events };
        let claim = self.store.claim(definition).await.map_err(broken)?;
        let mut feed = log.read(claim.applied_seq, None).await.map_err(Error::Log)?;
        let mut at = claim.applied_seq;
        while at < upto {
            let mut batch = Batch::new(at);
            if !batch::first(&mut feed, definition, &mut batch).await.map_err(Error::Log)? {
                return Err(Error::Log(crate::ports::log::ReadError::ended()));
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
