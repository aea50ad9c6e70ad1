//! The feed of events for whoever would rather ask than be told.

use std::{sync::Arc, time::Duration};

use super::{Caller, Error, paging};
use crate::{
    domain::ids::StreamSeq,
    journal::public::Types,
    ports::{EventLog, Feed},
    queries::{
        events::{self, EventQuery, LIMIT_DEFAULT, LIMIT_MAX, Page, WAIT_S_MAX},
        freshness,
    },
};

/// The use cases of the feed.
pub struct Events {
    pub feed: Arc<dyn Feed>,
    pub log: Arc<dyn EventLog>,
}

/// Which events are wanted, and for how long one waits for the first of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted<'a> {
    pub after: u64,
    /// 1 to 1,000; 100 when absent.
    pub limit: Option<u32>,
    /// Names of types with commas; all when absent.
    pub types: Option<&'a str>,
    /// 0 to 30 seconds; 0 when absent.
    pub wait_s: Option<u64>,
}

impl Events {
    /// Every wanted event of the caller's space after a position, page by page.
    /// Errors: `events.bad_parameter`, `read.bad_limit`, `read.position_beyond_log`, `log.unavailable`.
    pub async fn page(&self, caller: &Caller, wanted: Wanted<'_>) -> Result<Page, Error> {
        let limit = paging::limit(wanted.limit, LIMIT_DEFAULT, LIMIT_MAX)? as usize;
        let bad = |field: &str, detail: String| Error::new("events.bad_parameter", detail).at(field, None, None);
        let types = Types::parse(wanted.types.unwrap_or_default()).map_err(|error| bad("types", error.to_string()))?;
        let wait_s = wanted.wait_s.unwrap_or(0);
        if wait_s > WAIT_S_MAX {
            return Err(bad("wait_s", format!("wait_s is {wait_s}; it goes from 0 to {WAIT_S_MAX}")));
        }
        let question = EventQuery { after: StreamSeq(wanted.after), limit, types, wait: Duration::from_secs(wait_s) };
        Ok(events::ask(caller.space(), &question, &*self.feed, &*self.log).await?)
    }

    /// Whether a follower may begin after this position. Errors: `read.position_beyond_log`, `log.unavailable`.
    pub async fn must_exist(&self, after: Option<StreamSeq>) -> Result<(), Error> {
        match after {
            Some(after) => Ok(freshness::within(after, &*self.log).await.map(drop)?),
            None => Ok(()),
        }
    }
}
