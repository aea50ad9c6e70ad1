//! Reads the filters of a search: a JSON object in which every field must hold, with `and`, `or` and `not`.
//!
//! Called by the handler. Every refusal names the place, as in `filters.and[1].importance.gte`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::{
    api::{body::short, error::Problem},
    ports::{Bound, Filter, Test},
};

/// How deep `and`, `or` and `not` may be nested.
const DEPTH_MAX: usize = 5;
/// Most conditions of a filter, and most of its parts: elements of lists and objects within objects, the empty ones too.
const CONDITIONS_MAX: usize = 100;
const PARTS_MAX: usize = 100;
/// Most values of a list.
const VALUES_MAX: usize = 100;
/// Longest value, in bytes.
const VALUE_BYTES_MAX: usize = 1_024;
/// Largest object that metadata must contain, as JSON.
const METADATA_BYTES_MAX: usize = 8 * 1_024;

/// The filter of a search; `None` admits everything.
pub fn read(filters: Option<&Value>) -> Result<Filter, Problem> {
    let mut reading = Reading { conditions: 0, parts: 0 };
    match filters {
        None | Some(Value::Null) => Ok(Filter::none()),
        Some(value) => reading.object("filters", value, 0),
    }
}

fn bad(place: &str, detail: impl std::fmt::Display, limit: Option<usize>, value: Option<Value>) -> Problem {
    Problem::new("search.bad_filter", format!("{place} {detail}")).at(place, limit.map(Value::from), value)
}

/// What has been read so far. Whatever a client can make more of is counted before it is looked at.
struct Reading {
    conditions: usize,
    parts: usize,
}

impl Reading {
    fn part(&mut self, place: &str) -> Result<(), Problem> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(bad(place, format!("is one part more than {PARTS_MAX}"), Some(PARTS_MAX), None));
        }
        Ok(())
    }

    fn object(&mut self, place: &str, value: &Value, depth: usize) -> Result<Filter, Problem> {
        if depth > DEPTH_MAX {
            return Err(bad(place, format!("is nested deeper than {DEPTH_MAX}"), Some(DEPTH_MAX), Some(depth.into())));
        }
        let fields = value.as_object().ok_or_else(|| bad(place, "is no object", None, None))?;
        let mut parts = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let place = format!("{place}.{}", short(name));
            parts.push(match name.as_str() {
                "and" => Filter::All(self.list(&place, value, depth)?),
                "or" => Filter::Any(self.list(&place, value, depth)?),
                "not" => {
                    self.part(&place)?;
                    Filter::Not(Box::new(self.object(&place, value, depth + 1)?))
                }
                _ => Filter::Is(self.test(&place, name, value)?),
            });
        }
        Ok(Filter::All(parts))
    }

    fn list(&mut self, place: &str, value: &Value, depth: usize) -> Result<Vec<Filter>, Problem> {
        let parts = value.as_array().ok_or_else(|| bad(place, "is no list of filters", None, None))?;
        let part = |(index, part)| {
            let place = format!("{place}[{index}]");
            self.part(&place)?;
            self.object(&place, part, depth + 1)
        };
        parts.iter().enumerate().map(part).collect()
    }

    fn test(&mut self, place: &str, name: &str, value: &Value) -> Result<Test, Problem> {
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            return Err(bad(place, format!("is one condition more than {CONDITIONS_MAX}"), Some(CONDITIONS_MAX), None));
        }
        Ok(match name {
            "memory_type" => Test::MemoryType(self.one_or_in(place, value)?),
            "source_kind" => Test::SourceKind(self.one_or_in(place, value)?),
            "source_id" => Test::SourceId(self.one_or_in(place, value)?),
            "user_id" => Test::UserId(self.one_or_in(place, value)?),
            "agent_id" => Test::AgentId(self.one_or_in(place, value)?),
            "run_id" => Test::RunId(self.one_or_in(place, value)?),
            "tags" => self.tags(place, value)?,
            "metadata" => metadata(place, value)?,
            "occurred_at" => Test::OccurredAt(bound(place, value, instant)?),
            "created_at" => Test::CreatedAt(bound(place, value, instant)?),
            "importance" => Test::Importance(bound(place, value, number)?),
            _ => return Err(bad(place, "is no field that can be filtered by", None, None)),
        })
    }

    fn texts(&mut self, place: &str, value: &Value) -> Result<Vec<String>, Problem> {
        let values = value.as_array().ok_or_else(|| bad(place, "is no list", None, None))?;
        if values.is_empty() || values.len() > VALUES_MAX {
            let count = Some(values.len().into());
            return Err(bad(place, format!("needs 1 to {VALUES_MAX} values"), Some(VALUES_MAX), count));
        }
        let read = |(index, value)| {
            let place = format!("{place}[{index}]");
            self.part(&place)?;
            text(&place, value)
        };
        values.iter().enumerate().map(read).collect()
    }

    fn one_or_in(&mut self, place: &str, value: &Value) -> Result<Vec<String>, Problem> {
        match value {
            Value::Object(fields) => self.texts(&format!("{place}.in"), only(place, fields, &["in"])?.1),
            one => Ok(vec![text(place, one)?]),
        }
    }

    fn tags(&mut self, place: &str, value: &Value) -> Result<Test, Problem> {
        let Value::Object(fields) = value else { return Ok(Test::TagsAll(self.texts(place, value)?)) };
        let (name, value) = only(place, fields, &["all", "any"])?;
        let tags = self.texts(&format!("{place}.{name}"), value)?;
        Ok(if name == "any" { Test::TagsAny(tags) } else { Test::TagsAll(tags) })
    }
}

fn text(place: &str, value: &Value) -> Result<String, Problem> {
    let text = value.as_str().ok_or_else(|| bad(place, "is no text", None, None))?;
    if text.len() > VALUE_BYTES_MAX {
        let size = Some(text.len().into());
        return Err(bad(place, format!("is longer than {VALUE_BYTES_MAX} bytes"), Some(VALUE_BYTES_MAX), size));
    }
    if text.contains('\0') {
        return Err(bad(place, "holds a U+0000 character", None, None));
    }
    Ok(text.to_owned())
}

/// The one field of an object that may have one of these.
fn only<'a>(place: &str, fields: &'a Map<String, Value>, names: &[&str]) -> Result<(&'a str, &'a Value), Problem> {
    match fields.iter().next() {
        Some((name, value)) if fields.len() == 1 && names.contains(&name.as_str()) => Ok((name, value)),
        _ => Err(bad(place, format!("needs exactly one of {}", names.join(", ")), None, None)),
    }
}

fn metadata(place: &str, value: &Value) -> Result<Test, Problem> {
    if !value.is_object() {
        return Err(bad(place, "is no object", None, None));
    }
    let json = value.to_string();
    if json.len() > METADATA_BYTES_MAX {
        let size = Some(json.len().into());
        return Err(bad(place, format!("is larger than {METADATA_BYTES_MAX} bytes"), Some(METADATA_BYTES_MAX), size));
    }
    if json.contains("\\u0000") {
        return Err(bad(place, "holds a U+0000 character", None, None));
    }
    Ok(Test::Metadata(value.clone()))
}

fn instant(place: &str, value: &Value) -> Result<DateTime<Utc>, Problem> {
    let parsed = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    parsed.map(|instant| instant.to_utc()).ok_or_else(|| bad(place, "is no RFC 3339 time", None, None))
}

fn number(place: &str, value: &Value) -> Result<f64, Problem> {
    value.as_f64().ok_or_else(|| bad(place, "is no number", None, None))
}

fn bound<T: Copy>(place: &str, value: &Value, read: fn(&str, &Value) -> Result<T, Problem>) -> Result<Bound<T>, Problem> {
    let Value::Object(fields) = value else {
        let equal = Some(read(place, value)?);
        return Ok(Bound { gte: equal, lte: equal, gt: None, lt: None });
    };
    let mut bound = Bound { gt: None, gte: None, lt: None, lte: None };
    for (name, value) in fields {
        let place = format!("{place}.{}", short(name));
        let end = match name.as_str() {
            "gt" => &mut bound.gt,
            "gte" => &mut bound.gte,
            "lt" => &mut bound.lt,
            "lte" => &mut bound.lte,
            _ => return Err(bad(&place, "is none of gt, gte, lt, lte", None, None)),
        };
        *end = Some(read(&place, value)?);
    }
    if fields.is_empty() {
        return Err(bad(place, "needs one of gt, gte, lt, lte", None, None));
    }
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_must_all_hold_and_nest() {
        let filter = read(Some(&json!({
            "memory_type": {"in": ["semantic", "episodic"]},
            "or": [{"tags": ["a"]}, {"not": {"importance": {"gt": 0.5}}}],
        })));
        let expected = Filter::All(vec![
            Filter::Is(Test::MemoryType(vec!["semantic".into(), "episodic".into()])),
            Filter::Any(vec![
                Filter::All(vec![Filter::Is(Test::TagsAll(vec!["a".into()]))]),
                Filter::All(vec![Filter::Not(Box::new(Filter::All(vec![Filter::Is(Test::Importance(Bound {
                    gt: Some(0.5),
                    ..Bound::default()
                }))])))]),
            ]),
        ]);
        assert_eq!(filter.unwrap(), expected);
        assert!(read(None).unwrap().is_none());
        assert!(read(Some(&json!({}))).unwrap().is_none());
    }

    #[test]
    fn a_refusal_names_the_place() {
        let many: Vec<Value> = (0..101).map(|n| json!({"user_id": n.to_string()})).collect();
        for (filters, place) in [
            (json!([]), "filters"),
            (json!({"colour": "red"}), "filters.colour"),
            (json!({"and": [{}, {"importance": {"gte": "high"}}]}), "filters.and[1].importance.gte"),
            (json!({"importance": {"above": 1}}), "filters.importance.above"),
            (json!({"created_at": "yesterday"}), "filters.created_at"),
            (json!({"tags": []}), "filters.tags"),
            (json!({"tags": {"any": ["a\u{0}"]}}), "filters.tags.any[0]"),
            (json!({"user_id": {"in": ["a"], "not": 1}}), "filters.user_id"),
            (json!({"metadata": {"a": "\u{0}"}}), "filters.metadata"),
            (json!({"not": {"not": {"not": {"not": {"not": {"not": {}}}}}}}), "filters.not.not.not.not.not.not"),
            (json!({"or": many}), "filters.or[100]"),
            (json!({"and": vec![json!({}); 101]}), "filters.and[100]"),
            (json!({"and": vec![json!({"not": {}}); 51]}), "filters.and[50]"),
            (json!({"user_id": {"in": vec!["a"; 60]}, "tags": vec!["a"; 60]}), "filters.user_id.in[40]"),
        ] {
            let problem = read(Some(&filters)).unwrap_err();
            assert_eq!((&*problem.code, &*problem.errors[0].field), ("search.bad_filter", place));
        }
    }
}
