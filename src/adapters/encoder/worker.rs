//! A thread of its own that computes one thing after the other. Each kind of wait has one: questions theirs, texts that come in theirs, so
//! that neither stands in the other's queue.
//!
//! Decision 2026-11-26: a low priority instead of a share. Under 50 clients embedding took a quarter of two processors from those who
//! waited for answers; whatever time they leave is still its own, and it never gets none.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
};

use tokio::sync::oneshot;

/// How far the background stands back, as `nice` counts: against one thread that wants the same processor it gets a tenth.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// Whether somebody waits for what is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Somebody does.
    Foreground,
    /// It yields to all other threads, and so do those that it starts.
    Background,
}

/// The thread; it ends with the last handle, after what it was given.
pub struct Worker(mpsc::Sender<Job>);

impl Worker {
    /// Errors: when there can be no further thread.
    pub fn start(name: &str, pace: Pace) -> std::io::Result<Self> {
        let (give, jobs) = mpsc::channel::<Job>();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            if pace == Pace::Background {
                stand_back();
            }
            jobs.into_iter().for_each(|job| job());
        })?;
        Ok(Self(give))
    }

    /// Computes one thing after what was given before; `None` when that panicked.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (tell, told) = oneshot::channel();
        let job = move || {
            // Whoever asked may have gone meanwhile.
            if tell.is_closed() {
                return;
            }
            if let Ok(done) = catch_unwind(AssertUnwindSafe(work)) {
                let _ = tell.send(done);
            }
        };
        self.0.send(Box::new(job)).ok()?;
        told.await.ok()
    }
}

#[cfg(target_os = "linux")]
fn stand_back() {
    // SAFETY: takes three numbers and touches no memory; 0 is the calling thread.
    if unsafe { nix::libc::setpriority(nix::libc::PRIO_PROCESS, 0, NICE) } != 0 {
        tracing::debug!(cause = %std::io::Error::last_os_error(), "the background is as urgent as everything else");
    }
}

/// Elsewhere only whole processes have a priority.
#[cfg(not(target_os = "linux"))]
fn stand_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_in_turn_and_outlives_a_panic() {
        let background = Worker::start("tests", Pace::Background).expect("a thread");
        assert_eq!(background.run(|| panic!("of the test")).await, None::<()>);
        assert_eq!(background.run(|| thread::current().name().map(str::to_owned)).await.flatten().as_deref(), Some("tests"));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_background_and_what_it_starts_stand_back() {
        // SAFETY: as above.
        let nice = || unsafe { nix::libc::getpriority(nix::libc::PRIO_PROCESS, 0) };
        let background = Worker::start("tests", Pace::Background).expect("a thread");
        let of_another = move || thread::scope(|scope| scope.spawn(nice).join().expect("no panic"));
        assert_eq!((background.run(nice).await, background.run(of_another).await), (Some(NICE), Some(NICE)));
        let foreground = Worker::start("tests", Pace::Foreground).expect("a thread");
        assert_eq!(foreground.run(nice).await, Some(nice()));
    }
}
