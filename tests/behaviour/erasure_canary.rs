//! A word that nobody else says is put everywhere that a memory may hold one, found everywhere, erased, and found nowhere: in no message, no
//! row, no statistics, no index and no file but those that the receipt names.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, Sink, World, canary, eventually, scan::Found, within};

async fn until<T>(what: &str, world: &World, path: &str, found: impl Fn(&Value) -> Option<T>) -> T {
    // A busy machine takes its time over three hundred vectors.
    within(Duration::from_secs(90), what.to_owned(), async || {
        let answer = world.get(path).await.body;
        found(&answer).ok_or(answer)
    })
    .await
}

fn places(found: &Found, begin: &str) -> usize {
    found.keys().filter(|place| place.starts_with(begin)).count()
}

/// A note with the word in it, long enough to be compressed.
fn note(word: &str) -> Value {
    let long = format!("{word} {}", "the same words again and again ".repeat(250));
    json!({
        "title": format!("about {word}"), "content": long, "tags": [word, "other"], "user_id": word,
        "metadata": {word: "a key", "value": {"deep": [word]}}, "source": {"kind": "note", "uri": format!("note:{word}")},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_is_found_nowhere_and_was_found_everywhere_before() {
    let world = World::with_own_servers().await;
    let word = canary();
    // An endpoint that says again what it was told.
    let told = word.clone();
    let sink = Sink::new(move |request| match request.body.contains(&told) {
        true => Answer::Says(format!("got {told}")),
        false => Answer::Status(204),
    })
    .await;
    let hook = json!({"url": sink.url, "events": ["memory.created", "memory.updated", "relationship.*"]});
    let hook = world.send(Method::POST, "/api/v1/webhooks", hook).await;
    let hook = format!("/api/v1/webhooks/{}", hook.body["webhook"]["id"].as_str().expect("an id"));
    // Company, so that pages and segments are not emptied whole.
    let company: Vec<Value> = (0..300).map(|n| json!({"content": format!("company {n} of others"), "tags": ["other"]})).collect();
    let made = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": company})).await;
    let friend = made.body["results"][0]["memory"]["id"].as_str().expect("an id").to_owned();
    let added = world.send(Method::POST, "/api/v1/memories", note(&word)).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let id = added.body["memory"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/memories/{id}");
    let changed = world.send(Method::PATCH, &path, json!({"importance": 0.9})).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let edge = json!({"source_id": friend, "target_id": id, "relationship_type": "supports", "properties": {"why": word}});
    assert_eq!(world.send(Method::POST, "/api/v1/relationships", edge).await.status, StatusCode::CREATED);
    let search = json!({"query": word, "mode": "keyword"});
    eventually("it is found by its words", async || {
        let found = world.send(Method::POST, "/api/v1/search", search.clone()).await.body;
        if found.to_string().contains(&id) { Ok(()) } else { Err(found) }
    })
    .await;
    until("webhooks have heard of it", &world, &format!("{hook}/deliveries?state=delivered"), |page| {
        page["deliveries"].as_array().filter(|all| all.len() >= 50).map(drop)
    })
    .await;
    until("all have vectors", &world, "/api/v1/status", |status| (status["embeddings_pending"] == 0).then_some(())).await;
    // So that files hold what tables do.
    world.sql("ANALYZE; CHECKPOINT").await;

    let before = world.scan(&word).await;
    for place in [
        "stream EVENTS",
        "table memories_v1",
        "table memory_history_v1",
        "table graph_v1.nodes",
        "table graph_v1.edges",
        "table edge_history_v1",
        "table brain.attempts",
        "pg_stats",
        "index words",
        "file nats",
        "file postgres",
        "wal",
    ] {
        assert!(places(&before, place) > 0, "the scan is blind for {place}: {before:#?}");
    }

    let erased = world.send(Method::DELETE, &format!("{path}?erase=true"), json!(null)).await;
    assert_eq!(erased.status, StatusCode::OK, "{erased:?}");
    let receipt = until("the receipt is there", &world, &format!("/api/v1/erasures/{id}"), |found| {
        (found["state"] == "completed").then(|| found["receipt"].clone())
    })
    .await;
    let mut after = world.scan(&word).await;
    after.remove("wal");
    assert_eq!(after, Found::new(), "before: {before:#?}\nreceipt: {receipt:#}");
    let named: Vec<&str> =
        receipt["not_reached"].as_array().expect("a list").iter().filter_map(|it| it["place"].as_str()).collect();
    assert!(receipt["vectors"].as_u64() > Some(0), "{receipt}");
    assert!(named.contains(&"postgres_wal") && named.contains(&"backups"), "{named:?}");
    eprintln!("before: {before:#?}\nafter: {after:#?}\nreceipt: {receipt:#}");
    world.end().await;
}
