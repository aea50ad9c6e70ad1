//! Reading for a rebuild in small slices while the live version has something to do, and at full speed while it has not.
//! Used by the keeper for versions that are being filled.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::{
    domain::ids::{SpaceId, StreamSeq},
    journal::Recorded,
    ports::{
        EventReader, Readable,
        log::{Events, ReadError},
    },
};

/// Events between two pauses: some two milliseconds of work.
const SLICE_EVENTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);
/// How long after its last commit the live version still counts as busy.
const BUSY_MS: u64 = 250;

/// When the live version has last committed.
pub struct LastCommit {
    since: Instant,
    at_ms: AtomicU64,
}

impl Default for LastCommit {
    fn default() -> Self {
        Self { since: Instant::now(), at_ms: AtomicU64::new(0) }
    }
}

impl LastCommit {
    pub fn note(&self) {
        self.at_ms.store(self.since.elapsed().as_millis() as u64 + 1, Ordering::Relaxed);
    }

    fn is_recent(&self) -> bool {
        let at = self.at_ms.load(Ordering::Relaxed);
        at > 0 && self.since.elapsed().as_millis() as u64 <= at + BUSY_MS
    }
}

/// The log, read with throttle.
pub struct Throttled {
    pub log: Arc<dyn EventReader>,
    pub live: Arc<LastCommit>,
}

#[async_trait]
impl EventReader for Throttled {
    async fn last_seq(&self) -> Result<StreamSeq, ReadError> {
        self.log.last_seq().await
    }

    async fn at(&self, seq: StreamSeq) -> Result<Option<Recorded>, ReadError> {
        self.log.at(seq).await
    }

    async fn of_aggregate(&self, space: &SpaceId, aggregate: (&str, &str)) -> Result<Vec<Readable>, ReadError> {
        self.log.of_aggregate(space, aggregate).await
    }

    async fn read(&self, after: StreamSeq, space: Option<&SpaceId>) -> Result<Events, ReadError> {
        let events = self.log.read(after, space).await?;
        let live = self.live.clone();
        let sliced = stream::unfold((events, live, 0), |(mut events, live, given)| async move {
            if given >= SLICE_EVENTS && live.is_recent() {
                sleep(PAUSE).await;
            }
            let given = given % SLICE_EVENTS;
            let next = events.next().await?;
            Some((next, (events, live, given + 1)))
        });
        Ok(sliced.boxed())
    }
}
