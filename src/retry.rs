//! Pauses between tries that grow and never end. Used by every loop that waits an outage out; the only file that knows `backon`.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

const PAUSE_MS_MIN: u64 = 50;
const FACTOR: f32 = 1.5;

/// The pauses of one loop: from 50 ms, half as long again each time, each drawn out by chance to up to twice as long, and none longer
/// than `pause_ms_max`.
#[derive(Debug)]
pub struct Backoff {
    growing: ExponentialBuilder,
    pauses: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    pub fn new(pause_ms_max: u64) -> Self {
        let longest = Duration::from_millis(pause_ms_max);
        let growing = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(PAUSE_MS_MIN))
            // Chance at most doubles it.
            .with_max_delay(longest / 2)
            .with_factor(FACTOR)
            .with_jitter()
            .without_max_times();
        Self { growing, pauses: growing.build(), longest }
    }

    pub fn next_pause(&mut self) -> Duration {
        self.pauses.next().unwrap_or(self.longest)
    }

    /// It went well: the next pause is short again.
    pub fn reset(&mut self) {
        self.pauses = self.growing.build();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew() {
        let mut backoff = Backoff::new(2_000);
        let pauses: Vec<Duration> = (0..40).map(|_| backoff.next_pause()).collect();
        assert!(pauses[0] >= Duration::from_millis(50) && pauses[0] < Duration::from_millis(150), "{pauses:?}");
        // It never ends, and never waits for longer than was said.
        assert!(pauses[20..].iter().all(|pause| (1_000..=2_000).contains(&pause.as_millis())), "{pauses:?}");
        backoff.reset();
        assert!(backoff.next_pause() < Duration::from_millis(150));
    }
}
