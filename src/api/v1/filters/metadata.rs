//! Reads what is asked of the metadata: an object that they must contain, in which any value may be an object of comparisons.
//!
//! `{"metadata": {"place": {"city": "Rome"}, "year": {"gte": 2020}}}`. Numbers are compared with numbers and texts with texts, by their
//! code points, which is the order of time for dates that are written alike. Of a list one element must hold; `ne` and `nin` hold where
//! `eq` and `in` do not, also where there is nothing. A value that is itself an object of such names is asked for by `eq`.

use serde_json::{Map, Value};

use super::{
    Reading, bad,
    values::{Comparison, comparisons, yes},
};
use crate::{
    api::http::error::Problem,
    app::error::short,
    ports::{End, Filter, Test, ValueTest},
};

/// Largest object that metadata must contain, as JSON.
const BYTES_MAX: usize = 8 * 1_024;

/// Ways of comparing that others know and that nobody means as the name of a field, where nothing else stands beside them.
const OTHERS: [&str; 25] = [
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "all",
    "any",
    "between",
    "contains",
    "endswith",
    "ends_with",
    "equals",
    "icontains",
    "ilike",
    "like",
    "match",
    "neq",
    "none",
    "not",
    "not_in",
    "notin",
    "regex",
    "startswith",
    "starts_with",
];

pub fn read(reading: &mut Reading, place: &str, value: &Value) -> Result<Filter, Problem> {
    let fields = value.as_object().ok_or_else(|| bad(place, "is no object", None, None))?;
    let json = value.to_string();
    if json.len() > BYTES_MAX {
        let size = Some(json.len().into());
        return Err(bad(place, format!("is larger than {BYTES_MAX} bytes"), Some(BYTES_MAX), size));
    }
    if json.contains("\\u0000") {
        return Err(bad(place, "holds a U+0000 character", None, None));
    }
    let mut parts = vec![];
    let literal = at(reading, (place, &[]), fields, &mut parts)?;
    if literal.as_object().is_some_and(|literal| !literal.is_empty()) || parts.is_empty() {
        parts.push(Filter::Is(Test::Metadata(literal)));
    }
    Ok(Filter::All(parts))
}

/// Takes the comparisons out of an object, and gives what is left of it to be contained.
fn at(
    reading: &mut Reading,
    (place, path): (&str, &[String]),
    fields: &Map<String, Value>,
    parts: &mut Vec<Filter>,
) -> Result<Value, Problem> {
    let mut left = Map::new();
    for (name, value) in fields {
        let (place, path) = (format!("{place}.{}", short(name)), [path, std::slice::from_ref(name)].concat());
        let is_list_of_filters = value.as_array().is_some_and(|list| list.iter().all(Value::is_object) && !list.is_empty());
        if matches!(name.as_str(), "$and" | "$or" | "$nor") && is_list_of_filters {
            return Err(bad(
                &place,
                "stands within the metadata; and, or and not stand around it, each with its metadata",
                None,
                None,
            ));
        }
        match value {
            Value::Object(inner) if are_comparisons(inner) => parts.push(compared(reading, &place, &path, inner)?),
            Value::Object(inner) => {
                let rest = at(reading, (&place, &path), inner, parts)?;
                let is_taken_out = rest.as_object().is_some_and(Map::is_empty) && !inner.is_empty();
                if !is_taken_out {
                    left.insert(name.clone(), rest);
                }
            }
            plain => drop(left.insert(name.clone(), plain.clone())),
        }
    }
    Ok(left.into())
}

/// Whether all names in an object are ways of comparing, known or not; or one of them can be nothing else.
fn are_comparisons(fields: &Map<String, Value>) -> bool {
    let looks_so = |name: &String| Comparison::named(name).is_some() || OTHERS.contains(&name.as_str());
    fields.keys().any(|name| name.starts_with('$')) || (!fields.is_empty() && fields.keys().all(looks_so))
}

fn compared(reading: &mut Reading, place: &str, path: &[String], fields: &Map<String, Value>) -> Result<Filter, Problem> {
    let named = comparisons(place, fields).map_err(|mut problem| {
        problem.detail.push_str("; an object that has such a name is asked for by {\"eq\": …}");
        problem
    })?;
    let is = |value: ValueTest| Filter::Is(Test::MetadataAt(path.to_vec(), value));
    let (mut parts, mut ends) = (vec![], vec![]);
    for (comparison, place, value) in named {
        reading.condition(&place)?;
        let end = match comparison {
            Comparison::Greater => End::Greater,
            Comparison::GreaterOrEqual => End::GreaterOrEqual,
            Comparison::Less => End::Less,
            Comparison::LessOrEqual => End::LessOrEqual,
            Comparison::Equal => {
                parts.push(is(ValueTest::In(vec![value.clone()])));
                continue;
            }
            Comparison::Unequal => {
                parts.push(Filter::not(is(ValueTest::In(vec![value.clone()]))));
                continue;
            }
            Comparison::In => {
                parts.push(is(ValueTest::In(list(reading, &place, value)?)));
                continue;
            }
            Comparison::NotIn => {
                parts.push(Filter::not(is(ValueTest::In(list(reading, &place, value)?))));
                continue;
            }
            Comparison::Exists => {
                let exists = is(ValueTest::Exists);
                parts.push(if yes(&place, value)? { exists } else { Filter::not(exists) });
                continue;
            }
        };
        if !value.is_number() && !value.is_string() {
            return Err(bad(&place, "is neither a number nor a text", None, None));
        }
        ends.push((end, value.clone()));
    }
    if ends.iter().any(|(_, end)| end.is_number() != ends[0].1.is_number()) {
        return Err(bad(place, "goes from a number to a text, or the other way", None, None));
    }
    if !ends.is_empty() {
        parts.push(is(ValueTest::Between(ends)));
    }
    Ok(Filter::All(parts))
}

fn list(reading: &mut Reading, place: &str, value: &Value) -> Result<Vec<Value>, Problem> {
    reading.values(place, value, |_, value| Ok(value.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(metadata: &Value) -> Result<Filter, Problem> {
        read(&mut Reading { conditions: 0, parts: 0 }, "filters.metadata", metadata)
    }

    #[test]
    fn what_compares_is_taken_out_and_the_rest_is_contained() {
        let place = |path: &[&str], value| Filter::Is(Test::MetadataAt(path.iter().map(ToString::to_string).collect(), value));
        let between = |ends: &[(End, Value)]| ValueTest::Between(ends.to_vec());
        let of = |metadata: Value| match of(&metadata) {
            Ok(Filter::All(parts)) => parts,
            other => panic!("{metadata}: {other:?}"),
        };
        let one = |part: Filter| Filter::All(vec![part]);
        let literal = |value: Value| Filter::Is(Test::Metadata(value));
        assert_eq!(of(json!({"n": 4, "a": {"b": [1]}})), [literal(json!({"n": 4, "a": {"b": [1]}}))]);
        assert_eq!(of(json!({})), [literal(json!({}))]);
        let range = between(&[(End::GreaterOrEqual, json!(4)), (End::Less, json!(9))]);
        for gte in ["gte", "$gte"] {
            assert_eq!(of(json!({"n": {gte: 4, "lt": 9}})), [one(place(&["n"], range.clone()))]);
        }
        let nested = json!({"a": {"b": {"in": [5, "x"]}, "c": true}, "d": {"exists": false}});
        let wanted = [
            one(place(&["a", "b"], ValueTest::In(vec![json!(5), json!("x")]))),
            one(Filter::not(place(&["d"], ValueTest::Exists))),
            literal(json!({"a": {"c": true}})),
        ];
        assert_eq!(of(nested), wanted);
        let own = json!({"gte": 4});
        assert_eq!(of(json!({"n": {"eq": own}})), [one(place(&["n"], ValueTest::In(vec![own])))]);
        for plain in [
            json!({"gte": 4}),
            json!({"$gt": 5}),
            json!({"a": {"in": "Rome", "street": 1}}),
            json!({"a": [{"gte": 4}]}),
            json!({"a": {}}),
        ] {
            assert_eq!(of(plain.clone()), [literal(plain)], "names of fields");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (metadata, place) in [
            (json!([]), "filters.metadata"),
            (json!({"n": {"contains": "a"}}), "filters.metadata.n.contains"),
            (json!({"n": {"$regex": "a"}}), "filters.metadata.n.$regex"),
            (json!({"n": {"$gte": 4, "unit": "kg"}}), "filters.metadata.n.unit"),
            (json!({"n": {">=": 4}}), "filters.metadata.n.>="),
            (json!({"n": {"gte": 4, "lt": "x"}}), "filters.metadata.n"),
            (json!({"n": {"gte": null}}), "filters.metadata.n.gte"),
            (json!({"n": {"in": 4}}), "filters.metadata.n.in"),
            (json!({"n": {"in": []}}), "filters.metadata.n.in"),
            (json!({"n": {"exists": 1}}), "filters.metadata.n.exists"),
            (json!({"$or": [{"n": 1}]}), "filters.metadata.$or"),
            (json!({"a": {"b": {"near": 1, "$gt": 2}}}), "filters.metadata.a.b.near"),
        ] {
            let problem = of(&metadata).expect_err(&metadata.to_string());
            assert_eq!((&*problem.code, &*problem.errors[0].field), ("search.bad_filter", place));
        }
    }
}
