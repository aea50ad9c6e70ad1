//! A bounded queue before what takes time: who would wait too long is told so at once (503 with `Retry-After`), so that above capacity
//! answers stay fast and the rest is refused instead of everything becoming slow. Called by the routes and by [`super::cached`].

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use actix_web::{
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{ApiState, error::Problem};

/// Longest wait that is worth waiting.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// What is expected of work before any was seen.
const FIRST_GUESS_US: u64 = 2_000;
/// A new measurement counts for one in so many.
const SMOOTHING: u64 = 16;

/// Seats for one kind of work, and who waits for one.
pub struct Admission {
    what: &'static str,
    seats: Semaphore,
    seats_max: u64,
    waiting: AtomicUsize,
    /// How long a seat is held, smoothed.
    held_us: AtomicU64,
}

/// The queues of a process.
pub struct Seats {
    /// Simple questions that nothing kept answers: enough to keep this machine's processors and a Postgres elsewhere busy.
    pub reads: Admission,
    /// Searches and walks over the graph: each keeps a processor busy for milliseconds, so many at a time are not faster. Two for
    /// each processor, because what writes bring about in the background wants its share as well.
    ///
    /// Decision 2026-11-25: a queue of their own. Behind one queue for all reads a memory waited 320 ms at p95 under 50 clients, though
    /// its own row takes one.
    pub searches: Admission,
    /// Commands: they share the log's flushes, so many at a time are as fast as one.
    pub writes: Admission,
}

impl Default for Seats {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, |count| count.get() as u32);
        Self {
            reads: Admission::new("reads", (4 * processors).clamp(8, 64)),
            searches: Admission::new("searches", (2 * processors).clamp(4, 32)),
            writes: Admission::new("writes", 512),
        }
    }
}

/// A place among those who work; given back when dropped.
pub struct Seat<'a> {
    admission: &'a Admission,
    since: Instant,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let held = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let smooth = |known: u64| Some(known - known / SMOOTHING + held / SMOOTHING);
        // It cannot fail: the closure always gives a value.
        let _ = self.admission.held_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, smooth);
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    pub fn new(what: &'static str, seats_max: u32) -> Self {
        Self {
            what,
            seats: Semaphore::new(seats_max as usize),
            seats_max: seats_max.into(),
            waiting: AtomicUsize::new(0),
            held_us: AtomicU64::new(FIRST_GUESS_US),
        }
    }

    /// Waits for a seat, unless the wait is expected to be longer than a second.
    pub async fn enter(&self) -> Result<Seat<'_>, Problem> {
        let came = Instant::now();
        let permit = match self.seats.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let before = self.waiting.fetch_add(1, Ordering::Relaxed) as u64;
                let _leaves = Waiting(&self.waiting);
                let wait = Duration::from_micros((before + 1) * self.held_us.load(Ordering::Relaxed) / self.seats_max);
                if wait > WAIT_MAX {
                    return Err(self.refuse(wait));
                }
                self.seats.acquire().await.expect("nobody closes the seats")
            }
        };
        metrics::histogram!("brain_queue_seconds", "what" => self.what).record(came.elapsed());
        Ok(Seat { admission: self, since: Instant::now(), _permit: permit })
    }

    fn refuse(&self, wait: Duration) -> Problem {
        metrics::counter!("brain_overloaded", "what" => self.what).increment(1);
        let detail =
            format!("{} wait in a queue of {} ms; the longest is {} ms", self.what, wait.as_millis(), WAIT_MAX.as_millis());
        Problem::new("server.overloaded", detail)
    }
}

/// The middleware of routes that write.
pub async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let state = request.app_data::<web::Data<ApiState>>().cloned();
    let _seat = match &state {
        Some(state) => Some(state.seats.writes.enter().await?),
        None => None,
    };
    next.call(request).await
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_would_wait_too_long_is_refused_at_once_and_others_wait() {
        let admission = Admission::new("tests", 1);
        admission.held_us.store(600_000, Ordering::Relaxed);
        let first = admission.enter().await.expect("a free seat");
        let mut second = std::pin::pin!(admission.enter());
        assert!(second.as_mut().now_or_never().is_none(), "0.6 s are waited");
        let third = admission.enter().await.err().expect("1.2 s are not");
        assert_eq!((third.code.as_str(), third.status, third.retryable), ("server.overloaded", 503, true));
        drop(first);
        assert!(second.await.is_ok());
        assert!(admission.enter().await.is_ok(), "who has gone waits no more");
        assert!(admission.held_us.load(Ordering::Relaxed) < 600_000);
    }
}
