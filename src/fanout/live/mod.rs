//! Live streams: every connection follows the node's one feed with a cursor of its own, so what it gets has no gap and no repeat,
//! whether it is out of memory, out of the log, or handed over from one to the other. An event is put into words once for all.
//!
//! Called by the API's sockets and streams. Knows no socket.

pub mod channel;
pub mod plain;
pub mod presence;
pub mod protocol;
pub mod session;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::feed::{Subscription, Tail};
use crate::{
    domain::ids::{SpaceId, StreamSeq},
    journal::{Recorded, public},
    ports::{
        EventLog, Feed, Follow, Next,
        log::{self, ReadError},
    },
};
use channel::Wish;
use presence::Presence;

/// Most connections of one node.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Most events and bytes that one recovery gives; who has missed more is told that it has not recovered.
const RECOVERED_EVENTS_MAX: usize = 10_000;
const RECOVERED_BYTES_MAX: usize = 8 << 20;
/// Events whose words are remembered.
const WORDS_MAX: usize = 1_024;
/// Events taken out of memory at once.
const TOGETHER: usize = 1_024;

/// What all connections of a node share.
pub struct Hub {
    tail: Arc<Tail>,
    log: Arc<dyn EventLog>,
    pub presence: Presence,
    /// Names this log for ever, so that a client notices another one.
    pub epoch: String,
    words: Mutex<Words>,
    connections: AtomicUsize,
}

#[derive(Default)]
struct Words {
    known: HashMap<u64, Arc<str>>,
    order: VecDeque<u64>,
}

/// A place among the connections of a node; given back when dropped.
pub struct ConnectionPermit(Arc<Hub>);

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    pub fn new(tail: Arc<Tail>, log: Arc<dyn EventLog>, epoch: String) -> Arc<Self> {
        let (words, connections) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Self { tail, log, presence: Presence::default(), epoch, words, connections })
    }

    /// `None` when the node has as many connections as it takes.
    pub fn permit(self: &Arc<Self>) -> Option<ConnectionPermit> {
        let taken = self.connections.fetch_add(1, Ordering::Relaxed);
        let permit = ConnectionPermit(self.clone());
        (taken < CONNECTIONS_MAX).then_some(permit)
    }

    /// The public event as JSON, put into words once.
    pub fn words(&self, recorded: &Recorded) -> Option<Arc<str>> {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = words.known.get(&recorded.seq.0) {
            return Some(known.clone());
        }
        let event = public::of(recorded)?;
        let text: Arc<str> =
            serde_json::to_string(&event).expect("a public event has string keys and finite numbers only").into();
        words.known.insert(recorded.seq.0, text.clone());
        words.order.push_back(recorded.seq.0);
        if words.order.len() > WORDS_MAX
            && let Some(oldest) = words.order.pop_front()
        {
            words.known.remove(&oldest);
        }
        Some(text)
    }

    /// The end of the log as it is now, which the node's tail may not have reached.
    /// Errors: see [`ReadError`].
    pub async fn end(&self) -> Result<StreamSeq, ReadError> {
        self.log.last_seq().await
    }

    /// Follows what comes after a position; from now on when there is none.
    pub async fn follow(&self, after: Option<StreamSeq>) -> Follower {
        let after = match after {
            Some(after) => after,
            None => self.tail.head().await,
        };
        Follower { subscription: self.tail.subscribe(after) }
    }

    /// Everything of a space in (`after`, `upto`] that is wished for, oldest first; `None` when it is more than a recovery gives.
    pub async fn between(
        &self,
        space: &SpaceId,
        (mut after, upto): (StreamSeq, StreamSeq),
        wish: &Wish,
    ) -> Result<Option<Vec<(StreamSeq, Arc<str>)>>, ReadError> {
        let (mut found, mut bytes) = (vec![], 0);
        let mut add = |recorded: &Recorded| {
            if recorded.event.space == *space && wish.wants(recorded) {
                let words = self.words(recorded);
                bytes += words.as_ref().map_or(0, |words| words.len());
                found.extend(words.map(|words| (recorded.seq, words)));
            }
            found.len() <= RECOVERED_EVENTS_MAX && bytes <= RECOVERED_BYTES_MAX
        };
        if self.tail.recent(after, 1).is_none() {
            // A reader of one space waits for ever behind the last event of it.
            let end = upto.min(self.log.last_of(space).await?);
            if after >= end {
                return Ok(Some(found));
            }
            let (mut events, mut opened_at) = (self.log.read(after, Some(space)).await?, after);
            while after < end {
                let (seq, recorded) = match log::next(&mut events).await {
                    // Cut off on the way: goes on from here, as long as it gets on at all.
                    Err(ReadError::Unavailable(_)) if after > opened_at => {
                        (events, opened_at) = (self.log.read(after, Some(space)).await?, after);
                        continue;
                    }
                    next => next?,
                };
                after = seq;
                if recorded.is_some_and(|recorded| seq <= upto && !add(&recorded)) {
                    return Ok(None);
                }
            }
            return Ok(Some(found));
        }
        while let Some(recent) = self.tail.recent(after, TOGETHER).filter(|_| after < upto) {
            for recorded in recent.events.iter().take_while(|recorded| recorded.seq <= upto) {
                if !add(recorded) {
                    return Ok(None);
                }
            }
            after = recent.upto;
        }
        // What fell out of memory meanwhile is too much as well.
        Ok((after >= upto).then_some(found))
    }
}

/// One connection's cursor in the feed.
pub struct Follower {
    subscription: Subscription,
}

impl Follower {
    /// Everything up to here has been given.
    pub fn position(&self) -> StreamSeq {
        self.subscription.position()
    }

    /// Waits for the next events, of all spaces; `None` when the log is another one than before. Cancel-safe.
    /// Errors: see [`ReadError`].
    pub async fn next(&mut self) -> Result<Option<Vec<Arc<Recorded>>>, ReadError> {
        Ok(match self.subscription.next().await? {
            Next::Events(events) => Some(events),
            Next::Reset(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
