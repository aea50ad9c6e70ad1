//! The feed: public events of a space in order, page by page, with the position to go on from. Called by `GET /api/v1/events`.
//!
//! Gap-free by construction: a page covers everything between two positions, and the next one begins where it ended.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::freshness::{self, Error};
use crate::{
    domain::ids::{SpaceId, StreamSeq},
    journal::public::{self, PublicEvent, Types},
    ports::{
        EventLog, Feed,
        log::{self, ReadError},
    },
};

/// Most events of one page.
pub const LIMIT_MAX: u32 = 1_000;
pub const LIMIT_DEFAULT: u32 = 100;
/// Longest wait for a first event, in seconds.
pub const WAIT_S_MAX: u64 = 30;
/// Most events looked at for one page, wanted or not.
const LOOKED_AT_MAX: usize = 20_000;
/// How long the tail may need for what the log has already.
const TAIL_WAIT: Duration = Duration::from_secs(5);
/// Events taken out of memory at once.
const IN_MEMORY_TOGETHER: usize = 1_024;

/// What is asked: events of `types` after a position, at most `limit`, and how long to wait for the first one if there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct EventQuery {
    pub after: StreamSeq,
    pub limit: usize,
    pub types: Types,
    pub wait: Duration,
}

/// A page: every wanted event in (`after`, `position`].
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub events: Vec<PublicEvent>,
    pub position: StreamSeq,
    /// Whether there was more in the log than the page holds.
    pub more: bool,
}

/// Reads one page: out of memory where it reaches back far enough, else from the log.
/// A message that is no known event is passed: no subscriber could have understood it.
/// Errors: `Unavailable` while the log is away.
pub async fn ask(space: &SpaceId, question: &EventQuery, feed: &dyn Feed, log: &dyn EventLog) -> Result<Page, Error> {
    // The end of the log first: what the space gets later may lie beyond it, but nothing of the space up to it is missed.
    let log_end = freshness::within(question.after, log).await?;
    let deadline = Instant::now() + question.wait;
    let mut page = Page { events: vec![], position: question.after, more: false };
    if feed.recent(question.after, 1).is_none() {
        read_log(space, question, log, &mut page).await.map_err(Error::Log)?;
        // What the space has is read; what follows is in memory, or the next page reads it.
        if page.more || !page.events.is_empty() {
            return Ok(page);
        }
        page.position = page.position.max(log_end);
    }
    while let Some(recent) = feed.recent(page.position, IN_MEMORY_TOGETHER) {
        for event in recent.events {
            page.position = event.seq;
            if event.event.space == *space {
                page.events.extend(public::of(&event).filter(|event| question.types.include(&event.kind)));
            }
            if page.events.len() >= question.limit {
                page.more = feed.recent(page.position, 1).is_none_or(|rest| !rest.events.is_empty());
                return Ok(page);
            }
        }
        page.position = page.position.max(recent.upto);
        let is_whole = page.position >= log_end;
        if is_whole && (!page.events.is_empty() || timeout_at(deadline, feed.moved(page.position)).await.is_err()) {
            return Ok(page);
        }
        if !is_whole {
            // The tail is about to get there: the log has it.
            let late = |_| Error::Log(ReadError::Unavailable("the log's tail does not get to its end".into()));
            timeout(TAIL_WAIT, feed.moved(page.position)).await.map_err(late)?;
        }
    }
    // The tail ran away from the page: there is more, and the next page reads it from the log.
    page.more = true;
    Ok(page)
}

/// The space's events after the page's position, up to the newest that it has now, or as many as a page holds.
async fn read_log(space: &SpaceId, question: &EventQuery, source: &dyn EventLog, page: &mut Page) -> Result<(), ReadError> {
    let space_end = source.last_of(space).await?;
    if page.position >= space_end {
        return Ok(());
    }
    let mut events = source.read(question.after, Some(space)).await?;
    for _ in 0..LOOKED_AT_MAX {
        let (seq, recorded) = log::next(&mut events).await?;
        let public = recorded.as_ref().and_then(public::of);
        page.events.extend(public.filter(|event| question.types.include(&event.kind)));
        page.position = page.position.max(seq);
        if page.position >= space_end {
            return Ok(());
        }
        if page.events.len() >= question.limit {
            break;
        }
    }
    page.more = true;
    Ok(())
}
