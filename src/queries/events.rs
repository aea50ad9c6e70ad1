//! The feed: public events of a space in order, page by page, with the position to go on from. Called by `GET /api/v1/events`.
//!
//! Gap-free by construction: a page covers everything between two positions, and the next one begins where it ended.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::{
    domain::ids::{SpaceId, StreamSeq},
    journal::public::{self, PublicEvent, Types},
    ports::{EventLog, log::ReadError},
};

/// Most events of one page.
pub const LIMIT_MAX: u32 = 1_000;
pub const LIMIT_DEFAULT: u32 = 100;
/// Longest wait for a first event, in seconds.
pub const WAIT_S_MAX: u64 = 30;
/// Most events looked at for one page, wanted or not.
const LOOKED_AT_MAX: usize = 20_000;

/// What is asked: events of `types` after a position, at most `limit`, and how long to wait for the first one if there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
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

/// Reads one page. A message that is no known event is passed: no subscriber could have understood it.
pub async fn ask(space: &SpaceId, question: &Question, log: &dyn EventLog) -> Result<Page, ReadError> {
    let deadline = Instant::now() + question.wait;
    // The end of the log first: what the space gets later may lie beyond it, but nothing of the space up to it is missed.
    let log_end = log.last_seq().await?;
    let space_end = log.last_of(space).await?;
    let mut page = Page { events: vec![], position: question.after, more: false };
    let mut feed = log.read(question.after, Some(space)).await?;
    let mut looked_at = 0;
    loop {
        let next = if page.position < space_end {
            feed.next().await
        } else {
            page.position = page.position.max(log_end);
            if !page.events.is_empty() || question.wait.is_zero() {
                return Ok(page);
            }
            match timeout_at(deadline, feed.next()).await {
                Ok(next) => next,
                Err(_) => return Ok(page),
            }
        };
        let seq = match next {
            Some(Ok(recorded)) => {
                let wanted = public::of(&recorded).filter(|event| question.types.include(&event.kind));
                page.events.extend(wanted);
                recorded.seq
            }
            Some(Err(ReadError::Poison { seq, .. })) => StreamSeq(seq),
            Some(Err(away)) => return Err(away),
            None => return Err(ReadError::Unavailable("the log's reader ended".into())),
        };
        page.position = page.position.max(seq);
        looked_at += 1;
        if page.events.len() >= question.limit || looked_at >= LOOKED_AT_MAX {
            page.more = page.position < space_end || feed.next().now_or_never().is_some();
            return Ok(page);
        }
    }
}
