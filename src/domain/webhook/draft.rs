//! What a client says of an endpoint before it is believed, and the rules that it must keep.
//!
//! Called by the decider of webhooks. Collects every violation, not the first one. Where an address leads is the sender's to judge.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::Url;

use super::{
    Config, Filter, Payload, Retry,
    retry::{BASE_DELAY_S_MAX, BASE_DELAY_S_MIN, MAX_RETRIES_MAX, TIMEOUT_S_MAX, TIMEOUT_S_MIN},
};
use crate::domain::{json_object::nul, violation::Violation};

pub const URL_CHARS_MAX: usize = 2_048;
pub const DESCRIPTION_CHARS_MAX: usize = 512;
pub const EVENTS_MAX: usize = 64;
pub const FILTER_TAGS_MAX: usize = 64;
pub const HEADERS_MAX: usize = 16;
/// Longest header name, and longest sealed value.
pub const HEADER_NAME_CHARS_MAX: usize = 64;
pub const CONCURRENCY_DEFAULT: u32 = 8;
pub const CONCURRENCY_MAX: u32 = 64;
pub const RATE_PER_S_MAX: u32 = 10_000;
/// Headers that the deliverer or the protocol sets.
const RESERVED: [&str; 9] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "user-agent",
    "x-webhook-signature",
    "expect",
    "upgrade",
];
const RESERVED_STEM: &str = "webhook-";

/// An endpoint as a client wrote it; header values are sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub url: String,
    pub description: String,
    pub events: Vec<String>,
    pub filter: Filter,
    pub payload: Payload,
    pub headers: BTreeMap<String, String>,
    pub retry: Retry,
    pub concurrency: Option<u32>,
    pub rate_per_s: Option<u32>,
    pub ordered: bool,
}

impl Draft {
    /// Errors: every field that is out of its bounds, with its limit and the value; never none.
    pub fn validate(self) -> Result<Config, Vec<Violation>> {
        let config = Config {
            url: self.url.trim().to_owned(),
            description: self.description,
            events: self.events,
            filter: self.filter,
            payload: self.payload,
            headers: self.headers,
            retry: self.retry,
            concurrency: self.concurrency.unwrap_or(CONCURRENCY_DEFAULT),
            rate_per_s: self.rate_per_s,
            ordered: self.ordered,
        };
        let broken = violations(&config);
        if broken.is_empty() { Ok(config) } else { Err(broken) }
    }
}

/// The fields of an endpoint that an update names; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    pub url: Option<String>,
    pub description: Option<String>,
    pub events: Option<Vec<String>>,
    pub filter: Option<Filter>,
    pub payload: Option<Payload>,
    /// Replaces all headers.
    pub headers: Option<BTreeMap<String, String>>,
    pub retry: Option<Retry>,
    pub concurrency: Option<u32>,
    /// `Some(None)` lifts the bound.
    pub rate_per_s: Option<Option<u32>>,
    pub ordered: Option<bool>,
}

impl Patch {
    /// The configuration after the patch, and the names of the fields that differ.
    pub(super) fn apply(self, old: &Config) -> Result<(Config, Vec<&'static str>), Vec<Violation>> {
        let new = Config {
            url: self.url.map_or_else(|| old.url.clone(), |url| url.trim().to_owned()),
            description: self.description.unwrap_or_else(|| old.description.clone()),
            events: self.events.unwrap_or_else(|| old.events.clone()),
            filter: self.filter.unwrap_or_else(|| old.filter.clone()),
            payload: self.payload.unwrap_or(old.payload),
            headers: self.headers.unwrap_or_else(|| old.headers.clone()),
            retry: self.retry.unwrap_or_else(|| old.retry.clone()),
            concurrency: self.concurrency.unwrap_or(old.concurrency),
            rate_per_s: self.rate_per_s.unwrap_or(old.rate_per_s),
            ordered: self.ordered.unwrap_or(old.ordered),
        };
        let broken = violations(&new);
        if !broken.is_empty() {
            return Err(broken);
        }
        let differs = [
            ("url", new.url != old.url),
            ("description", new.description != old.description),
            ("events", new.events != old.events),
            ("filter", new.filter != old.filter),
            ("payload", new.payload != old.payload),
            ("headers", new.headers != old.headers),
            ("retry_config", new.retry != old.retry),
            ("concurrency", new.concurrency != old.concurrency),
            ("rate_per_s", new.rate_per_s != old.rate_per_s),
            ("ordered", new.ordered != old.ordered),
        ];
        let changed = differs.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect();
        Ok((new, changed))
    }
}

fn violations(config: &Config) -> Vec<Violation> {
    let mut broken = Vec::new();
    check_url(&config.url, &mut broken);
    check_headers(&config.headers, &mut broken);
    let size = |code, field: &str, size: usize, max: usize, broken: &mut Vec<Violation>| {
        if size > max {
            let detail = format!("{field} has {size}; {max} are allowed");
            broken.push(Violation::new(code, field, detail).limit(max).value(size));
        }
    };
    size("webhook.field_too_long", "description", config.description.chars().count(), DESCRIPTION_CHARS_MAX, &mut broken);
    size("webhook.too_many_events", "events", config.events.len(), EVENTS_MAX, &mut broken);
    size("webhook.too_many_tags", "filter.tags", config.filter.tags.len(), FILTER_TAGS_MAX, &mut broken);
    if config.events.is_empty() {
        let detail = "events names at least one type of events, such as memory.created, memory.* or *";
        broken.push(Violation::new("webhook.no_events", "events", detail));
    }
    let retry = &config.retry;
    between("importance_min", "filter.importance_min", config.filter.importance_min, (0.0, 1.0), &mut broken);
    between(
        "max_retries",
        "retry_config.max_retries",
        retry.max_retries.map(f64::from),
        (0.0, MAX_RETRIES_MAX.into()),
        &mut broken,
    );
    let delays = (BASE_DELAY_S_MIN, BASE_DELAY_S_MAX);
    between("base_delay_s", "retry_config.base_delay_s", retry.base_delay_s, delays, &mut broken);
    between("timeout_s", "retry_config.timeout_s", retry.timeout_s, (TIMEOUT_S_MIN, TIMEOUT_S_MAX), &mut broken);
    between("concurrency", "concurrency", Some(config.concurrency.into()), (1.0, CONCURRENCY_MAX.into()), &mut broken);
    between("rate_per_s", "rate_per_s", config.rate_per_s.map(f64::from), (1.0, RATE_PER_S_MAX.into()), &mut broken);
    let own = [("url", &config.url), ("description", &config.description)].map(|(field, text)| (field.to_owned(), text));
    let events = config.events.iter().enumerate().map(|(at, text)| (format!("events[{at}]"), text));
    let tags = config.filter.tags.iter().enumerate().map(|(at, text)| (format!("filter.tags[{at}]"), text));
    for (field, text) in own.into_iter().chain(events).chain(tags) {
        if text.contains('\0') {
            broken.push(nul(field, "webhook.nul_character"));
        }
    }
    broken
}

fn between(name: &str, field: &str, value: Option<f64>, (min, max): (f64, f64), broken: &mut Vec<Violation>) {
    if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
        let detail = format!("{name} is {value}; it goes from {min} to {max}");
        broken.push(Violation::new("webhook.out_of_range", field, detail).limit(json!([min, max])).value(value));
    }
}

fn check_url(text: &str, broken: &mut Vec<Violation>) {
    let mut bad = |detail: String, limit: Option<Value>| {
        let violation = Violation::new("webhook.url_invalid", "url", detail);
        broken.push(match limit {
            Some(limit) => violation.limit(limit),
            None => violation,
        });
    };
    let chars = text.chars().count();
    if chars > URL_CHARS_MAX {
        return bad(format!("url has {chars} characters; {URL_CHARS_MAX} are allowed"), Some(URL_CHARS_MAX.into()));
    }
    let Ok(url) = Url::parse(text) else { return bad("url is no address such as https://example.org/hook".into(), None) };
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return bad("url is an https address".into(), Some(json!(["https"])));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return bad("url holds no user and no password; send them as a header".into(), None);
    }
    if url.fragment().is_some() {
        bad("url has no #fragment: it would not be sent".into(), None);
    }
}

fn check_headers(headers: &BTreeMap<String, String>, broken: &mut Vec<Violation>) {
    if headers.len() > HEADERS_MAX {
        let detail = format!("headers has {}; {HEADERS_MAX} are allowed", headers.len());
        broken.push(Violation::new("webhook.too_many_headers", "headers", detail).limit(HEADERS_MAX).value(headers.len()));
    }
    for name in headers.keys() {
        let lower = name.to_ascii_lowercase();
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let field = format!("headers.{}", name.chars().take(HEADER_NAME_CHARS_MAX).collect::<String>());
        if !(1..=HEADER_NAME_CHARS_MAX).contains(&name.len()) || !name.bytes().all(token) {
            let detail = "a header's name is 1 to 64 letters, digits and hyphens";
            broken.push(Violation::new("webhook.header_invalid", field, detail).limit(HEADER_NAME_CHARS_MAX));
        } else if RESERVED.contains(&lower.as_str()) || lower.starts_with(RESERVED_STEM) {
            broken.push(Violation::new("webhook.header_reserved", field, format!("the header {lower} is set by brain")));
        }
    }
}
