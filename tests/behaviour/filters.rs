//! Each filter against a naive reading of it, on memories with odd values: whatever is stored, a filter finds those and no others.

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Reply, World};

/// What every note says, so that a search by words shows all that the filter lets through.
const WORD: &str = "quokka";

fn notes() -> Vec<Value> {
    let metadata = [
        json!({"n": 1}),
        json!({"n": 4}),
        json!({"n": 4.5, "unit": "kg"}),
        json!({"n": "4"}),
        json!({"n": null}),
        json!({"n": [1, 9]}),
        json!({"n": []}),
        json!({"n": {"gte": 4}}),
        json!({"n": true}),
        json!({"n": -3, "a": {"b": {"c": 7}}}),
        json!({"a": {"b": {"c": "seven"}}}),
        json!({"a": {"b": [{"c": 7}, {"c": 8}]}}),
        json!({"a": {"b": 7}}),
        json!({"ключ 🚀": 5, "q\"uote": {"back\\slash": 6}, "": 1}),
        json!({"date": "2024-01-01"}),
        json!({"date": "2023-12-31T23:59:59Z"}),
        json!({"date": "2024-06-01", "tags": ["x", "y"]}),
        json!({"date": 2024, "tags": "x"}),
        json!({"big": 9007199254740993u64, "gte": 4, "$gt": 5}),
        json!({}),
    ];
    let note = |(place, metadata): (usize, Value)| {
        let mut note = json!({"content": format!("{WORD} {place}"), "metadata": metadata, "importance": place as f64 / 20.0});
        if place % 3 > 0 {
            note["tags"] = if place % 3 == 1 { json!(["odd", "ключ"]) } else { json!(["even"]) };
        }
        if place % 4 > 0 {
            note["user_id"] = json!(["ann", "Ann", "bo'b"][place % 3]);
            note["source"] = json!({"kind": "note", "uri": format!("file:///notes/{}.md", place % 5), "id": place.to_string()});
            note["occurred_at"] = json!(format!("2024-0{}-01T00:00:00Z", 1 + place % 9));
        }
        note
    };
    metadata.into_iter().enumerate().map(note).collect()
}

/// A note as it was stored, with its place.
type Stored<'a> = (usize, &'a Value);

/// The values at a place of the metadata, with those in lists on the way.
fn at<'a>(value: &'a Value, path: &[&str]) -> Vec<&'a Value> {
    let Some((name, rest)) = path.split_first() else { return vec![value] };
    match value {
        Value::Object(fields) => fields.get(*name).map(|inner| at(inner, rest)).unwrap_or_default(),
        Value::Array(items) => items.iter().filter(|item| item.is_object()).flat_map(|item| at(item, path)).collect(),
        _ => vec![],
    }
}

/// The same, and the elements of those that are lists.
fn each<'a>(note: &'a Value, path: &[&str]) -> Vec<&'a Value> {
    let found = at(&note["metadata"], path);
    let elements = found.iter().filter_map(|value| value.as_array()).flatten();
    found.iter().copied().chain(elements).collect()
}

fn numbers(note: &Value, path: &[&str], is: impl Fn(f64) -> bool) -> bool {
    each(note, path).into_iter().filter_map(Value::as_f64).any(is)
}

fn texts(note: &Value, path: &[&str], is: impl Fn(&str) -> bool) -> bool {
    each(note, path).into_iter().filter_map(Value::as_str).any(is)
}

fn equals(note: &Value, path: &[&str], wanted: &Value) -> bool {
    let is = |value: &&Value| **value == *wanted || (wanted.is_number() && value.as_f64() == wanted.as_f64());
    each(note, path).iter().any(is)
}

async fn found(world: &World, filters: &Value) -> Vec<usize> {
    let asked = json!({"query": WORD, "mode": "keyword", "limit": 50, "filters": filters});
    let reply: Reply = world.send(Method::POST, "/api/v1/search", asked).await;
    assert_eq!(reply.status, StatusCode::OK, "{filters}: {reply:?}");
    let place = |result: &Value| result["memory"]["content"].as_str()?.rsplit(' ').next()?.parse().ok();
    let mut places: Vec<usize> = reply.body["results"].as_array().expect("results").iter().filter_map(place).collect();
    places.sort_unstable();
    places
}

async fn holds(world: &World, notes: &[Value], cases: Vec<Case>) {
    let mut wrong = vec![];
    for (filters, is_meant) in cases {
        let wanted: Vec<usize> = notes.iter().enumerate().filter(|stored| is_meant(*stored)).map(|(place, _)| place).collect();
        let others: Vec<usize> = (0..notes.len()).filter(|place| !wanted.contains(place)).collect();
        for (filters, wanted) in [(filters.clone(), wanted), (json!({"not": filters}), others)] {
            let found = found(world, &filters).await;
            if found != wanted {
                wrong.push(format!("{filters}: {found:?} instead of {wanted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A filter and its naive reading.
type Case = (Value, Box<dyn Fn(Stored) -> bool>);

fn case(filters: Value, is_meant: impl Fn(Stored<'_>) -> bool + 'static) -> Case {
    (filters, Box::new(is_meant))
}

macro_rules! cases {
    ($($filters:tt => $is_meant:expr),+ $(,)?) => {
        vec![$(case(json!($filters), $is_meant)),+]
    };
}

async fn with_notes() -> (World, Vec<Value>) {
    let world = World::new().await;
    let notes = notes();
    let made = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": notes})).await;
    let results = made.body["results"].as_array().unwrap_or_else(|| panic!("{made:?}"));
    assert_eq!(results.len(), notes.len(), "{made:?}");
    (world, notes)
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_the_metadata_are_compared_as_they_are_written() {
    let (world, notes) = with_notes().await;
    let cases = cases![
        {"metadata": {"n": {"gte": 4}}} => |(_, it)| numbers(it, &["n"], |n| n >= 4.0),
        {"metadata": {"n": {"$gt": 4}}} => |(_, it)| numbers(it, &["n"], |n| n > 4.0),
        {"metadata": {"n": {"lt": 2, "gte": -3}}} => |(_, it)| numbers(it, &["n"], |n| (-3.0..2.0).contains(&n)),
        {"metadata": {"n": {"gt": 1, "lt": 9}}} => |(_, it)| numbers(it, &["n"], |n| n > 1.0 && n < 9.0),
        {"metadata": {"n": {"lte": "5"}}} => |(_, it)| texts(it, &["n"], |n| n <= "5"),
        {"metadata": {"n": {"eq": 4}}} => |(_, it)| equals(it, &["n"], &json!(4)),
        {"metadata": {"n": {"eq": 4.0}}} => |(_, it)| equals(it, &["n"], &json!(4)),
        {"metadata": {"n": {"ne": 4}}} => |(_, it)| !equals(it, &["n"], &json!(4)),
        {"metadata": {"n": {"in": ["4", 9, null]}}} => |(_, it)| ["4".into(), 9.into(), Value::Null].iter().any(|one| equals(it, &["n"], one)),
        {"metadata": {"n": {"$nin": [1, true]}}} => |(_, it)| !equals(it, &["n"], &json!(1)) && !equals(it, &["n"], &json!(true)),
        {"metadata": {"n": {"eq": {"gte": 4}}}} => |(_, it)| equals(it, &["n"], &json!({"gte": 4})),
        {"metadata": {"n": {"eq": [1, 9]}}} => |(_, it)| equals(it, &["n"], &json!([1, 9])),
        {"metadata": {"n": {"eq": []}}} => |(_, it)| equals(it, &["n"], &json!([])),
        {"metadata": {"n": {"exists": true}}} => |(_, it)| it["metadata"].get("n").is_some(),
        {"metadata": {"n": {"exists": false}}} => |(_, it)| it["metadata"].get("n").is_none(),
        {"metadata": {"a": {"b": {"c": {"gte": 7}}}}} => |(_, it)| numbers(it, &["a", "b", "c"], |n| n >= 7.0),
        {"metadata": {"a": {"b": {"c": {"in": ["seven", 8]}}}}} => |(_, it)| equals(it, &["a", "b", "c"], &json!("seven")) || equals(it, &["a", "b", "c"], &json!(8)),
        {"metadata": {"a": {"b": {"exists": true}}, "n": {"lt": 0}}} => |(_, it)| !at(&it["metadata"], &["a", "b"]).is_empty() && numbers(it, &["n"], |n| n < 0.0),
        {"metadata": {"unit": "kg", "n": {"gt": 4}}} => |(_, it)| it["metadata"]["unit"] == "kg" && numbers(it, &["n"], |n| n > 4.0),
        {"metadata": {"ключ 🚀": {"lte": 5}}} => |(place, _)| place == 13,
        {"metadata": {"q\"uote": {"back\\slash": {"gt": 5}}}} => |(place, _)| place == 13,
        {"metadata": {"": {"eq": 1}}} => |(place, _)| place == 13,
        {"metadata": {"date": {"gte": "2024-01-01"}}} => |(_, it)| texts(it, &["date"], |at| at >= "2024-01-01"),
        {"metadata": {"date": {"gte": "2023-12-31", "lt": "2024-01-02"}}} => |(_, it)| texts(it, &["date"], |at| ("2023-12-31".."2024-01-02").contains(&at)),
        {"metadata": {"date": {"gte": 2000}}} => |(_, it)| numbers(it, &["date"], |n| n >= 2000.0),
        {"metadata": {"tags": {"in": ["y"]}}} => |(_, it)| equals(it, &["tags"], &json!("y")),
        {"metadata": {"tags": {"eq": "x"}}} => |(_, it)| equals(it, &["tags"], &json!("x")),
        {"metadata": {"big": {"gt": 9007199254740992u64}}} => |(place, _)| place == 18,
        {"metadata": {"big": {"lt": 9007199254740993u64}}} => |_| false,
        {"metadata": {"gte": 4}} => |(place, _)| place == 18,
        {"metadata": {"$gt": 5}} => |(place, _)| place == 18,
        {"metadata": {}} => |_| true,
    ];
    holds(&world, &notes, cases).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_compared_and_told_from_those_that_are_absent() {
    let (world, notes) = with_notes().await;
    let is_untagged = |it: &Value| it.get("tags").is_none();
    let has_tag = |it: &Value, tag: &str| it["tags"].as_array().is_some_and(|tags| tags.contains(&json!(tag)));
    let cases = cases![
        {"tags": {"exists": false}} => move |(_, it)| is_untagged(it),
        {"tags": {"exists": true}} => move |(_, it)| !is_untagged(it),
        {"tags": {"none": ["odd", "nothing"]}} => move |(_, it)| !has_tag(it, "odd"),
        {"tags": {"any": ["even", "odd"], "none": ["ключ"]}} => move |(_, it)| has_tag(it, "even"),
        {"tags": "even"} => move |(_, it)| has_tag(it, "even"),
        {"tags": {"all": ["odd", "ключ"]}} => move |(_, it)| has_tag(it, "odd"),
        {"user_id": {"ne": "ann"}} => |(_, it)| it["user_id"] != "ann",
        {"user_id": {"eq": "bo'b"}} => |(_, it)| it["user_id"] == "bo'b",
        {"user_id": {"nin": ["ann", "Ann"]}} => |(_, it)| it["user_id"] != "ann" && it["user_id"] != "Ann",
        {"user_id": {"exists": false}} => |(_, it)| it.get("user_id").is_none(),
        {"source_uri": "file:///notes/3.md"} => |(_, it)| it["source"]["uri"] == "file:///notes/3.md",
        {"source_uri": {"in": ["file:///notes/1.md", "file:///notes/2.md"]}} => |(_, it)| ["file:///notes/1.md", "file:///notes/2.md"].iter().any(|uri| it["source"]["uri"] == *uri),
        {"source_uri": {"exists": true}} => |(_, it)| it.get("source").is_some(),
        {"source_kind": {"exists": false}} => |(_, it)| it.get("source").is_none(),
        {"occurred_at": {"exists": false}} => |(_, it)| it.get("occurred_at").is_none(),
        {"occurred_at": {"$gte": "2024-05-01T00:00:00Z"}} => |(_, it)| it["occurred_at"].as_str().is_some_and(|at| at >= "2024-05-01"),
        {"importance": {"ne": 0.5}} => |(_, it)| it["importance"] != 0.5,
        {"importance": {"gt": 0.2, "lte": 0.5}} => |(_, it)| it["importance"].as_f64().is_some_and(|n| n > 0.2 && n <= 0.5),
        {"agent_id": {"exists": true}} => |_| false,
        {"$or": [{"source_id": "7"}, {"AND": [{"user_id": {"$in": ["ann"]}}, {"NOT": {"tags": {"any": ["odd"]}}}]}]} =>
            move |(_, it)| it["source"]["id"] == "7" || (it["user_id"] == "ann" && !has_tag(it, "odd")),
    ];
    holds(&world, &notes, cases).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_are_found_by_id_and_by_their_last_change() {
    let (world, notes) = with_notes().await;
    let listed = world.get("/api/v1/memories?limit=50").await;
    let id_of = |place: usize| {
        let content = json!(format!("{WORD} {place}"));
        let memories = listed.body["memories"].as_array().expect("memories");
        memories.iter().find(|it| it["content"] == content).expect("there").clone()
    };
    let (one, two) = (id_of(3), id_of(5));
    assert_eq!(found(&world, &json!({"id": one["id"]})).await, [3]);
    assert_eq!(found(&world, &json!({"ids": [one["id"], two["id"], "018f0000-0000-7000-8000-000000000001"]})).await, [3, 5]);
    assert_eq!(found(&world, &json!({"id": {"nin": [one["id"]]}})).await.len(), notes.len() - 1);
    // As instants: of two texts the greater one need not be the later, for a fraction of a second is as long as it has to be.
    let updated_at = |it: &Value| it["updated_at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok()).expect("a time");
    let last = listed.body["memories"].as_array().expect("memories").iter().map(updated_at).max();
    let after = json!({"updated_at": {"gt": last.expect("times")}});
    assert_eq!(found(&world, &after).await, Vec::<usize>::new());
    let path = format!("/api/v1/memories/{}", two["id"].as_str().expect("an id"));
    let changed = world.send(Method::PATCH, &path, json!({"importance": 0.99})).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(found(&world, &after).await, [5], "also after it was kept that there is none");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_by_its_name() {
    let world = World::new().await;
    for (filters, field) in [
        (json!({"metadata": {"n": {"between": [1, 2]}}}), "filters.metadata.n.between"),
        (json!({"metadata": {"n": {"$regex": "x"}}}), "filters.metadata.n.$regex"),
        (json!({"metadata": {"n": {"gte": 1, "lt": "b"}}}), "filters.metadata.n"),
        (json!({"metadata": {"$and": [{"n": 1}]}}), "filters.metadata.$and"),
        (json!({"tags": []}), "filters.tags"),
        (json!({"created_at": {"exists": true}}), "filters.created_at.exists"),
        (json!({"updated_at": {"gte": "soon"}}), "filters.updated_at.gte"),
        (json!({"id": "not an id"}), "filters.id"),
        (json!({"colour": "red"}), "filters.colour"),
    ] {
        let reply = world.send(Method::POST, "/api/v1/search", json!({"query": "x", "filters": filters})).await;
        assert_eq!((reply.status, &reply.body["code"]), (StatusCode::BAD_REQUEST, &json!("search.bad_filter")), "{reply:?}");
        assert_eq!(reply.body["errors"][0]["field"], field, "{reply:?}");
    }
    world.end().await;
}
