//! How new an answer is: waiting until a projection shows what the caller may expect, or which past moment is asked about.
//! Called by every use case that reads, before it asks.

use super::{Caller, Error, cached::Reading, error::short};
use crate::{
    domain::ids::StreamSeq,
    queries::{
        POSITIONS, VECTORS,
        as_of::{AsOf, Invalid},
        freshness::{Freshness, settle},
    },
};

/// Which moment a read shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct When<'a> {
    /// The read shows everything up to this position, or fails; without it, what the caller itself has written.
    pub min_position: Option<u64>,
    /// A past moment: a position, or a time as in RFC 3339.
    pub as_of: Option<&'a str>,
}

impl When<'_> {
    /// The present, as new as this position.
    pub fn now(min_position: Option<u64>) -> Self {
        Self { min_position, as_of: None }
    }
}

impl Reading {
    /// Waits until the projection is as new as the caller may expect.
    /// Errors: `read.not_yet_visible`, `read.position_beyond_log`, and that log or read model are away.
    pub async fn wait_for(&self, caller: &Caller, projection: &str, min_position: Option<u64>) -> Result<(), Error> {
        let acknowledged = self.commands.acknowledged(caller.principal());
        let wish = Freshness { min_position: min_position.map(StreamSeq), acknowledged };
        Ok(settle(projection, wish, &*self.positions, &*self.log).await?)
    }

    /// What a read is to show, once it may be asked: in every one of `present` projections the present as new as the caller may expect,
    /// or in every one of `past` the position that `as_of` means. Errors: `read.bad_as_of` and those of waiting.
    pub async fn moment(
        &self,
        caller: &Caller,
        when: When<'_>,
        present: &[&str],
        past: &[&str],
    ) -> Result<Option<StreamSeq>, Error> {
        let min_position = when.min_position;
        let Some(text) = when.as_of else {
            // Vectors follow when they can; who wants to wait for them says so.
            for projection in present.iter().filter(|projection| **projection != VECTORS) {
                self.wait_for(caller, projection, min_position).await?;
            }
            return Ok(None);
        };
        let bad =
            |invalid: Invalid| Error::new("read.bad_as_of", invalid.to_string()).at("as_of", None, Some(short(text).into()));
        let as_of: AsOf = text.parse().map_err(bad)?;
        self.wait_for(caller, POSITIONS, min_position).await?;
        let at = as_of.resolve(&*self.history).await?;
        for projection in past {
            self.wait_for(caller, projection, Some(at.0.max(min_position.unwrap_or(0)))).await?;
        }
        Ok(Some(at))
    }
}
