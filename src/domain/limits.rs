//! What everything behind the domain can hold, in one list: no aggregate lets a value through that a store would refuse or give back as
//! another one. Called by the deciders, and by what lifts events of a time when less was refused.
//!
//! The stores are MessagePack (the log), Postgres (`text` without U+0000, `timestamptz`, `bigint`, `jsonb`) and JSON (answers).

use chrono::{DateTime, SecondsFormat};
use serde_json::json;

use super::{ids::Timestamp, violation::Violation};

/// The first instant that every store can hold, in microseconds of the Unix epoch: 0001-01-01T00:00:00Z. Postgres writes earlier years
/// with a suffix that its own input does not read, and has no year 0.
const TIME_MICROS_MIN: i64 = -62_135_596_800_000_000;
/// The last one: 9999-12-31T23:59:59.999999Z. RFC 3339 has four digits for a year.
const TIME_MICROS_MAX: i64 = 253_402_300_799_999_999;
/// Largest whole number of a column: a `bigint`.
pub const INTEGER_MAX: u64 = i64::MAX as u64;

/// The instant as every store holds it, in whole microseconds; what is smaller is cut off, so that an answer to a write and a later read
/// say the same. `Err` has the nearest instant that can be held.
/// Errors: the time itself, when it is outside of the years that every store can hold.
pub fn time(at: Timestamp) -> Result<Timestamp, Timestamp> {
    let micros = at.timestamp_micros();
    let held = micros.clamp(TIME_MICROS_MIN, TIME_MICROS_MAX);
    let held_at = DateTime::from_timestamp_micros(held).expect("years 1 to 9999 are in range");
    if held == micros { Ok(held_at) } else { Err(held_at) }
}

/// The first and the last instant, as texts.
pub fn times() -> [String; 2] {
    [TIME_MICROS_MIN, TIME_MICROS_MAX].map(|micros| {
        let at = DateTime::from_timestamp_micros(micros).expect("years 1 to 9999 are in range");
        at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    })
}

/// Cuts the instant to what can be held, or names what is wrong with it.
pub fn check_time(field: &str, code: &'static str, at: Option<Timestamp>, broken: &mut Vec<Violation>) -> Option<Timestamp> {
    let at = at?;
    time(at).map_err(|_| broken.push(out_of_range(field, code, at))).ok()
}

fn out_of_range(field: &str, code: &'static str, at: Timestamp) -> Violation {
    let [first, last] = times();
    let detail = format!("{field} is {}; times go from {first} to {last}, in UTC", at.to_rfc3339());
    Violation::new(code, field, detail).limit(json!([first, last])).value(at.to_rfc3339())
}

/// The number with the one zero that all stores know: `jsonb` has none below zero.
pub fn number(number: f64) -> f64 {
    number + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn times_are_held_from_year_1_to_9999_in_utc_and_in_microseconds() {
        let [first, last] = times();
        assert_eq!((first.as_str(), last.as_str()), ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"));
        for held in [first.as_str(), last.as_str(), "2024-02-29T12:00:00.123456Z", "0001-01-01T00:00:00-01:00"] {
            assert_eq!(time(at(held)), Ok(at(held)), "{held}");
        }
        assert_eq!(time(at("9999-12-31T23:59:59.999999999Z")), Ok(at(&last)));
        assert_eq!(time(at("1969-12-31T23:59:59.9999999Z")), Ok(at("1969-12-31T23:59:59.999999Z")));
        for beyond in ["0000-12-31T23:59:59Z", "-0300-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00"] {
            assert_eq!(time(at(beyond)), Err(at(&first)), "{beyond}");
        }
        for beyond in ["+10000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "+262142-01-01T00:00:00Z"] {
            assert_eq!(time(at(beyond)), Err(at(&last)), "{beyond}");
        }
    }

    #[test]
    fn a_zero_below_zero_is_zero() {
        assert!(number(-0.0).is_sign_positive() && number(-1.5) == -1.5 && number(5e-324) == 5e-324);
    }
}
