//! Memories of every kind, from few words, so that they are alike in part.

use chrono::{DateTime, TimeDelta};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};
use second_brain::domain::{
    ids::Timestamp,
    memory::{Draft, Scope, Source, draft::Patch},
};
use serde_json::{Map, Value, json};

pub const TAGS: [&str; 5] = ["tea", "tin", "Tea", "ёж", "a,b \"c\\"];
pub const NAMES: [&str; 4] = ["ann", "bob", "Ann", "o'neil {x}\\N"];
pub const TYPES: [&str; 3] = ["semantic", "episodic", "procedural"];
pub const IMPORTANCES: [f64; 6] = [0.0, 0.1, 0.3, 0.5, 0.7000000000000001, 1.0];
const TEXTS: [&str; 6] = ["Tea at four", "a\nb\n\nc", "quote \" and \\ and \t", "ёж 🎉 %_\\N", "{a,b;c|d}", "NULL"];
/// Before and after the year from which Postgres counts.
const FIRST_MICROS: i64 = 946_684_799_999_998;

/// One of few instants that lie close together.
pub fn instant() -> impl Strategy<Value = Timestamp> {
    (0..6i64).prop_map(|micros| DateTime::from_timestamp_micros(FIRST_MICROS + micros).expect("in range"))
}

/// An instant as a client may say it: nanoseconds from those.
pub fn fine_instant() -> impl Strategy<Value = Timestamp> {
    (instant(), select(vec![0, 0, 1, 400, 999])).prop_map(|(at, nanos)| at + TimeDelta::nanoseconds(nanos))
}

pub fn metadata() -> impl Strategy<Value = Map<String, Value>> {
    let values = vec![
        json!({}),
        json!({"n": 1}),
        json!({"n": 1.5, "s": "tea"}),
        json!({"n": [1, 2, {"a": null}], "s": null}),
        json!({"s": {"a": {"b": true}}, "n": "1"}),
        json!({"n": 1e300, "s": [["tea"], "tin"]}),
        json!({"n": 0.1, "a b\"\\": "ёж"}),
        json!({"n": 12345678901234567890u64, "s": [{"a": 1}, {"a": 2}]}),
    ];
    select(values).prop_map(|value| value.as_object().cloned().expect("an object"))
}

fn name() -> impl Strategy<Value = Option<String>> {
    option::of(select(NAMES.to_vec()).prop_map(str::to_owned))
}

fn tags() -> impl Strategy<Value = Vec<String>> {
    subsequence(TAGS.to_vec(), 0..=3).prop_map(|tags| tags.into_iter().map(str::to_owned).collect())
}

fn text() -> impl Strategy<Value = String> {
    vec(select(TEXTS.to_vec()), 1..3).prop_map(|parts| parts.join(" "))
}

fn source() -> impl Strategy<Value = Source> {
    (name(), name(), name(), option::of(0..3u64)).prop_map(|(kind, uri, id, position)| Source { kind, uri, id, position })
}

pub fn draft() -> impl Strategy<Value = Draft> {
    let texts = (option::of(text()), text(), option::of(select(TYPES.to_vec())));
    let fields = (metadata(), tags(), option::of(select(IMPORTANCES.to_vec())), source());
    let scope = (name(), name(), name(), option::of(instant()));
    (texts, fields, scope).prop_map(|((title, content, kind), (metadata, tags, importance, source), scope)| {
        let (user_id, agent_id, run_id, occurred_at) = scope;
        let scope = Scope { user_id, agent_id, run_id };
        Draft {
            title,
            content,
            memory_type: kind.map(str::to_owned),
            metadata,
            tags,
            importance,
            source,
            scope,
            occurred_at,
            sensitive: None,
        }
    })
}

pub fn patch() -> impl Strategy<Value = Patch> {
    let texts = (option::of(option::of(text())), option::of(text()), option::of(tags()), option::of(metadata()));
    let fields = (option::of(select(IMPORTANCES.to_vec())), option::of(option::of(instant())), option::of(name()));
    (texts, fields).prop_map(|((title, content, tags, metadata), (importance, occurred_at, user_id))| Patch {
        title,
        content,
        tags,
        metadata,
        importance,
        occurred_at,
        user_id,
        ..Patch::default()
    })
}
