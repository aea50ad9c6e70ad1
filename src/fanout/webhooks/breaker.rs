//! Whether an endpoint may be sent to just now: a circuit breaker that delays and never drops, and the pause that an endpoint asks for.
//! Pure; kept by its lane. Specification §2.1: closed, open, half-open.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{
    domain::ids::Timestamp,
    ports::webhooks::{Breaker, Condition},
};

/// The breaker of one endpoint.
#[derive(Debug)]
pub struct CircuitBreaker {
    pub condition: Condition,
    failures: u32,
    failures_max: u32,
    recovery: TimeDelta,
}

impl CircuitBreaker {
    /// Goes on in the condition that was written down last.
    pub fn new(condition: Condition, failures_max: u32, recovery: Duration) -> Self {
        let recovery = TimeDelta::from_std(recovery).unwrap_or(TimeDelta::MAX);
        Self { condition, failures: 0, failures_max, recovery }
    }

    /// How many requests may be on their way at once, of `wanted`; opens to one when its time has come.
    pub fn width(&mut self, now: Timestamp, wanted: usize) -> usize {
        if self.condition.paused_until.is_some_and(|until| now < until) {
            return 0;
        }
        self.condition.paused_until = None;
        match self.condition.breaker {
            Breaker::Closed => wanted,
            Breaker::Open | Breaker::HalfOpen => {
                self.condition.breaker = Breaker::HalfOpen;
                1
            }
        }
    }

    pub fn closed_until(&self) -> Option<Timestamp> {
        self.condition.paused_until
    }

    /// The endpoint has taken something, or at least looked at it.
    pub fn well(&mut self) {
        self.failures = 0;
        self.condition = Condition::default();
    }

    /// The endpoint could not; nothing is sent before `not_before`, where it asked for that.
    pub fn failed(&mut self, now: Timestamp, not_before: Option<Timestamp>) {
        self.failures += 1;
        self.condition.failing_since.get_or_insert(now);
        let opens = self.condition.breaker == Breaker::HalfOpen || self.failures >= self.failures_max;
        let recovered = opens.then(|| now + self.recovery);
        if opens {
            self.condition.breaker = Breaker::Open;
        }
        self.condition.paused_until = self.condition.paused_until.max(not_before).max(recovered);
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(second, 0).expect("in range")
    }

    fn breaker() -> CircuitBreaker {
        CircuitBreaker::new(Condition::default(), 3, Duration::from_secs(60))
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_through_to_see() {
        let mut breaker = breaker();
        breaker.failed(at(0), None);
        breaker.failed(at(1), None);
        assert_eq!(breaker.width(at(1), 8), 8);
        breaker.failed(at(2), None);
        assert_eq!((breaker.condition.breaker, breaker.width(at(61), 8)), (Breaker::Open, 0));
        assert_eq!((breaker.width(at(62), 8), breaker.condition.breaker), (1, Breaker::HalfOpen));
        breaker.failed(at(63), None);
        assert_eq!((breaker.width(at(122), 8), breaker.width(at(123), 8)), (0, 1));
        breaker.well();
        assert_eq!((breaker.width(at(124), 8), breaker.condition), (8, Condition::default()));
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let mut breaker = breaker();
        for second in 0..20 {
            breaker.failed(at(second), None);
            breaker.failed(at(second), None);
            assert_eq!(breaker.condition.failing_since, Some(at(second)));
            breaker.well();
        }
        assert_eq!(breaker.width(at(20), 8), 8);
    }

    #[test]
    fn what_the_endpoint_asks_for_is_kept_and_never_shortened() {
        let mut breaker = breaker();
        breaker.failed(at(0), Some(at(100)));
        breaker.failed(at(1), Some(at(50)));
        assert_eq!((breaker.width(at(99), 8), breaker.width(at(100), 8)), (0, 8));
    }
}
