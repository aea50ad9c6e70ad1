//! A thread that yields to all others: what nobody waits for is computed there. Used by the model for texts that come in.
//!
//! Decision 2026-11-26: a low priority instead of a share. Under 50 clients embedding took a quarter of two processors from those who
//! waited for answers; whatever time they leave is still its own, and it never gets none.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
};

use tokio::sync::oneshot;

/// How far it stands back, as `nice` counts: against one thread that wants the same processor it gets a tenth.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// The thread; it ends with the last handle, after what it was given.
pub struct Background(mpsc::Sender<Job>);

impl Background {
    /// Errors: when there can be no further thread.
    pub fn start(name: &str) -> std::io::Result<Self> {
        let (give, jobs) = mpsc::channel::<Job>();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            stand_back();
            jobs.into_iter().for_each(|job| job());
        })?;
        Ok(Self(give))
    }

    /// Computes one thing after what was given before; `None` when that panicked.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (tell, told) = oneshot::channel();
        let job = move || {
            if let Ok(done) = catch_unwind(AssertUnwindSafe(work)) {
                // Nobody may be left to hear of it.
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
    async fn work_is_done_in_turn_at_low_priority_and_outlives_a_panic() {
        let background = Background::start("tests").expect("a thread");
        assert_eq!(background.run(|| panic!("of the test")).await, None::<()>);
        assert_eq!(background.run(|| thread::current().name().map(str::to_owned)).await.flatten().as_deref(), Some("tests"));
        #[cfg(target_os = "linux")]
        {
            // SAFETY: as above.
            let nice = background.run(|| unsafe { nix::libc::getpriority(nix::libc::PRIO_PROCESS, 0) }).await;
            assert_eq!(nice, Some(NICE));
        }
    }
}
