//! A repeated question is answered from memory, and never by what has changed since.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Reply, World, eventually, reply};

fn status(reply: &Reply) -> &str {
    reply.headers.get("cache-status").map_or("", |value| value.to_str().expect("text"))
}

fn is_hit(reply: &Reply) -> bool {
    status(reply).starts_with("brain; hit")
}

async fn add(world: &World, body: Value) -> String {
    let added = world.send(Method::POST, "/api/v1/memories", body).await;
    added.body["memory"]["id"].as_str().unwrap_or_else(|| panic!("{added:?}")).to_owned()
}

async fn patch(world: &World, id: &str, body: Value) {
    let changed = world.send(Method::PATCH, &format!("/api/v1/memories/{id}"), body).await;
    assert!(changed.status.is_success(), "{changed:?}");
}

/// Asks until the answer is kept: what was just written may refuse the first ones. Gives the answer out of memory.
async fn kept(world: &World, ask: impl AsyncFn(&World) -> Reply) -> Reply {
    eventually("the answer is kept", async || {
        let answer = ask(world).await;
        assert!(answer.status.is_success(), "{answer:?}");
        assert!(is_hit(&answer) || status(&answer).starts_with("brain; fwd="), "{}", status(&answer));
        if is_hit(&answer) { Ok(answer) } else { Err(answer) }
    })
    .await
}

async fn search(world: &World, query: &str) -> Reply {
    world.send(Method::POST, "/api/v1/search", json!({"query": query, "limit": 3, "wait": "embedded"})).await
}

fn contents(reply: &Reply) -> Vec<String> {
    let rows = reply.body["results"].as_array().or(reply.body["memories"].as_array()).expect("rows");
    let content = |row: &Value| row["memory"]["content"].as_str().or(row["content"].as_str()).expect("a content").to_owned();
    rows.iter().map(content).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_is_read_from_memory_until_it_changes() {
    let world = World::new().await;
    let id = add(&world, json!({"content": "tea at four"})).await;
    let path = format!("/api/v1/memories/{id}");
    let first = kept(&world, async |world| world.get(&path).await).await;
    assert_eq!((&first.body["content"], first.headers["etag"].to_str().unwrap()), (&json!("tea at four"), "\"1\""));
    let known = reply(world.request(Method::GET, &path).header("If-None-Match", "\"1\"")).await;
    assert!(known.status.as_u16() == 304 && is_hit(&known), "{known:?}");
    patch(&world, &id, json!({"content": "tea at five"})).await;
    let changed = world.get(&path).await;
    assert_eq!((&changed.body["content"], is_hit(&changed)), (&json!("tea at five"), false), "own writes are read");
    kept(&world, async |world| world.get(&path).await).await;
    let past = world.get(&format!("{path}?as_of={}", 1)).await;
    assert_eq!(past.status.as_u16(), 404, "the past is asked");
    world.send(Method::DELETE, &path, json!(null)).await;
    assert_eq!(world.get(&path).await.status.as_u16(), 410);
    let stranger = world.stranger().await;
    let other = reply(world.anonymous(Method::GET, &path).bearer_auth(&stranger)).await;
    assert_eq!(other.status.as_u16(), 404, "a space has answers of its own");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_searches_outlive_what_does_not_concern_them() {
    let world = World::new().await;
    let tea = add(&world, json!({"content": "green tea in the blue tin", "tags": ["drink"]})).await;
    let bicycle = add(&world, json!({"content": "the bicycle has a flat tyre", "tags": ["repair"]})).await;
    add(&world, json!({"content": "black tea for the morning", "tags": ["drink"]})).await;
    add(&world, json!({"content": "a letter from the museum"})).await;
    let drinks = async |world: &World| world.get("/api/v1/memories?tag=drink").await;
    let about_tea = async |world: &World| search(world, "tea").await;
    assert_eq!(contents(&kept(&world, drinks).await).len(), 2);
    let found = contents(&kept(&world, about_tea).await);
    assert!(found[..2].iter().all(|content| content.contains("tea")), "{found:?}");

    patch(&world, &bicycle, json!({"metadata": {"seen": true}})).await;
    assert!(is_hit(&drinks(&world).await), "another tag's memory has changed");
    patch(&world, &bicycle, json!({"tags": ["drink"]})).await;
    let three = drinks(&world).await;
    assert_eq!((contents(&three).len(), is_hit(&three)), (3, false), "it has come in");
    kept(&world, drinks).await;
    patch(&world, &tea, json!({"tags": ["gone"]})).await;
    assert_eq!(contents(&drinks(&world).await).len(), 2, "it has left");

    kept(&world, about_tea).await;
    patch(&world, &bicycle, json!({"content": "tea tea tea"})).await;
    assert!(contents(&about_tea(&world).await).contains(&"tea tea tea".to_owned()), "it has come in by its words");
    world.end().await;
}

/// A popular memory is changed again before its text is embedded: what comes too late once ended all searches.
#[tokio::test(flavor = "multi_thread")]
async fn a_vector_of_a_text_that_is_gone_ends_nothing() {
    let world = World::new().await;
    let bicycle = add(&world, json!({"content": "the bicycle has a flat tyre"})).await;
    for content in ["green tea in the blue tin", "black tea for the morning", "tea at four"] {
        add(&world, json!({"content": content})).await;
    }
    patch(&world, &bicycle, json!({"content": "the bicycle is repaired"})).await;
    let about_tea = async |world: &World| search(world, "tea").await;
    kept(&world, about_tea).await;
    let late = world.embed_late(&bicycle, "the bicycle has a flat tyre").await;
    eventually(format!("the caches are told of vector {late}"), async || {
        let told = world.get("/api/v1/caches").await.body["vectors_position"].as_u64();
        if told < Some(late) { Err(told) } else { Ok(()) }
    })
    .await;
    assert!(is_hit(&about_tea(&world).await));
    patch(&world, &bicycle, json!({"content": "tea tea tea"})).await;
    assert!(contents(&about_tea(&world).await).contains(&"tea tea tea".to_owned()), "what comes in does so all the same");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_is_kept_until_it_changes_around_what_was_asked() {
    let world = World::new().await;
    let mut ids = vec![];
    for n in 0..5 {
        ids.push(add(&world, json!({"content": format!("note {n}")})).await);
    }
    let relate = async |from: usize, to: usize| {
        let wish = json!({"source_id": ids[from], "target_id": ids[to], "relationship_type": "references"});
        assert!(world.send(Method::POST, "/api/v1/relationships", wish).await.status.is_success());
    };
    relate(0, 1).await;
    let around = async |world: &World| world.get(&format!("/api/v1/graph/neighbors?id={}", ids[0])).await;
    let count = |reply: &Reply| reply.body["neighbors"].as_array().map_or(0, Vec::len);
    let first = kept(&world, around).await;
    assert_eq!(count(&first), 1, "{first:?}");
    relate(3, 4).await;
    assert!(is_hit(&around(&world).await), "far away");
    relate(2, 0).await;
    assert_eq!(count(&around(&world).await), 2);
    kept(&world, around).await;
    world.send(Method::DELETE, &format!("/api/v1/memories/{}", ids[1]), json!(null)).await;
    assert_eq!(count(&around(&world).await), 1, "an end has gone");
    world.end().await;
}

/// A search that is asked after it would be refused a place if the keyword index stayed where the last word changed.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_no_word_does_not_hold_up_the_keyword_index() {
    let world = World::new().await;
    let (one, other) = (add(&world, json!({"content": "tea"})).await, add(&world, json!({"content": "tin"})).await);
    let wish = json!({"source_id": one, "target_id": other, "relationship_type": "references"});
    let related = world.send(Method::POST, "/api/v1/relationships", wish).await;
    let position = related.body["position"].as_u64().unwrap_or_else(|| panic!("{related:?}"));
    let keyword = async || {
        let status = world.get("/api/v1/status").await.body;
        let rows = status["projections"].as_array().cloned().unwrap_or_default();
        rows.into_iter().find(|row| row["name"] == "keyword").and_then(|row| row["applied_seq"].as_u64())
    };
    eventually(format!("the keyword index stands at {position}"), async || {
        let applied = keyword().await;
        if applied < Some(position) { Err(applied) } else { Ok(()) }
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audited_answers_are_true_amid_writes() {
    let world = World::that_audits().await;
    let words = ["tea", "tin", "museum", "bicycle", "letter", "garden", "river"];
    let mut ids = vec![];
    for n in 0..20 {
        let content = format!("{} and {} of {n}", words[n % 7], words[(n * 3 + 1) % 7]);
        ids.push(add(&world, json!({"content": content, "tags": [words[n % 3]]})).await);
    }
    for round in 0..60usize {
        if round % 5 == 0 {
            let content = format!("{} by the {}", words[round % 7], words[(round / 5) % 7]);
            patch(&world, &ids[(round * 7) % 20], json!({"content": content, "tags": [words[round % 2]]})).await;
        }
        let word = words[round % 3];
        world.get(&format!("/api/v1/memories/{}", ids[round % 4])).await;
        world.get(&format!("/api/v1/memories?tag={word}&limit=4")).await;
        let found = world.send(Method::POST, "/api/v1/search", json!({"query": word, "limit": 3})).await;
        assert!(found.status.is_success(), "{found:?}");
    }
    let metrics = world.get("/metrics").await.body;
    let metrics = metrics.as_str().expect("text");
    assert!(metrics.contains("brain_cache_audited{kind=\"search\"}"), "{metrics}");
    assert!(!metrics.contains("brain_cache_stale{"), "{metrics}");
    let seen = world.get("/api/v1/caches").await.body;
    assert!(seen["entries"].as_u64() > Some(0) && seen["most_hit"][0]["hits"].as_u64() > Some(0), "{seen}");
    let gone = world.send(Method::DELETE, "/api/v1/caches", json!(null)).await;
    assert!(gone.body["entries"].as_u64() > Some(0), "{gone:?}");
    assert_eq!(world.get("/api/v1/caches").await.body["entries"], json!(0));
    world.end().await;
}
