//! A bounded queue before what takes time: who would wait too long is told so at once, so that above capacity answers stay fast and the
//! rest is refused instead of everything becoming slow. Called by [`super::cached`], and by the surfaces for what writes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// Longest wait that is worth waiting.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// What is expected of work before any was seen.
const FIRST_GUESS_US: u64 = 2_000;
/// A new measurement counts for one in so many.
const SMOOTHING: u64 = 16;

/// The places for one kind of work, and who waits for one.
pub struct Queue {
    what: &'static str,
    permits: Arc<Semaphore>,
    permits_max: u64,
    waiting: AtomicUsize,
    /// How long a place is held, smoothed.
    held_us: AtomicU64,
}

/// The queues of a process.
pub struct Queues {
    /// Simple questions that nothing kept answers: enough to keep this machine's processors and a Postgres elsewhere busy.
    pub reads: Arc<Queue>,
    /// Searches and walks over the graph: each keeps a processor busy for milliseconds, so many at a time are not faster. Two for
    /// each processor, because what writes bring about in the background wants its share as well.
    ///
    /// Decision 2026-11-25: a queue of their own. Behind one queue for all reads a memory waited 320 ms at p95 under 50 clients, though
    /// its own row takes one.
    pub searches: Arc<Queue>,
    /// Commands: they share the log's flushes, so many at a time are as fast as one.
    pub writes: Arc<Queue>,
}

impl Default for Queues {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, |count| count.get() as u32);
        Self {
            reads: Queue::new("reads", (4 * processors).clamp(8, 64)),
            searches: Queue::new("searches", (2 * processors).clamp(4, 32)),
            writes: Queue::new("writes", 512),
        }
    }
}

/// A place among those who work; given back when dropped.
pub struct Permit {
    queue: Arc<Queue>,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let held = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let smooth = |known: u64| Some(known - known / SMOOTHING + held / SMOOTHING);
        // It cannot fail: the closure always gives a value.
        let _ = self.queue.held_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, smooth);
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    pub fn new(what: &'static str, permits_max: u32) -> Arc<Self> {
        Arc::new(Self {
            what,
            permits: Arc::new(Semaphore::new(permits_max as usize)),
            permits_max: permits_max.into(),
            waiting: AtomicUsize::new(0),
            held_us: AtomicU64::new(FIRST_GUESS_US),
        })
    }

    /// Waits for a place, unless the wait is expected to be longer than a second.
    pub async fn enter(self: &Arc<Self>) -> Result<Permit, Error> {
        let came = Instant::now();
        let permit = match self.permits.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let before = self.waiting.fetch_add(1, Ordering::Relaxed) as u64;
                let _leaves = Waiting(&self.waiting);
                let wait = Duration::from_micros((before + 1) * self.held_us.load(Ordering::Relaxed) / self.permits_max);
                if wait > WAIT_MAX {
                    return Err(self.refuse(wait));
                }
                self.permits.clone().acquire_owned().await.expect("nobody closes the queue")
            }
        };
        metrics::histogram!("brain_queue_seconds", "what" => self.what).record(came.elapsed());
        Ok(Permit { queue: self.clone(), since: Instant::now(), _permit: permit })
    }

    fn refuse(&self, wait: Duration) -> Error {
        metrics::counter!("brain_overloaded", "what" => self.what).increment(1);
        let detail =
            format!("{} wait in a queue of {} ms; the longest is {} ms", self.what, wait.as_millis(), WAIT_MAX.as_millis());
        Error::new("server.overloaded", detail)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::app::Kind;

    #[tokio::test]
    async fn who_would_wait_too_long_is_refused_at_once_and_others_wait() {
        let queue = Queue::new("tests", 1);
        queue.held_us.store(600_000, Ordering::Relaxed);
        let first = queue.enter().await.expect("a free place");
        let mut second = std::pin::pin!(queue.enter());
        assert!(second.as_mut().now_or_never().is_none(), "0.6 s are waited");
        let third = queue.enter().await.err().expect("1.2 s are not");
        assert_eq!((third.code, third.kind, third.retryable), ("server.overloaded", Kind::Unavailable, true));
        drop(first);
        assert!(second.await.is_ok());
        assert!(queue.enter().await.is_ok(), "who has gone waits no more");
        assert!(queue.held_us.load(Ordering::Relaxed) < 600_000);
    }
}
