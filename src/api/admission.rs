//! A bounded queue before what takes time: who would wait too long is told so at once (503 with `Retry-After`), so that above capacity
//! answers stay fast and the rest is refused instead of everything becoming slow. Called by the
//! edge of every route, by [`super::body`] and by [`super::cached`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{HttpMessage, HttpRequest, web};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{ApiState, body::receive::Held, error::Problem};

/// Longest wait that is worth waiting.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// What is expected of work before any was seen.
const FIRST_GUESS_US: u64 = 2_000;
/// A new measurement counts for one in so many.
const SMOOTHING: u64 = 16;

/// Seats for one kind of work, and who waits for one.
pub struct Admission {
    what: &'static str,
    seats: Arc<Semaphore>,
    seats_max: u64,
    waiting: AtomicUsize,
    /// How long a seat is held, smoothed.
    held_us: AtomicU64,
}

/// The queues of a process.
pub struct Seats {
    /// Simple questions that nothing kept answers: enough to keep this machine's processors and a Postgres elsewhere busy.
    pub reads: Arc<Admission>,
    /// Searches and walks over the graph: each keeps a processor busy for milliseconds, so many at a time are not faster. Two for
    /// each processor, because what writes bring about in the background wants its share as well.
    ///
    /// Decision 2026-11-25: a queue of their own. Behind one queue for all reads a memory waited 320 ms at p95 under 50 clients, though
    /// its own row takes one.
    pub searches: Arc<Admission>,
    /// Commands: they share the log's flushes, so many at a time are as fast as one.
    pub writes: Arc<Admission>,
    /// Bodies that are being received.
    pub bodies: Held,
}

impl Default for Seats {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, |count| count.get() as u32);
        Self {
            reads: Admission::new("reads", (4 * processors).clamp(8, 64)),
            searches: Admission::new("searches", (2 * processors).clamp(4, 32)),
            writes: Admission::new("writes", 512),
            bodies: Held::default(),
        }
    }
}

/// A place among those who work; given back when dropped.
pub struct Seat {
    admission: Arc<Admission>,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Seat {
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
    pub fn new(what: &'static str, seats_max: u32) -> Arc<Self> {
        Arc::new(Self {
            what,
            seats: Arc::new(Semaphore::new(seats_max as usize)),
            seats_max: seats_max.into(),
            waiting: AtomicUsize::new(0),
            held_us: AtomicU64::new(FIRST_GUESS_US),
        })
    }

    /// Waits for a seat, unless the wait is expected to be longer than a second.
    pub async fn enter(self: &Arc<Self>) -> Result<Seat, Problem> {
        let came = Instant::now();
        let permit = match self.seats.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let before = self.waiting.fetch_add(1, Ordering::Relaxed) as u64;
                let _leaves = Waiting(&self.waiting);
                let wait = Duration::from_micros((before + 1) * self.held_us.load(Ordering::Relaxed) / self.seats_max);
                if wait > WAIT_MAX {
                    return Err(self.refuse(wait));
                }
                self.seats.clone().acquire_owned().await.expect("nobody closes the seats")
            }
        };
        metrics::histogram!("brain_queue_seconds", "what" => self.what).record(came.elapsed());
        Ok(Seat { admission: self.clone(), since: Instant::now(), _permit: permit })
    }

    fn refuse(&self, wait: Duration) -> Problem {
        metrics::counter!("brain_overloaded", "what" => self.what).increment(1);
        let detail =
            format!("{} wait in a queue of {} ms; the longest is {} ms", self.what, wait.as_millis(), WAIT_MAX.as_millis());
        Problem::new("server.overloaded", detail)
    }
}

/// Stands in a request that writes what its body says: it waits for its seat once the body is there, so that a client that sends
/// slowly keeps nobody out.
struct AfterTheBody;

/// The seat of a request that writes, kept until the request is over.
pub(super) async fn seat_of_writer(request: &HttpRequest, body_follows: bool) -> Result<(), Problem> {
    if body_follows {
        request.extensions_mut().insert(AfterTheBody);
        return Ok(());
    }
    let Some(state) = request.app_data::<web::Data<ApiState>>() else { return Ok(()) };
    let seat = state.seats.writes.enter().await?;
    request.extensions_mut().insert(seat);
    Ok(())
}

/// Called when the whole body has come.
pub(super) async fn seat_after_body(request: &HttpRequest) -> Result<(), Problem> {
    let waits = request.extensions_mut().remove::<AfterTheBody>().is_some();
    if waits { seat_of_writer(request, false).await } else { Ok(()) }
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
