//! Reads the filters of a search: a JSON object in which every field must hold, with `and`, `or` and `not`.
//!
//! - [`values`]: what one field is compared with.
//! - [`metadata`]: the same at any place of the metadata.
//!
//! Called by the handlers. Every refusal names the place, as in `filters.and[1].importance.gte`. What cannot mean what was typed is
//! refused: a filter that silently admits nothing is worse than none.

mod metadata;
mod values;

use serde_json::Value;

use self::values::{Comparison, comparisons};
use crate::{
    api::http::error::Problem,
    app::error::short,
    ports::{Bound, Filter, Optional, Test},
};

/// How deep `and`, `or` and `not` may be nested.
const DEPTH_MAX: usize = 5;
/// Most conditions of a filter, and most of its parts: elements of lists and objects within objects, the empty ones too.
const CONDITIONS_MAX: usize = 100;
const PARTS_MAX: usize = 100;
/// Most values of a list.
const VALUES_MAX: usize = 100;
/// All that can be filtered by, for those who name something else.
const FIELDS: &str = "id, memory_type, tags, metadata, occurred_at, created_at, updated_at, importance, source_kind, source_uri, \
    source_id, user_id, agent_id, run_id; what a client has added itself stands in metadata";

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

    fn condition(&mut self, place: &str) -> Result<(), Problem> {
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            return Err(bad(place, format!("is one condition more than {CONDITIONS_MAX}"), Some(CONDITIONS_MAX), None));
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
                "and" | "AND" | "$and" => Filter::All(self.list(&place, value, depth)?),
                "or" | "OR" | "$or" => Filter::Any(self.list(&place, value, depth)?),
                "not" | "NOT" | "$not" => {
                    self.part(&place)?;
                    Filter::not(self.object(&place, value, depth + 1)?)
                }
                _ => self.field(&place, name, value)?,
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

    fn field(&mut self, place: &str, name: &str, value: &Value) -> Result<Filter, Problem> {
        self.condition(place)?;
        match name {
            "memory_type" => self.texts(place, value, (None, Test::MemoryType)),
            "source_kind" => self.texts(place, value, (Some(Optional::SourceKind), Test::SourceKind)),
            "source_uri" => self.texts(place, value, (Some(Optional::SourceUri), Test::SourceUri)),
            "source_id" => self.texts(place, value, (Some(Optional::SourceId), Test::SourceId)),
            "user_id" => self.texts(place, value, (Some(Optional::UserId), Test::UserId)),
            "agent_id" => self.texts(place, value, (Some(Optional::AgentId), Test::AgentId)),
            "run_id" => self.texts(place, value, (Some(Optional::RunId), Test::RunId)),
            "id" => self.among(place, value, values::id, (None, Test::Id)),
            "ids" => Ok(Filter::Is(Test::Id(self.values(place, value, values::id)?))),
            "tags" => self.tags(place, value),
            "metadata" => metadata::read(self, place, value),
            "occurred_at" => self.range(place, value, values::instant, (Some(Optional::OccurredAt), Test::OccurredAt)),
            "created_at" => self.range(place, value, values::instant, (None, Test::CreatedAt)),
            "updated_at" => self.range(place, value, values::instant, (None, Test::UpdatedAt)),
            "importance" => self.range(place, value, values::number, (None, Test::Importance)),
            _ => Err(bad(place, format!("is no field that can be filtered by; there are {FIELDS}"), None, None)),
        }
    }

    /// The elements of a list of values.
    fn values<T>(&mut self, place: &str, value: &Value, read: Read<T>) -> Result<Vec<T>, Problem> {
        let values = value.as_array().ok_or_else(|| bad(place, "is no list", None, None))?;
        if values.is_empty() || values.len() > VALUES_MAX {
            let count = Some(values.len().into());
            return Err(bad(place, format!("needs 1 to {VALUES_MAX} values"), Some(VALUES_MAX), count));
        }
        let one = |(index, value)| {
            let place = format!("{place}[{index}]");
            self.part(&place)?;
            read(&place, value)
        };
        values.iter().enumerate().map(one).collect()
    }

    fn texts(&mut self, place: &str, value: &Value, field: Field<Vec<String>>) -> Result<Filter, Problem> {
        self.among(place, value, values::text, field)
    }

    /// One value, or an object that says which: `eq`, `ne`, `in`, `nin`, `exists`.
    fn among<T>(&mut self, place: &str, value: &Value, read: Read<T>, field: Field<Vec<T>>) -> Result<Filter, Problem> {
        let (optional, test) = field;
        let Value::Object(fields) = value else { return Ok(Filter::Is(test(vec![read(place, value)?]))) };
        let mut parts = vec![];
        for (comparison, place, value) in comparisons(place, fields)? {
            self.condition(&place)?;
            parts.push(match comparison {
                Comparison::Equal => Filter::Is(test(vec![read(&place, value)?])),
                Comparison::Unequal => Filter::not(Filter::Is(test(vec![read(&place, value)?]))),
                Comparison::In => Filter::Is(test(self.values(&place, value, read)?)),
                Comparison::NotIn => Filter::not(Filter::Is(test(self.values(&place, value, read)?))),
                Comparison::Exists => exists(&place, value, optional)?,
                _ => return Err(bad(&place, "is none of eq, ne, in, nin, exists", None, None)),
            });
        }
        Ok(Filter::All(parts))
    }

    /// One value, or an object with the ends of a range.
    fn range<T: Copy>(&mut self, place: &str, value: &Value, read: Read<T>, field: Field<Bound<T>>) -> Result<Filter, Problem> {
        let (optional, test) = field;
        let exactly = |value: T| Filter::Is(test(Bound { gte: Some(value), lte: Some(value), gt: None, lt: None }));
        let Value::Object(fields) = value else { return Ok(exactly(read(place, value)?)) };
        let (mut parts, mut bound, mut is_bounded) = (vec![], Bound { gt: None, gte: None, lt: None, lte: None }, false);
        for (comparison, place, value) in comparisons(place, fields)? {
            self.condition(&place)?;
            let end = match comparison {
                Comparison::Greater => &mut bound.gt,
                Comparison::GreaterOrEqual => &mut bound.gte,
                Comparison::Less => &mut bound.lt,
                Comparison::LessOrEqual => &mut bound.lte,
                Comparison::Equal => {
                    parts.push(exactly(read(&place, value)?));
                    continue;
                }
                Comparison::Unequal => {
                    parts.push(Filter::not(exactly(read(&place, value)?)));
                    continue;
                }
                Comparison::Exists => {
                    parts.push(exists(&place, value, optional)?);
                    continue;
                }
                Comparison::In | Comparison::NotIn => {
                    return Err(bad(&place, "is none of gt, gte, lt, lte, eq, ne, exists", None, None));
                }
            };
            (*end, is_bounded) = (Some(read(&place, value)?), true);
        }
        if is_bounded {
            parts.push(Filter::Is(test(bound)));
        }
        Ok(Filter::All(parts))
    }

    /// A list of tags that must all be there, or an object that says otherwise.
    fn tags(&mut self, place: &str, value: &Value) -> Result<Filter, Problem> {
        const WAYS: &str = "all, any, none, exists";
        let fields = match value {
            Value::Object(fields) => fields,
            Value::String(_) => return Ok(Filter::Is(Test::TagsAll(vec![values::text(place, value)?]))),
            Value::Array(tags) if tags.is_empty() => {
                let detail = "is an empty list; memories without tags are found by {\"exists\": false}";
                return Err(bad(place, detail, Some(VALUES_MAX), Some(0.into())));
            }
            _ => return Ok(Filter::Is(Test::TagsAll(self.values(place, value, values::text)?))),
        };
        if fields.is_empty() {
            return Err(bad(place, format!("needs one of {WAYS}"), None, None));
        }
        let mut parts = vec![];
        for (name, value) in fields {
            let place = format!("{place}.{}", short(name));
            self.condition(&place)?;
            parts.push(match name.trim_start_matches('$') {
                "all" => Filter::Is(Test::TagsAll(self.values(&place, value, values::text)?)),
                "any" | "in" => Filter::Is(Test::TagsAny(self.values(&place, value, values::text)?)),
                "none" | "nin" => Filter::not(Filter::Is(Test::TagsAny(self.values(&place, value, values::text)?))),
                "exists" if values::yes(&place, value)? => Filter::not(Filter::Is(Test::Untagged)),
                "exists" => Filter::Is(Test::Untagged),
                _ => return Err(bad(&place, format!("is none of {WAYS}"), None, None)),
            });
        }
        Ok(Filter::All(parts))
    }
}

/// Reads a value that stands at a place.
type Read<T> = fn(&str, &Value) -> Result<T, Problem>;
/// What is told by its absence, and the test of a value.
type Field<T> = (Option<Optional>, fn(T) -> Test);

fn exists(place: &str, value: &Value, optional: Option<Optional>) -> Result<Filter, Problem> {
    let optional = optional.ok_or_else(|| bad(place, "asks for what every memory has", None, None))?;
    let present = Filter::Is(Test::Present(optional));
    Ok(if values::yes(place, value)? { present } else { Filter::not(present) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ids::MemoryId;

    /// Without the lists of one.
    fn flat(filter: Filter) -> Filter {
        match filter {
            Filter::All(mut parts) if parts.len() == 1 => flat(parts.remove(0)),
            Filter::All(parts) => Filter::All(parts.into_iter().map(flat).collect()),
            Filter::Any(parts) => Filter::Any(parts.into_iter().map(flat).collect()),
            Filter::Not(part) => Filter::not(flat(*part)),
            is => is,
        }
    }

    fn of(filters: Value) -> Filter {
        flat(read(Some(&filters)).unwrap_or_else(|problem| panic!("{filters}: {problem:?}")))
    }

    #[test]
    fn fields_must_all_hold_and_nest() {
        let expected = Filter::All(vec![
            Filter::Is(Test::MemoryType(vec!["semantic".into(), "episodic".into()])),
            Filter::Any(vec![
                Filter::Is(Test::TagsAll(vec!["a".into()])),
                Filter::not(Filter::Is(Test::Importance(Bound { gt: Some(0.5), ..Bound::default() }))),
            ]),
        ]);
        for [and, or, not, is_in, gt] in
            [["and", "or", "not", "in", "gt"], ["$and", "$or", "$not", "$in", "$gt"], ["AND", "OR", "NOT", "in", "$gt"]]
        {
            let filter = json!({and: [{"memory_type": {is_in: ["semantic", "episodic"]}}, {or: [{"tags": ["a"]}, {not: {"importance": {gt: 0.5}}}]}]});
            assert_eq!(of(filter), expected);
        }
        assert!(read(None).unwrap().is_none());
        assert!(read(Some(&json!({}))).unwrap().is_none());
    }

    #[test]
    fn each_way_of_comparing_means_what_it_says() {
        let is = Filter::Is;
        let user = |values: &[&str]| is(Test::UserId(values.iter().map(ToString::to_string).collect()));
        let tags = |values: &[&str]| is(Test::TagsAny(values.iter().map(ToString::to_string).collect()));
        let id = "018f0000-0000-7000-8000-000000000001";
        let exactly = |at: f64| is(Test::Importance(Bound { gte: Some(at), lte: Some(at), ..Bound::default() }));
        for (filter, expected) in [
            (json!({"user_id": {"eq": "a"}}), user(&["a"])),
            (json!({"user_id": {"$ne": "a"}}), Filter::not(user(&["a"]))),
            (json!({"user_id": {"nin": ["a", "b"]}}), Filter::not(user(&["a", "b"]))),
            (json!({"user_id": {"in": ["a"], "ne": "b"}}), Filter::All(vec![user(&["a"]), Filter::not(user(&["b"]))])),
            (json!({"user_id": {"exists": true}}), is(Test::Present(Optional::UserId))),
            (json!({"occurred_at": {"exists": false}}), Filter::not(is(Test::Present(Optional::OccurredAt)))),
            (json!({"source_uri": "file:///a"}), is(Test::SourceUri(vec!["file:///a".into()]))),
            (json!({"id": id}), is(Test::Id(vec![MemoryId(id.parse().unwrap())]))),
            (json!({"ids": [id]}), is(Test::Id(vec![MemoryId(id.parse().unwrap())]))),
            (json!({"tags": "a"}), is(Test::TagsAll(vec!["a".into()]))),
            (json!({"tags": {"none": ["a"]}}), Filter::not(tags(&["a"]))),
            (json!({"tags": {"any": ["a"], "none": ["b"]}}), Filter::All(vec![tags(&["a"]), Filter::not(tags(&["b"]))])),
            (json!({"tags": {"exists": false}}), is(Test::Untagged)),
            (json!({"importance": 0.5}), exactly(0.5)),
            (json!({"importance": {"ne": 0.5}}), Filter::not(exactly(0.5))),
        ] {
            assert_eq!(of(filter.clone()), expected, "{filter}");
        }
    }

    #[test]
    fn a_refusal_names_the_place() {
        let many: Vec<Value> = (0..101).map(|n| json!({"user_id": n.to_string()})).collect();
        for (filters, place) in [
            (json!([]), "filters"),
            (json!({"colour": "red"}), "filters.colour"),
            (json!({"metadata.n": 1}), "filters.metadata.n"),
            (json!({"and": [{}, {"importance": {"gte": "high"}}]}), "filters.and[1].importance.gte"),
            (json!({"importance": {"above": 1}}), "filters.importance.above"),
            (json!({"importance": {}}), "filters.importance"),
            (json!({"importance": {"in": [1]}}), "filters.importance.in"),
            (json!({"importance": {"exists": true}}), "filters.importance.exists"),
            (json!({"created_at": "yesterday"}), "filters.created_at"),
            (json!({"updated_at": {"gte": 1}}), "filters.updated_at.gte"),
            (json!({"tags": []}), "filters.tags"),
            (json!({"tags": {}}), "filters.tags"),
            (json!({"tags": {"some": ["a"]}}), "filters.tags.some"),
            (json!({"tags": {"any": ["a\u{0}"]}}), "filters.tags.any[0]"),
            (json!({"user_id": {"in": ["a"], "not": 1}}), "filters.user_id.not"),
            (json!({"user_id": {"gt": "a"}}), "filters.user_id.gt"),
            (json!({"user_id": {"exists": "yes"}}), "filters.user_id.exists"),
            (json!({"user_id": null}), "filters.user_id"),
            (json!({"user_id": ["a"]}), "filters.user_id"),
            (json!({"id": "7"}), "filters.id"),
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
