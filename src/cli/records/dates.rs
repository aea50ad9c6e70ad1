//! Times as people and programs write them, in front matter and in the names of files. Pure; called by import.
//!
//! What could be read in two ways (`03/04/2023`) is not read at all: the caller says so. A time without a zone is taken as UTC.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::domain::limits;

/// The properties that tell when a note's matter happened, as [`plain_key`] writes them, the first that is understood wins.
/// When a file was last touched (`lastmod`, `updated`) tells nothing of that.
pub const KEYS: [&str; 10] = [
    "date",
    "created",
    "createdat",
    "creationdate",
    "datecreated",
    "createdon",
    "published",
    "publishdate",
    "pubdate",
    "publishedat",
];

const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Years of a name that is nothing but digits; others are numbers of something else.
const BARE_YEARS: std::ops::RangeInclusive<i32> = 1800..=2200;
/// Seconds since 1970 between 2001 and 2033: ten digits that are no date.
const UNIX_SECONDS: std::ops::Range<i64> = 1_000_000_000..2_000_000_000;

/// A property's name in the one way in which names are compared: `Creation Date`, `creation_date`, `creationDate` are one.
pub fn plain_key(key: &str) -> String {
    key.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The time in a property; of a list, the first that is one.
pub fn of_value(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) => time(text),
        Value::Number(number) => time(&number.to_string()),
        Value::Array(values) => values.iter().find_map(of_value),
        _ => None,
    }
}

/// The time, if it can be kept. The year of a birthday that nobody knows is none.
pub fn time(text: &str) -> Option<DateTime<Utc>> {
    limits::time(written(text)?.and_utc()).ok()
}

/// The day with which the name of a file begins: `2023-03-04-plan`, `2023_03_04`, `20230304 plan`.
pub fn in_name(stem: &str) -> Option<DateTime<Utc>> {
    let digits = stem.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 4 {
        return bare(&stem[..digits]).and_then(|time| limits::time(time.and_utc()).ok());
    }
    let mut scan = Scan(stem);
    let day = scan.numeric_day().filter(|_| !scan.0.starts_with(|next: char| next.is_ascii_digit()))?;
    limits::time(day.and_time(NaiveTime::MIN).and_utc()).ok()
}

/// The day that a text is, whole, and without a time.
pub fn day(text: &str) -> Option<NaiveDate> {
    let mut scan = Scan(text.trim());
    let day = scan.numeric_day_with(&['-', '_', '.', '/']).or_else(|| scan.named_day())?;
    scan.0.trim().is_empty().then_some(day)
}

fn written(text: &str) -> Option<NaiveDateTime> {
    // Digits and dashes of full width are those of half.
    let text: String = text.nfkc().collect();
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text.strip_prefix("[[").and_then(|text| text.strip_suffix("]]")).unwrap_or(text).trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return bare(text).or_else(|| unix(text));
    }
    let east_asian = text.contains(['年', '년']);
    let text = if east_asian {
        text.replace(['年', '년', '月', '월'], "-").replace(['日', '일'], " ").replace("- ", "-")
    } else {
        text.to_owned()
    };
    let mut scan = Scan(text.trim());
    let day = scan.compact_day().or_else(|| scan.numeric_day()).or_else(|| scan.named_day())?;
    scan.clock(day)
}

/// Eight, twelve or fourteen digits: a day, to the minute, to the second.
fn bare(digits: &str) -> Option<NaiveDateTime> {
    let part = |from: usize, to: usize| digits.get(from..to)?.parse::<u32>().ok();
    let day = date(part(0, 4)? as i32, part(4, 6)?, part(6, 8)?).filter(|_| matches!(digits.len(), 8 | 12 | 14))?;
    let is_plausible = BARE_YEARS.contains(&chrono::Datelike::year(&day));
    let time = NaiveTime::from_hms_opt(part(8, 10).unwrap_or(0), part(10, 12).unwrap_or(0), part(12, 14).unwrap_or(0))?;
    is_plausible.then(|| day.and_time(time))
}

/// Seconds or milliseconds since 1970.
fn unix(digits: &str) -> Option<NaiveDateTime> {
    let number: i64 = digits.parse().ok()?;
    match digits.len() {
        10 if UNIX_SECONDS.contains(&number) => DateTime::from_timestamp(number, 0),
        13 if UNIX_SECONDS.contains(&(number / 1_000)) => DateTime::from_timestamp_millis(number),
        _ => None,
    }
    .map(|time| time.naive_utc())
}

fn date(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

/// What is left of a text that is read from the left.
#[derive(Clone, Copy)]
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    fn digits(&mut self) -> Option<&'a str> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        (count > 0).then_some(digits)
    }

    fn eat(&mut self, one_of: &[char]) -> Option<char> {
        let first = self.0.chars().next().filter(|first| one_of.contains(first))?;
        self.0 = &self.0[first.len_utf8()..];
        Some(first)
    }

    fn word(&mut self) -> &'a str {
        let end = self.0.find(|letter: char| !letter.is_alphabetic()).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    fn skip(&mut self, some: &[char]) {
        self.0 = self.0.trim_start_matches(some);
    }

    /// `20230304T…`: what follows the digits is a time.
    fn compact_day(&mut self) -> Option<NaiveDate> {
        let mut ahead = *self;
        let digits = ahead.digits().filter(|digits| digits.len() == 8)?;
        let day = bare(digits)?.date();
        *self = ahead;
        Some(day)
    }

    fn numeric_day(&mut self) -> Option<NaiveDate> {
        self.numeric_day_with(&['-', '/', '.', '_'])
    }

    fn numeric_day_with(&mut self, separators: &[char]) -> Option<NaiveDate> {
        let mut ahead = *self;
        let first = ahead.digits()?;
        let separator = ahead.eat(separators)?;
        let second = ahead.digits().filter(|digits| digits.len() <= 2)?;
        ahead.eat(&[separator])?;
        let third = ahead.digits()?;
        let number = |digits: &str| digits.parse::<u32>().ok();
        let (a, b, c) = (number(first)?, number(second)?, number(third)?);
        let day = match (first.len(), third.len()) {
            (4, 1 | 2) => date(a as i32, b, c),
            // With points the day comes first wherever it is written so; with others, only where no month has that number.
            (1 | 2, 4) if separator == '.' || a > 12 || a == b => date(c as i32, b, a),
            (1 | 2, 4) if b > 12 => date(c as i32, a, b),
            _ => None,
        }?;
        *self = ahead;
        Some(day)
    }

    /// `4 March 2023`, `Sat, Mar 4th, 2023`, `2023 March 4`, `4-Mar-2023`.
    fn named_day(&mut self) -> Option<NaiveDate> {
        let mut ahead = *self;
        let (mut year, mut month, mut day) = (None, None, None);
        while year.is_none() || month.is_none() || day.is_none() {
            ahead.skip(&[' ', ',', '-', '/', '.']);
            if let Some(digits) = ahead.digits() {
                let number: u32 = digits.parse().ok()?;
                let place = if digits.len() == 4 { &mut year } else { &mut day };
                if digits.len() > 4 || digits.len() == 3 || place.replace(number).is_some() {
                    return None;
                }
                let mut suffix = ahead;
                if digits.len() <= 2 && matches!(suffix.word().to_lowercase().as_str(), "st" | "nd" | "rd" | "th") {
                    ahead = suffix;
                }
                continue;
            }
            match ahead.word().to_lowercase().as_str() {
                "" => return None,
                "of" | "the" => {}
                word if position(&WEEKDAYS, word).is_some() => {}
                word => month = Some(position(&MONTHS, word)? + 1),
            }
        }
        let found = date(year? as i32, month?, day?)?;
        *self = ahead;
        Some(found)
    }

    /// The time of the day and the zone that follow a day, up to the end of the text.
    fn clock(mut self, day: NaiveDate) -> Option<NaiveDateTime> {
        self.skip(&[' ', ',', '_']);
        if self.0.starts_with(['T', 't']) && self.0[1..].starts_with(|next: char| next.is_ascii_digit()) {
            self.0 = &self.0[1..];
        }
        self.0 = self.0.strip_prefix("at ").unwrap_or(self.0);
        let (time, is_next_day) =
            if self.0.starts_with(|next: char| next.is_ascii_digit()) { self.time()? } else { (NaiveTime::MIN, false) };
        let offset = self.zone()?;
        let day = if is_next_day { day.checked_add_days(Days::new(1))? } else { day };
        day.and_time(time).checked_sub_signed(offset)
    }

    /// Hours, minutes, seconds; whether it is the midnight that ends the day.
    fn time(&mut self) -> Option<(NaiveTime, bool)> {
        let digits = self.digits()?;
        let part = |from: usize| digits.get(from..from + 2)?.parse::<u32>().ok();
        let is_compact = digits.len() == 4 || digits.len() == 6;
        let (mut hour, mut minute, mut second) = if is_compact {
            (part(0)?, part(2), part(4))
        } else {
            (digits.parse().ok().filter(|_| digits.len() <= 2)?, None, None)
        };
        if !is_compact && self.eat(&[':']).is_some() {
            minute = Some(self.digits()?.parse().ok()?);
            if self.eat(&[':']).is_some() {
                second = Some(self.digits()?.parse().ok()?);
            }
        }
        let nanos = if second.is_some() && self.eat(&['.', ',']).is_some() { nanos(self.digits()?)? } else { 0 };
        let mut ahead = *self;
        ahead.skip(&[' ', '\u{202f}', '\u{a0}']);
        match ahead.word().to_lowercase().as_str() {
            half @ ("am" | "pm") if (1..=12).contains(&hour) => {
                hour = hour % 12 + if half == "pm" { 12 } else { 0 };
                minute = minute.or(Some(0));
                *self = ahead;
            }
            _ => {}
        }
        let (minute, second) = (minute?, second.unwrap_or(0));
        if (hour, minute, second, nanos) == (24, 0, 0, 0) {
            return Some((NaiveTime::MIN, true));
        }
        // A leap second is the last moment of its minute.
        let (second, nanos) = if second == 60 { (59, 999_999_999) } else { (second, nanos) };
        Some((NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?, false))
    }

    /// How far the zone is ahead of UTC; nothing may follow it but its name in brackets.
    fn zone(mut self) -> Option<TimeDelta> {
        self.skip(&[' ']);
        let mut ahead = self;
        if matches!(ahead.word().to_ascii_uppercase().as_str(), "Z" | "UTC" | "GMT" | "UT") {
            self = ahead;
            self.skip(&[' ']);
        }
        let mut minutes = 0;
        if let Some(sign) = self.eat(&['+', '-', '\u{2212}']) {
            let digits = self.digits()?;
            let (hours, rest) = digits.split_at_checked(2).unwrap_or((digits, ""));
            let rest = if self.eat(&[':']).is_some() { self.digits()? } else { rest };
            let (hours, rest): (i64, i64) = (hours.parse().ok()?, if rest.is_empty() { 0 } else { rest.parse().ok()? });
            minutes = (hours * 60 + rest) * if sign == '+' { 1 } else { -1 };
        }
        let rest = self.0.trim();
        let is_name = (rest.starts_with('(') && rest.ends_with(')')) || (rest.starts_with('[') && rest.ends_with(']'));
        ((rest.is_empty() || is_name) && minutes.abs() < 24 * 60).then(|| TimeDelta::minutes(minutes))
    }
}

fn nanos(digits: &str) -> Option<u32> {
    format!("{:0<9}", digits.get(..9.min(digits.len()))?).parse().ok()
}

/// Which of the names it is, written whole or by its first three or four letters.
fn position(names: &[&str], word: &str) -> Option<u32> {
    let fits = |name: &str| name == word || (matches!(word.len(), 3 | 4) && name.starts_with(word));
    names.iter().position(|name| fits(name)).map(|at| at as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(text: &str) -> Option<String> {
        time(text).map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
    }

    #[test]
    fn what_programs_write_is_a_time() {
        for text in [
            "2023-03-04T03:06:07Z",
            "2023-03-04 05:06:07 +0200",
            "2023-03-04T05:06:07+0200",
            "2023-03-04T05:06:07+02",
            "2023-03-04T05:06:07 +02:00",
            "2023-03-04t05:06:07+02:00[Europe/Berlin]",
            "2023-03-04 03:06:07 UTC",
            "2023-03-04 03:06:07 GMT",
            "2023-03-04 05:06:07 GMT+2",
            "2023-03-04 05:06:07 UTC+02:00",
            "2023-03-04 00:06:07 \u{2212}0300",
            "2023/03/04 03:06:07",
            "2023.03.04 03:06:07",
            "20230304T030607Z",
            "20230304030607",
            "1677899167",
            "Sat, 04 Mar 2023 05:06:07 +0200",
            "Sat, 4 Mar 2023 03:06:07 GMT",
            "March 4, 2023 3:06:07 AM",
            "March 4th, 2023, 3:06:07 am",
            "4 March 2023 at 03:06:07",
            "4-Mar-2023 03:06:07",
            "04.03.2023 03:06:07",
            "2023年3月4日 03:06:07",
            "２０２３／０３／０４ ０３：０６：０７",
            " '2023-3-4 3:06:07' ",
        ] {
            assert_eq!(iso(text).as_deref(), Some("2023-03-04T03:06:07Z"), "{text}");
        }
    }

    #[test]
    fn a_day_and_a_minute_are_times_too() {
        for text in ["2023-03-04", "2023/03/04", "2023.3.4", "20230304", "4 March 2023", "Mar 4, 2023", "Saturday, 4 March 2023"]
        {
            assert_eq!(iso(text).as_deref(), Some("2023-03-04T00:00:00Z"), "{text}");
        }
        for text in ["4th of March 2023", "2023 Mar 4", "04.03.2023", "[[2023-03-04]]", "2023년 3월 4일", "2023-03-03T24:00:00"]
        {
            assert_eq!(iso(text).as_deref(), Some("2023-03-04T00:00:00Z"), "{text}");
        }
        assert_eq!(iso("2023-03-04 05:06").as_deref(), Some("2023-03-04T05:06:00Z"));
        assert_eq!(iso("2023-03-04 5:06 pm").as_deref(), Some("2023-03-04T17:06:00Z"));
        assert_eq!(iso("13/04/2023"), iso("04/13/2023"));
        assert_eq!(iso("2023-03-04T05:06:07.250Z").as_deref(), Some("2023-03-04T05:06:07.250Z"));
        assert_eq!(iso("2023-03-04 05:06:07,25").as_deref(), Some("2023-03-04T05:06:07.250Z"));
        assert_eq!(iso("1677899167250").as_deref(), Some("2023-03-04T03:06:07.250Z"));
        assert_eq!(iso("2016-12-31T23:59:60Z").as_deref(), Some("2016-12-31T23:59:59.999999Z"));
    }

    #[test]
    fn what_could_mean_two_things_or_nothing_is_none() {
        for text in [
            "",
            "soon",
            "{{date}}",
            "03/04/2023",
            "2023",
            "2023-03",
            "2023-13-04",
            "2023-02-30",
            "0000-12-24",
            "99999999",
            "12345678",
            "10000000000000000",
            "2023-03-04 25:00",
            "2023-03-04 05:06 Mars",
            "2023-03-04-plan",
            "4 March",
            "1.2.3",
            "March",
            "2023-03-04 5",
            "-0300-01-01T00:00:00Z",
            "2023-03-04T05:06:07+99:00",
            "2023–2024",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_may_begin_with_a_day() {
        let name = |stem: &str| in_name(stem).map(|time| time.date_naive().to_string());
        for stem in ["2023-03-04-jekyll-post", "2023-03-04", "2023_03_04", "20230304 plan", "2023.03.04 plan", "202303041405"] {
            assert_eq!(name(stem).as_deref(), Some("2023-03-04"), "{stem}");
        }
        for stem in ["2023", "2023-03", "12345678", "Plan 2023-03-04", "2023-13-04", "2023-03-041", "100 days", "0000-12-24", "é"]
        {
            assert_eq!(name(stem), None, "{stem}");
        }
        assert_eq!(day("Mar 4th, 2023"), day("2023_03_04"));
        assert_eq!((day("2023_03_04 x"), day("Tea")), (None, None));
        assert_eq!(plain_key("Creation Date"), plain_key("creation_date"));
    }
}
