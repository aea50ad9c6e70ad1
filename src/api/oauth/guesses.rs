//! How many wrong codes somebody may type: a code is short, so whoever has guessed some in vain waits, whatever they type next. Asked by the
//! page of devices.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::api::http::limits::network;

/// So many wrong codes of one address in this time; then none is looked at.
const WRONG_MAX: u32 = 5;
const WINDOW: Duration = Duration::from_secs(600);

/// The wrong codes of late, by address.
#[derive(Default)]
pub struct Guesses(Mutex<HashMap<IpAddr, (u32, Instant)>>);

impl Guesses {
    /// Whether a code from this address is looked at.
    pub fn may_guess(&self, address: Option<IpAddr>, now: Instant) -> bool {
        let wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count =
            address.and_then(|address| wrong.get(&network(address))).filter(|(_, since)| now.duration_since(*since) < WINDOW);
        count.is_none_or(|(count, _)| *count < WRONG_MAX)
    }

    /// A code was wrong.
    pub fn was_wrong(&self, address: Option<IpAddr>, now: Instant) {
        let Some(address) = address else { return };
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
        wrong.entry(network(address)).or_insert((0, now)).0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_codes_are_enough_for_a_while() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let (one, other) = (Some("192.0.2.1".parse().unwrap()), Some("192.0.2.2".parse().unwrap()));
        for _ in 0..WRONG_MAX {
            assert!(guesses.may_guess(one, now));
            guesses.was_wrong(one, now);
        }
        assert!(!guesses.may_guess(one, now) && guesses.may_guess(other, now) && guesses.may_guess(None, now));
        assert!(!guesses.may_guess(one, now + WINDOW / 2) && guesses.may_guess(one, now + WINDOW));
    }
}
