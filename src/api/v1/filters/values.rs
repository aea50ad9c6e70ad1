//! What a field is compared with, and how. Used by the reading of filters alone.

use chrono::DateTime;
use serde_json::{Map, Value};

use super::bad;
use crate::{
    api::http::error::Problem,
    app::error::short,
    domain::ids::{MemoryId, Timestamp},
};

/// Longest value, in bytes: no address of a source is longer.
const VALUE_BYTES_MAX: usize = 8 * 1_024;
/// All ways, for those who name another one.
const WAYS: &str = "eq, ne, gt, gte, lt, lte, in, nin, exists";

/// A way of comparing, by its name: `gte`, or `$gte` as others write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Unequal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    In,
    NotIn,
    Exists,
}

impl Comparison {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix('$').unwrap_or(name) {
            "eq" => Self::Equal,
            "ne" => Self::Unequal,
            "gt" => Self::Greater,
            "gte" => Self::GreaterOrEqual,
            "lt" => Self::Less,
            "lte" => Self::LessOrEqual,
            "in" => Self::In,
            "nin" => Self::NotIn,
            "exists" => Self::Exists,
            _ => return None,
        })
    }
}

/// A way of comparing with its place and its value.
pub type Compared<'a> = (Comparison, String, &'a Value);

/// The ways that an object names. Errors: when there is none, or one that nobody knows.
pub fn comparisons<'a>(place: &str, fields: &'a Map<String, Value>) -> Result<Vec<Compared<'a>>, Problem> {
    if fields.is_empty() {
        return Err(bad(place, format!("needs one of {WAYS}"), None, None));
    }
    let read = |(name, value): (&String, &'a Value)| {
        let place = format!("{place}.{}", short(name));
        match Comparison::named(name) {
            Some(comparison) => Ok((comparison, place, value)),
            None => Err(bad(&place, format!("is none of {WAYS}"), None, None)),
        }
    };
    fields.iter().map(read).collect()
}

pub fn text(place: &str, value: &Value) -> Result<String, Problem> {
    let hint = match value {
        Value::Null => "is no text; what has none is found by {\"exists\": false}",
        Value::Array(_) => "is no text; one of several is found by {\"in\": […]}",
        _ => "is no text",
    };
    let text = value.as_str().ok_or_else(|| bad(place, hint, None, None))?;
    if text.len() > VALUE_BYTES_MAX {
        let size = Some(text.len().into());
        return Err(bad(place, format!("is longer than {VALUE_BYTES_MAX} bytes"), Some(VALUE_BYTES_MAX), size));
    }
    if text.contains('\0') {
        return Err(bad(place, "holds a U+0000 character", None, None));
    }
    Ok(text.to_owned())
}

pub fn id(place: &str, value: &Value) -> Result<MemoryId, Problem> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| bad(place, "is no id of a memory", None, None))
}

pub fn instant(place: &str, value: &Value) -> Result<Timestamp, Problem> {
    let parsed = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    parsed.map(|instant| instant.to_utc()).ok_or_else(|| bad(place, "is no RFC 3339 time", None, None))
}

pub fn number(place: &str, value: &Value) -> Result<f64, Problem> {
    value.as_f64().ok_or_else(|| bad(place, "is no number", None, None))
}

pub fn yes(place: &str, value: &Value) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(|| bad(place, "is neither true nor false", None, None))
}
