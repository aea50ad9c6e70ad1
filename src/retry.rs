//! Pauses between tries that grow and never end. Used by every loop that waits an outage out; the only file that knows `backoff`.

use std::time::Duration;

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff as _};

const PAUSE_MS_MIN: u64 = 50;

/// The next pause of one loop: from 50 ms to `pause_ms_max`, each with jitter.
pub struct Backoff(ExponentialBackoff, Duration);

impl Backoff {
    pub fn new(pause_ms_max: u64) -> Self {
        let longest = Duration::from_millis(pause_ms_max);
        let growing = ExponentialBackoffBuilder::new()
            .with_initial_interval(Duration::from_millis(PAUSE_MS_MIN))
            .with_max_interval(longest)
            .with_max_elapsed_time(None)
            .build();
        Self(growing, longest)
    }

    pub fn next_pause(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(self.1)
    }

    /// It went well: the next pause is short again.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}
