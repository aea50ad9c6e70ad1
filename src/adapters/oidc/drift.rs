//! How far the clocks of providers are from this one's, by what their answers say of the time. Used by [`super::Way`]. A token is good for a
//! minute more than it says, so a clock that is wrong is first met as a login that fails now and then.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta};

use crate::{domain::ids::Timestamp, ports::Clock};

/// How far clocks may be apart before somebody should look, in seconds.
const DRIFT_S_MAX: i64 = 5;

/// The clocks of those that were asked.
pub struct Drift {
    pub clock: Arc<dyn Clock>,
    /// Seconds by which a provider is ahead, for those that are too far off; by host.
    off: Mutex<BTreeMap<String, i64>>,
}

impl Drift {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, off: Mutex::default() }
    }

    /// Looks at what an answer says of the time (`Date`), which was asked for at `asked_at`. Says once that it is wrong, and once that it is
    /// well again.
    pub fn note(&self, host: &str, date: &str, asked_at: Timestamp) {
        let Ok(date) = DateTime::parse_from_rfc2822(date) else { return };
        let ahead = seconds_off(date.to_utc(), (asked_at, self.clock.now()));
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        if ahead.abs() <= DRIFT_S_MAX {
            if off.remove(host).is_some() {
                tracing::info!(host, "the clock of a login provider is right again");
            }
        } else if off.insert(host.to_owned(), ahead).is_none() {
            tracing::warn!(
                host,
                ahead_s = ahead,
                "the clock of a login provider and this machine's are far apart; logins may fail"
            );
        }
    }

    /// Those that are too far off: hosts, and by how many seconds they are ahead.
    pub fn off(&self) -> Vec<(String, i64)> {
        self.off.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(host, ahead)| (host.clone(), *ahead)).collect()
    }
}

/// By how much a time lies after all that it may be, or before; it was written at some moment between asking and having the answer.
fn seconds_off(date: Timestamp, (asked_at, had_at): (Timestamp, Timestamp)) -> i64 {
    // A date has no fractions.
    let earliest = asked_at - TimeDelta::seconds(1);
    if date < earliest { (date - earliest).num_seconds() } else { (date - had_at).num_seconds().max(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("a time");
        let off = |date, asked, had| seconds_off(at(date), (at(asked), at(had)));
        assert_eq!((off(100, 100, 100), off(99, 100, 100), off(105, 100, 110), off(110, 100, 110)), (0, 0, 0, 0));
        assert_eq!((off(90, 100, 110), off(120, 100, 110)), (-9, 10));
    }

    #[test]
    fn a_clock_that_is_wrong_is_shown_until_it_is_right() {
        struct Still;
        impl Clock for Still {
            fn now(&self) -> Timestamp {
                DateTime::from_timestamp(1_764_338_400, 0).expect("a time")
            }
        }
        let drift = Drift::new(Arc::new(Still));
        let note = |date| drift.note("id.example", date, Still.now());
        note("Fri, 28 Nov 2025 14:00:12 GMT");
        note("nonsense");
        assert_eq!(drift.off(), [("id.example".to_owned(), 12)]);
        note("Fri, 28 Nov 2025 13:59:57 GMT");
        assert_eq!(drift.off(), []);
    }
}
