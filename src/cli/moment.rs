//! Days and times as people write them, for every argument that takes one. Called by the command line's parser; the rest of the program
//! sees instants only.

use chrono::{DateTime, Days, Duration, Local, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

use crate::{
    adapters::system::SystemClock,
    domain::{ids::Timestamp, limits},
    ports::Clock,
};

/// What can be written, for those who wrote something else.
const FORMS: &str = "write 2026-11-27, 2026-11-27T10:00, today, yesterday, 3d or \"2 hours ago\"";

/// A day (its beginning) or a time, of this machine's zone unless it names another one.
pub fn time(text: &str) -> Result<Timestamp, String> {
    let at = read(text.trim(), SystemClock.now(), &Local).ok_or_else(|| format!("this is no day or time; {FORMS}"))?;
    limits::time(at).map_err(|_| "years go from 1 to 9999".to_owned())
}

/// A position of the log, or a time as [`time`] reads it; as the API takes it.
pub fn position_or_time(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let position: u64 = text.parse().map_err(|_| "this is more than any position".to_owned())?;
        return Ok(position.to_string());
    }
    let at = time(text).map_err(|_| format!("this is no position, no day and no time; {FORMS}"))?;
    Ok(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

/// The instant that a text means when it is `now` in a zone.
fn read<Z: TimeZone>(text: &str, now: Timestamp, zone: &Z) -> Option<Timestamp> {
    let lower = text.to_lowercase();
    let today = now.with_timezone(zone).date_naive();
    let day = |day: Option<NaiveDate>| instant(day?.and_time(NaiveTime::MIN), zone);
    match lower.as_str() {
        "now" => return Some(now),
        "today" => return day(Some(today)),
        "yesterday" => return day(today.checked_sub_days(Days::new(1))),
        "tomorrow" => return day(today.checked_add_days(Days::new(1))),
        _ => {}
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f %z")) {
        return Some(at.to_utc());
    }
    let digits = text.split(['-', 'T', 't', ' ', ':', '.']).next().unwrap_or_default();
    if digits.len() == 4 && text.contains('-') {
        let date = |form: &str| NaiveDate::parse_from_str(text, form).ok();
        if let Some(date) = date("%Y-%m-%d") {
            return day(Some(date));
        }
        let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
        let local = forms.into_iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        return match local {
            Some(local) => instant(local, zone),
            None => day(NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok()),
        };
    }
    if let Some(time) = ["%H:%M", "%H:%M:%S"].into_iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok()) {
        return instant(today.and_time(time), zone);
    }
    ago(&lower, now, zone)
}

/// `3d`, `2h ago`, `5 minutes ago`, `an hour ago`.
fn ago<Z: TimeZone>(lower: &str, now: Timestamp, zone: &Z) -> Option<Timestamp> {
    let span = lower.strip_suffix("ago").unwrap_or(lower).trim();
    let (count, unit) = match span.strip_prefix("an ").or_else(|| span.strip_prefix("a ")) {
        Some(unit) => (1, unit.trim()),
        None => {
            let end = span.find(|letter: char| !letter.is_ascii_digit())?;
            (span[..end].parse::<u32>().ok()?, span[end..].trim())
        }
    };
    let back = |span: Option<Duration>| now.checked_sub_signed(span?);
    // Days, weeks and months are those of the calendar: a day may have 23 hours.
    let calendar = |months: u32, days: u64| {
        let local = now.with_timezone(zone).naive_local();
        instant(local.checked_sub_months(Months::new(months))?.checked_sub_days(Days::new(days))?, zone)
    };
    let number = i64::from(count);
    match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => back(Duration::try_seconds(number)),
        "m" | "min" | "mins" | "minute" | "minutes" => back(Duration::try_minutes(number)),
        "h" | "hour" | "hours" => back(Duration::try_hours(number)),
        "d" | "day" | "days" => calendar(0, count.into()),
        "w" | "week" | "weeks" => calendar(0, 7 * u64::from(count)),
        "mo" | "month" | "months" => calendar(count, 0),
        "y" | "year" | "years" => calendar(count.checked_mul(12)?, 0),
        _ => None,
    }
}

/// The instant of a time on the wall. One that comes twice, when clocks go back, is the first; one that is left out, when they go
/// forward, is what the clock shows instead an hour later.
fn instant<Z: TimeZone>(local: NaiveDateTime, zone: &Z) -> Option<Timestamp> {
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&local.checked_add_signed(Duration::hours(1))?).earliest());
    found.map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    fn at(text: &str) -> Option<String> {
        let zone = FixedOffset::east_opt(2 * 3600).expect("a zone");
        let now = "2026-11-27T22:30:00Z".parse().expect("a time");
        // There it is the 28th already.
        Some(read(text, now, &zone)?.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
    }

    #[test]
    fn days_and_times_are_those_of_the_clock_on_the_wall() {
        for (text, instant) in [
            ("2026-11-27", "2026-11-26T22:00:00Z"),
            ("2026-11", "2026-10-31T22:00:00Z"),
            ("2026-11-27T10:00", "2026-11-27T08:00:00Z"),
            ("2026-11-27 10:00:30", "2026-11-27T08:00:30Z"),
            ("2026-11-27T10:00:00.5", "2026-11-27T08:00:00.500Z"),
            ("2026-11-27T10:00:00Z", "2026-11-27T10:00:00Z"),
            ("2026-11-27T10:00:00+05:30", "2026-11-27T04:30:00Z"),
            ("2026-11-27 10:00:00 +0530", "2026-11-27T04:30:00Z"),
            ("today", "2026-11-27T22:00:00Z"),
            ("Yesterday", "2026-11-26T22:00:00Z"),
            ("now", "2026-11-27T22:30:00Z"),
            ("09:15", "2026-11-28T07:15:00Z"),
            ("3d", "2026-11-24T22:30:00Z"),
            ("3 days ago", "2026-11-24T22:30:00Z"),
            ("2h ago", "2026-11-27T20:30:00Z"),
            ("an hour ago", "2026-11-27T21:30:00Z"),
            ("90min", "2026-11-27T21:00:00Z"),
            ("2 weeks ago", "2026-11-13T22:30:00Z"),
            ("1 month ago", "2026-10-27T22:30:00Z"),
            ("1y", "2025-11-27T22:30:00Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(instant), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            " ",
            "soon",
            "2026-13-01",
            "2026-02-30",
            "27.11.2026",
            "d",
            "3",
            "3x",
            "-3d",
            "ago",
            "a",
            "99999999999d",
            "4294967295y",
            "4294967295w",
            "2026-11-27T25:00",
            "20261127",
            "10",
            "é3d",
            "3é",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn a_position_is_a_number_and_everything_else_a_time() {
        assert_eq!(position_or_time("0042"), Ok("42".to_owned()));
        assert_eq!(position_or_time("2026-11-27T10:00:00+01:00"), Ok("2026-11-27T09:00:00Z".to_owned()));
        for (text, word) in [("", "no position"), ("99999999999999999999", "more than"), ("soon", "yesterday")] {
            assert!(position_or_time(text).is_err_and(|said| said.contains(word)), "{text}");
        }
        assert!(time("0000-01-01").is_err() && time("999999999y ago").is_err());
    }
}
