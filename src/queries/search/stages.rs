//! How long the stages of a search take: told to the metrics always, and to whoever asked for an explanation. Called by the search alone.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The stages of one search, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Stages(Mutex<Vec<(&'static str, Duration)>>);

impl Stages {
    /// Tells how long a stage took: what dominates a search differs by corpus and machine.
    pub async fn timed<T>(&self, stage: &'static str, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.await;
        self.took(stage, started);
        done
    }

    pub fn took(&self, stage: &'static str, started: Instant) {
        let took = started.elapsed();
        metrics::histogram!("brain_search_seconds", "stage" => stage).record(took);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((stage, took));
    }

    pub fn so_far(&self) -> Vec<(&'static str, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
