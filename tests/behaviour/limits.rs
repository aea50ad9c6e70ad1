//! Every value at the edge of a type or of a store, through every door that writes: it is refused by its field's name, or it comes back
//! as it was given, from every store, now and after the read models were made anew.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::harness::{Reply, World};

/// Memories made up beside the fixed ones; `LIMITS_CASES` asks for more.
const CASES: usize = 40;

fn moments() -> Vec<&'static str> {
    vec![
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00-14:00",
        // What .NET says of a time that is not set, east of London.
        "0001-01-01T00:00:00+01:00",
        "0000-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "-0300-01-01T00:00:00Z",
        "+12345-01-01T00:00:00Z",
        "1582-10-10T00:00:00Z",
        "1969-12-31T23:59:59.9999999Z",
        "2024-02-29T12:00:00.123456789+05:45",
        "2016-12-31T23:59:60Z",
        "9999-12-31T23:59:59.999999999Z",
        "9999-12-31T23:59:59-00:01",
        "+262142-12-31T23:59:59Z",
        "the day before",
    ]
}

fn texts() -> impl Strategy<Value = String> {
    let odd = [
        "",
        " ",
        "\u{0}",
        "a\u{0}b",
        "\r\n",
        "\u{feff}x",
        "\u{2028}",
        "\u{ffff}",
        "\u{10ffff}",
        "e\u{301}",
        "👩‍👩‍👧",
        "שלום",
        "\u{202e}abc",
        "\u{7f}\u{1}",
        "null",
        "~",
        "1e5",
        "'--",
        "\\u0000",
        "a: b # c",
        "---",
    ];
    prop_oneof![proptest::sample::select(odd.to_vec()).prop_map(String::from), any::<String>()]
}

fn numbers() -> impl Strategy<Value = Value> {
    let floats = [
        1.797e308,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        -0.0,
        0.1,
        1e15,
        1e16,
        -1e18,
        1e20,
        1e21,
        9007199254740993.0,
        f64::EPSILON,
        1.0 - f64::EPSILON,
        1.0 + f64::EPSILON,
    ];
    let finite = any::<u64>().prop_map(f64::from_bits).prop_filter("JSON has no other", |it| it.is_finite());
    prop_oneof![
        proptest::sample::select(floats.to_vec()).prop_map(Value::from),
        finite.prop_map(Value::from),
        proptest::sample::select(vec![0, 1 << 53, (1 << 53) + 1, i64::MAX as u64, 1 << 63, u64::MAX]).prop_map(Value::from),
        proptest::sample::select(vec![i64::MIN, -1, -(1 << 53) - 1]).prop_map(Value::from),
    ]
}

fn things() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![3 => numbers(), 2 => texts().prop_map(Value::from), 1 => any::<bool>().prop_map(Value::from), 1 => Just(Value::Null)];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(texts(), inner, 0..3).prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

fn fields() -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map(texts(), things(), 0..4).prop_map(|it| it.into_iter().collect())
}

/// Some of the fields of a memory, each likely to be good, so that not one bad one hides all others.
fn memories() -> impl Strategy<Value = Value> {
    let sometimes = |strategy: BoxedStrategy<Value>| proptest::option::weighted(0.3, strategy);
    let parts = (
        sometimes(texts().prop_map(Value::from).boxed()),
        sometimes(texts().prop_map(Value::from).boxed()),
        sometimes(fields().prop_map(Value::from).boxed()),
        sometimes(numbers().boxed()),
        sometimes(proptest::sample::select(moments()).prop_map(Value::from).boxed()),
        sometimes(proptest::sample::select(moments()).prop_map(Value::from).boxed()),
        sometimes(proptest::collection::vec(texts(), 0..3).prop_map(Value::from).boxed()),
        sometimes(numbers().prop_map(|position| json!({"id": "talk", "position": position})).boxed()),
        sometimes(texts().prop_map(Value::from).boxed()),
    );
    parts.prop_map(|(title, content, metadata, importance, occurred_at, created_at, tags, source, user_id)| {
        let given = [
            ("title", title),
            ("content", content.or(Some("Tea at four".into()))),
            ("metadata", metadata),
            ("importance", importance),
            ("occurred_at", occurred_at),
            ("created_at", created_at),
            ("tags", tags),
            ("source", source),
            ("user_id", user_id),
        ];
        Value::Object(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    })
}

/// One field at a time at each of its edges, then what is made up.
fn inputs() -> Vec<Value> {
    let with = |name: &str, value: Value| json!({"content": "Tea at four", name: value});
    let mut inputs = vec![];
    for moment in moments() {
        inputs.extend([with("occurred_at", moment.into()), with("created_at", moment.into())]);
    }
    let mut runner = TestRunner::deterministic();
    let mut draw = |strategy: &dyn Fn(&mut TestRunner) -> Value| strategy(&mut runner);
    for _ in 0..CASES {
        let number = draw(&|it| numbers().new_tree(it).expect("a number").current());
        inputs.extend([with("importance", number.clone()), with("metadata", json!({"n": number}))]);
    }
    inputs.extend([with("title", "é".repeat(512).into()), with("title", "🫖".repeat(513).into())]);
    inputs.extend([with("content", "x".repeat(10_000).into()), with("content", "🫖".repeat(10_001).into())]);
    let wanted = std::env::var("LIMITS_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(CASES);
    inputs.extend((0..wanted).map(|_| draw(&|it| memories().new_tree(it).expect("a memory").current())));
    inputs
}

/// Whether two values are the same to somebody who reads JSON: 1.0 is 1, and no zero is below zero.
fn same(given: &Value, read: &Value) -> bool {
    match (given, read) {
        (Value::Number(given), Value::Number(read)) => {
            given == read || (given.is_f64() || read.is_f64()) && given.as_f64() == read.as_f64()
        }
        (Value::Array(given), Value::Array(read)) => given.len() == read.len() && given.iter().zip(read).all(|(a, b)| same(a, b)),
        (Value::Object(given), Value::Object(read)) => {
            given.len() == read.len() && given.iter().all(|(name, value)| read.get(name).is_some_and(|it| same(value, it)))
        }
        _ => given == read,
    }
}

fn micros(value: &Value) -> Option<i64> {
    Some(value.as_str()?.parse::<DateTime<Utc>>().ok()?.timestamp_micros())
}

/// That the memory is what was given, as far as it was.
fn assert_given(given: &Value, memory: &Value, door: &str) {
    if let Some(content) = given["content"].as_str() {
        assert_eq!(memory["content"], content.replace('\0', "").trim(), "{door}: the specification's sanitizing, and no more");
    }
    if let Some(title) = given["title"].as_str() {
        let words = title.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(memory["title"], if words.is_empty() { Value::Null } else { words.into() }, "{door}: one line");
    }
    for name in ["metadata", "importance"] {
        let Some(wanted) = given.get(name) else { continue };
        assert!(same(wanted, &memory[name]), "{door}: {name} was {wanted} and is {}", memory[name]);
    }
    for name in ["occurred_at", "created_at"] {
        let Some(wanted) = given.get(name) else { continue };
        assert_eq!(micros(wanted), micros(&memory[name]), "{door}: {name} was {wanted} and is {}", memory[name]);
    }
    if let Some(position) = given["source"].get("position") {
        assert!(same(position, &memory["source"]["position"]), "{door}: {position} is {}", memory["source"]);
    }
}

struct Walk<'a> {
    world: &'a World,
    /// Address and answer of everything that was acknowledged.
    accepted: Vec<(String, Value)>,
    refused: usize,
    /// Answers of the first door, which the others must give as well.
    first: Vec<bool>,
}

impl Walk<'_> {
    /// Holds one answer to its promise: read at its position it is there as it was answered; a refusal says which field.
    async fn answered(&mut self, door: &str, given: &Value, reply: &Reply) -> bool {
        if !reply.status.is_success() {
            assert_refused(door, given, reply.status.as_u16(), &reply.body);
            self.refused += 1;
            return false;
        }
        let (name, list) = match &reply.body {
            body if body.get("memory").is_some() => ("memory", "memories"),
            body if body.get("relationship").is_some() => ("relationship", "relationships"),
            _ => ("webhook", "webhooks"),
        };
        let (answer, position) = (reply.body[name].clone(), &reply.body["position"]);
        if name == "memory" {
            assert_given(given, &answer, door);
        }
        let address = format!("/api/v1/{list}/{}", answer["id"].as_str().unwrap_or_else(|| panic!("{door}: {reply:?}")));
        let read = self.world.get(&format!("{address}?min_position={position}")).await;
        assert_eq!(read.body, answer, "{door}: {given}");
        if name == "memory" {
            let history = self.world.get(&format!("{address}?as_of={position}")).await;
            assert_eq!(history.body["content"], answer["content"], "{door}: {given}");
            assert_eq!(history.body["metadata"], answer["metadata"], "{door}: {given}");
        }
        self.accepted.retain(|(known, _)| *known != address);
        self.accepted.push((address, answer));
        true
    }

    async fn memories(&mut self, door: &str, inputs: &[Value]) {
        for (n, input) in inputs.iter().enumerate() {
            let one = format!("/api/v1/memories/0190f3d2-0000-7000-8000-{n:012}");
            let reply = match door {
                "POST" => self.world.send(Method::POST, "/api/v1/memories", input.clone()).await,
                "PUT" => self.world.send(Method::PUT, &one, input.clone()).await,
                _ => {
                    self.world.send(Method::PUT, &one, json!({"content": "before"})).await;
                    let mut changes = input.clone();
                    changes.as_object_mut().expect("an object").remove("created_at");
                    let reply = self.world.send(Method::PATCH, &one, changes.clone()).await;
                    self.answered(door, &changes, &reply).await;
                    continue;
                }
            };
            let accepted = self.answered(door, input, &reply).await;
            match door {
                "POST" => self.first.push(accepted),
                _ => assert_eq!(accepted, self.first[n], "{door} and POST differ about {input}: {reply:?}"),
            }
        }
    }

    async fn batch(&mut self, inputs: &[Value]) {
        let reply = self.world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": inputs})).await;
        let results = reply.body["results"].as_array().unwrap_or_else(|| panic!("{reply:?}"));
        for (n, (input, result)) in inputs.iter().zip(results).enumerate() {
            let accepted = result["status"] == json!(201);
            assert_eq!(accepted, self.first[n], "a batch and POST differ about {input}: {result}");
            if !accepted {
                let status = result["status"].as_u64().expect("a number") as u16;
                assert_refused("batch", input, status, &result["error"]);
                self.refused += 1;
                continue;
            }
            assert_given(input, &result["memory"], "batch");
            let address = format!("/api/v1/memories/{}", result["memory"]["id"].as_str().expect("an id"));
            let read = self.world.get(&format!("{address}?min_position={}", reply.body["position"])).await;
            assert_eq!(read.body, result["memory"], "batch: {input}");
            self.accepted.push((address, read.body));
        }
    }

    /// Imports one file; answers how many it made, and how many it refused.
    async fn import(&mut self, name: &str, text: &str) -> [usize; 2] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        let output = self.world.brain(&["import", "--json", &file.to_string_lossy()]).await;
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{name}: {error}: {output:?}"));
        let refused = report["refused"].as_u64().expect("a count") as usize;
        assert_eq!(output.status.success(), refused == 0, "{name}: {report}");
        self.refused += refused;
        [report["created"].as_u64().expect("a count") as usize, refused]
    }

    async fn relationships(&mut self, inputs: &[Value]) {
        let ends = [900_001, 900_002].map(|n| format!("0190f3d2-0000-7000-8000-{n:012}"));
        for end in &ends {
            self.world.send(Method::PUT, &format!("/api/v1/memories/{end}"), json!({"content": "an end"})).await;
        }
        for (n, input) in inputs.iter().enumerate() {
            let mut edge = json!({"source_id": ends[0], "target_id": ends[1], "relationship_type": format!("kind_{n}")});
            for (name, from) in [("weight", "importance"), ("properties", "metadata"), ("created_at", "created_at")] {
                if let Some(value) = input.get(from) {
                    edge[name] = value.clone();
                }
            }
            let method = if n % 2 == 0 { Method::POST } else { Method::PUT };
            let reply = self.world.send(method, "/api/v1/relationships", edge.clone()).await;
            self.answered("relationship", &edge, &reply).await;
            if reply.status.is_success() {
                let one = format!("/api/v1/relationships/{}", reply.body["relationship"]["id"].as_str().expect("an id"));
                let change = json!({"properties": inputs[inputs.len() - 1 - n].get("metadata").unwrap_or(&json!({}))});
                let changed = self.world.send(Method::PATCH, &one, change.clone()).await;
                self.answered("relationship's PATCH", &change, &changed).await;
            }
        }
    }

    async fn webhooks(&mut self) {
        let mut runner = TestRunner::deterministic();
        for n in 0..CASES {
            let text = texts().new_tree(&mut runner).expect("a text").current();
            let mut hook = json!({"url": "https://example.org/", "events": ["webhook.enabled"]});
            match n % 3 {
                0 => hook["url"] = format!("https://example.org/{text}").into(),
                1 => hook["description"] = text.into(),
                _ => hook["headers"] = json!({"X-Odd": text}),
            }
            let reply = self.world.send(Method::POST, "/api/v1/webhooks", hook.clone()).await;
            if reply.status.is_success() {
                let address = format!("/api/v1/webhooks/{}", reply.body["webhook"]["id"].as_str().expect("an id"));
                let read = self.world.get(&format!("{address}?min_position={}", reply.body["position"])).await;
                assert_eq!(read.body["url"], reply.body["webhook"]["url"], "{hook}");
                // There can be only so many at a time.
                self.world.send(Method::DELETE, &address, Value::Null).await;
            } else {
                assert_refused("webhook", &hook, reply.status.as_u16(), &reply.body);
                self.refused += 1;
            }
        }
    }
}

fn assert_refused(door: &str, given: &Value, status: u16, problem: &Value) {
    assert!((400..500).contains(&status), "{door}: {given}: {status} {problem}");
    assert!(problem["errors"][0]["field"].is_string(), "{door}: {given}: no field is named: {problem}");
}

fn lines(inputs: &[Value]) -> String {
    inputs.iter().fold(String::new(), |mut text, input| {
        writeln!(text, "{input}").expect("a String takes everything");
        text
    })
}

fn table(inputs: &[Value]) -> String {
    let cell = |value: Option<&Value>| match value {
        None => String::new(),
        Some(Value::String(text)) => format!("\"{}\"", text.replace('"', "\"\"")),
        Some(other) => format!("\"{}\"", other.to_string().replace('"', "\"\"")),
    };
    let columns = ["content", "metadata", "importance", "occurred_at", "created_at"];
    let row = |input: &Value| columns.map(|name| cell(input.get(name))).join(",");
    format!("{}\n{}\n", columns.join(","), inputs.iter().map(row).collect::<Vec<_>>().join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_comes_back_as_it_was_through_every_door() {
    let mut world = World::new().await;
    let inputs = inputs();
    let mut walk = Walk { world: &world, accepted: vec![], refused: 0, first: vec![] };
    for door in ["POST", "PUT", "PATCH"] {
        walk.memories(door, &inputs).await;
    }
    walk.batch(&inputs).await;
    let good = walk.first.iter().filter(|it| **it).count();
    // A file knows a memory by what it says: the same twice is one.
    let [made, refused] = walk.import("all.jsonl", &lines(&inputs)).await;
    assert!(made + refused <= inputs.len() && refused == inputs.len() - good, "{made} made, {refused} refused, {good} are good");
    let [made, refused] = walk.import("all.csv", &table(&inputs)).await;
    assert!(made > 0 && refused > 0 && made + refused <= inputs.len(), "{made} made, {refused} refused");
    for (n, input) in inputs.iter().enumerate().step_by(10) {
        let note = format!("---\nmetadata: {}\ndate: {}\n---\nNote {n}\n", input["metadata"], input["occurred_at"]);
        walk.import("note.md", &note).await;
    }
    walk.relationships(&inputs).await;
    walk.webhooks().await;
    let (accepted, refused) = (walk.accepted, walk.refused);
    println!("{} values through 10 doors: {} resources stand, {refused} refusals name a field", inputs.len(), accepted.len());

    let settled = |reply: &Reply| reply.body["parked"] == json!(0) && reply.body["equal"] == json!(true);
    for again in [false, true] {
        if again {
            world.restart_without_read_models().await;
        }
        for (address, answer) in &accepted {
            assert_eq!(world.get(address).await.body, *answer, "{address}");
        }
        for projection in ["memories", "memory_history", "graph", "edge_history", "command_log", "webhooks", "keyword"] {
            let verified = world.send(Method::POST, &format!("/api/v1/replay/{projection}/verify"), Value::Null).await;
            assert!(settled(&verified), "{projection}: {verified:?}");
        }
    }
    world.end().await;
}
