//! The threads that search vectors: never those that serve requests, and one less than there are processors, so that the others go on.
//!
//! Whoever asks while all are busy waits; the next that is free takes all who wait for the same space, and serves them in one pass.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock},
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use super::{
    kernels::Kernel,
    pass::{Ask, Scratch, answer},
    rows::Rows,
};
use crate::ports::Neighbour;

/// Questions of one pass.
const TOGETHER_MAX: usize = 8;

/// The threads; they end with the last handle.
pub struct Crew {
    waiting: Arc<Waiting>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Waiting {
    jobs: Mutex<Jobs>,
    arrived: Condvar,
}

#[derive(Default)]
struct Jobs {
    queue: VecDeque<Job>,
    is_over: bool,
}

struct Job {
    rows: Arc<RwLock<Rows>>,
    ask: Ask,
    tell: oneshot::Sender<Vec<Neighbour>>,
}

impl Crew {
    /// Errors: when there can be no further thread.
    pub fn start() -> std::io::Result<Arc<Self>> {
        let number = thread::available_parallelism().map_or(1, |all| all.get().saturating_sub(1).max(1));
        let waiting = Arc::new(Waiting::default());
        let work = |number: usize| {
            let waiting = waiting.clone();
            thread::Builder::new().name(format!("vectors-{number}")).spawn(move || work(&waiting, Kernel::best()))
        };
        let threads = (0..number).map(work).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { waiting, threads }))
    }

    /// The answer; `None` when it failed, which is a bug.
    pub async fn ask(&self, rows: Arc<RwLock<Rows>>, ask: Ask) -> Option<Vec<Neighbour>> {
        let (tell, told) = oneshot::channel();
        self.waiting.jobs().queue.push_back(Job { rows, ask, tell });
        self.waiting.arrived.notify_one();
        told.await.ok()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.waiting.jobs().is_over = true;
        self.waiting.arrived.notify_all();
        for thread in self.threads.drain(..) {
            // What it panicked with has been told already.
            let _ = thread.join();
        }
    }
}

impl Waiting {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who wait for the space that was asked first, and are still there; `None` when all is over.
    fn next(&self) -> Option<Vec<Job>> {
        let jobs = self.jobs();
        let is_idle = |jobs: &mut Jobs| jobs.queue.is_empty() && !jobs.is_over;
        let mut jobs = self.arrived.wait_while(jobs, is_idle).unwrap_or_else(PoisonError::into_inner);
        if jobs.is_over {
            return None;
        }
        let first = jobs.queue.pop_front()?;
        let (mut taken, mut others) = (vec![first], VecDeque::new());
        for job in std::mem::take(&mut jobs.queue) {
            let is_of_it = taken.len() < TOGETHER_MAX && Arc::ptr_eq(&job.rows, &taken[0].rows);
            if is_of_it { taken.push(job) } else { others.push_back(job) }
        }
        jobs.queue = others;
        taken.retain(|job| !job.tell.is_closed());
        Some(taken)
    }
}

fn work(waiting: &Waiting, kernel: Kernel) {
    let mut scratch = Scratch::default();
    while let Some(jobs) = waiting.next() {
        let Some(rows) = jobs.first().map(|job| job.rows.clone()) else { continue };
        let (asks, tellers): (Vec<Ask>, Vec<_>) = jobs.into_iter().map(|job| (job.ask, job.tell)).unzip();
        let pass = || answer(kernel, &rows.read().unwrap_or_else(PoisonError::into_inner), &asks, &mut scratch);
        match catch_unwind(AssertUnwindSafe(pass)) {
            // Nobody may be left to hear of it.
            Ok(answers) => tellers.into_iter().zip(answers).for_each(|(tell, answer)| drop(tell.send(answer))),
            Err(_) => tracing::error!("a search among vectors failed; Postgres is asked instead"),
        }
    }
}
