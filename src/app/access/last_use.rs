//! When keys were last used: to the minute in the memory of this process, and every few minutes in a mark that all processes read. Told by the
//! edge with every request that shows a key; asked by [`super::Access`].
//!
//! Decision 2026-11-28: no event, for reading would then make the log longer, and an audit says who changed what. A mark lies beside the
//! sessions, in place of the one before it, and goes a year after the last use. What is lost with it is lost for people to look at only.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::DateTime;
use tokio::sync::mpsc;

use crate::{
    causes::chain,
    domain::ids::{KeyId, Timestamp},
    ports::{Clock, marks::Marks},
};

/// How often the use of one key is written down, in minutes.
const WRITTEN_EVERY_MIN: i64 = 5;
const KEEP: Duration = Duration::from_secs(366 * 86_400);
/// Uses that wait to be written down; what finds no room is written down with a later one.
const WAITING_MAX: usize = 256;
const MINUTE_S: i64 = 60;

/// Minutes since 1970.
#[derive(Debug, Default)]
struct Use {
    seen: AtomicI64,
    written: AtomicI64,
}

/// The last uses of keys.
pub struct LastUse {
    marks: Arc<dyn Marks>,
    clock: Arc<dyn Clock>,
    uses: RwLock<HashMap<KeyId, Use>>,
    waiting: mpsc::Sender<(KeyId, i64)>,
}

/// What is to be written down.
pub type Waiting = mpsc::Receiver<(KeyId, i64)>;

impl LastUse {
    pub fn new(marks: Arc<dyn Marks>, clock: Arc<dyn Clock>) -> (Self, Waiting) {
        let (waiting, written) = mpsc::channel(WAITING_MAX);
        (Self { marks, clock, uses: RwLock::default(), waiting }, written)
    }

    /// A key is used now. Waits for nothing.
    pub fn note(&self, key: KeyId) {
        let minute = self.clock.now().timestamp().div_euclid(MINUTE_S);
        let known = self.uses.read().unwrap_or_else(PoisonError::into_inner).get(&key).map(|it| self.seen(key, it, minute));
        if known.is_none() {
            let mut uses = self.uses.write().unwrap_or_else(PoisonError::into_inner);
            self.seen(key, uses.entry(key).or_default(), minute);
        }
    }

    fn seen(&self, key: KeyId, of: &Use, minute: i64) {
        if of.seen.load(Ordering::Relaxed) == minute {
            return;
        }
        of.seen.store(minute, Ordering::Relaxed);
        let written = of.written.load(Ordering::Relaxed);
        if minute - written >= WRITTEN_EVERY_MIN && self.waiting.try_send((key, minute)).is_ok() {
            of.written.store(minute, Ordering::Relaxed);
        }
    }

    /// Writes down what is used, as long as this process runs.
    pub async fn write(&self, mut waiting: Waiting) {
        while let Some((key, minute)) = waiting.recv().await {
            if let Err(cause) = self.marks.write(&name(key), minute.unsigned_abs(), None, Some(KEEP)).await {
                tracing::debug!(cause = %chain(&cause), "that a key was used could not be written down");
            }
        }
    }

    /// When a key was last used, to the minute; `None` if nobody knows of a use. What other processes have seen is known a few minutes later.
    pub async fn of(&self, key: KeyId) -> Option<Timestamp> {
        let here = self.uses.read().unwrap_or_else(PoisonError::into_inner).get(&key).map(|it| it.seen.load(Ordering::Relaxed));
        let marked = match self.marks.read(&name(key)).await {
            Ok(mark) => mark.and_then(|(_, minute)| i64::try_from(minute).ok()),
            Err(cause) => {
                tracing::debug!(cause = %chain(&cause), "when a key was used elsewhere cannot be read");
                None
            }
        };
        DateTime::from_timestamp(here.max(marked)?.checked_mul(MINUTE_S)?, 0)
    }
}

fn name(key: KeyId) -> String {
    format!("key-{key}")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use uuid::Uuid;

    use super::*;
    use crate::{domain::ids::StreamSeq, ports::sessions::SessionsAway};

    #[derive(Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).expect("a time")
        }
    }

    /// What was written, in order.
    #[derive(Default)]
    struct Paper(Mutex<Vec<u64>>);

    #[async_trait]
    impl Marks for Paper {
        async fn read(&self, _: &str) -> Result<Option<(StreamSeq, u64)>, SessionsAway> {
            Ok(self.0.lock().expect("unpoisoned").last().map(|minute| (StreamSeq(1), *minute)))
        }

        async fn write(&self, _: &str, minute: u64, _: Option<StreamSeq>, _: Option<Duration>) -> Result<bool, SessionsAway> {
            self.0.lock().expect("unpoisoned").push(minute);
            Ok(true)
        }
    }

    #[tokio::test]
    async fn a_use_is_known_to_the_minute_and_written_every_five() {
        let (paper, hand, key) = (Arc::new(Paper::default()), Arc::new(Hand::default()), KeyId(Uuid::nil()));
        let (uses, waiting) = LastUse::new(paper.clone(), hand.clone());
        assert_eq!(uses.of(key).await, None);
        for second in (0..=1_200).step_by(10) {
            hand.0.store(1_800_000_000 + second, Ordering::Relaxed);
            uses.note(key);
        }
        assert_eq!(uses.of(key).await.map(|at| at.timestamp()), Some(1_800_001_200));
        let (other, none) = LastUse::new(paper.clone(), hand);
        drop(none);
        let count = uses.waiting.max_capacity() - uses.waiting.capacity();
        assert_eq!(count, 5, "once, and once every five minutes");
        tokio::time::timeout(Duration::from_millis(100), uses.write(waiting)).await.expect_err("it waits for more");
        assert_eq!(paper.0.lock().expect("unpoisoned").len(), 5);
        assert_eq!(other.of(key).await.map(|at| at.timestamp()), Some(1_800_001_200), "another process reads it");
    }
}
