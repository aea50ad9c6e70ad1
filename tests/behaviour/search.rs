//! Finding memories: by meaning and by words with the real model, within filters, at the position that was asked for.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Reply, World};

const NOTES: [&str; 6] = [
    "The kettle is descaled every second month with vinegar.",
    "Invoices of the bakery are paid on the last Friday.",
    "Our cat Miso sleeps on the radiator in winter.",
    "The spare key hangs behind the bicycle in the shed.",
    "Error E0382 means that a value was used after it was moved.",
    "Grandmother's recipe for plum cake needs cardamom.",
];

async fn with_notes() -> (World, u64) {
    let world = World::new().await;
    let items: Vec<Value> = NOTES
        .iter()
        .enumerate()
        .map(|(n, content)| json!({"content": content, "importance": n as f64 / 10.0, "tags": [if n % 2 == 0 { "even" } else { "odd" }]}))
        .collect();
    let made = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": items})).await;
    let position = made.body["position"].as_u64().expect("a position");
    (world, position)
}

async fn search(world: &World, body: Value) -> Reply {
    world.send(Method::POST, "/api/v1/search", body).await
}

fn contents(reply: &Reply) -> Vec<&str> {
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let results = reply.body["results"].as_array().expect("results");
    results.iter().map(|result| result["memory"]["content"].as_str().expect("content")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_note_is_found_by_meaning_and_by_word() {
    let (world, position) = with_notes().await;
    let known = [
        ("semantic", "where does our pet rest", NOTES[2]),
        ("semantic", "how do I get into the house without my keys", NOTES[3]),
        ("keyword", "E0382", NOTES[4]),
        ("keyword", "kettles descaling", NOTES[0]),
        ("hybrid", "which spice goes into the cake", NOTES[5]),
        ("hybrid", "when do we pay the bakery", NOTES[1]),
    ];
    for (mode, query, expected) in known {
        let asked = json!({"query": query, "mode": mode, "limit": 3, "min_position": position, "wait": "embedded"});
        let reply = search(&world, asked).await;
        assert_eq!(contents(&reply)[0], expected, "{mode}: {query}: {reply:?}");
        assert_eq!(reply.body["degraded"], json!([]));
        let score = reply.body["results"][0]["score"].as_f64().expect("a score");
        assert!((0.0..=1.0).contains(&score));
    }
    let both = search(&world, json!({"query": "plum cake", "limit": 6})).await;
    assert_eq!(contents(&both)[0], NOTES[5]);
    assert_eq!(both.body["results"][0]["arms"]["keyword"]["rank"], 1);
    assert_eq!(both.body["results"][0]["arms"]["semantic"]["rank"], 1);
    let status = world.get("/api/v1/status").await;
    assert_eq!(status.body["embeddings_pending"], 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_decide_who_may_be_found() {
    let (world, _) = with_notes().await;
    for (filters, expected) in [
        (json!({"tags": ["odd"]}), vec![1, 3, 5]),
        (json!({"importance": {"gte": 0.1, "lt": 0.3}}), vec![1, 2]),
        (json!({"not": {"tags": {"any": ["odd"]}}, "importance": {"gt": 0}}), vec![2, 4]),
        (json!({"or": [{"importance": 0.5}, {"and": [{"tags": ["even"]}, {"importance": {"lt": 0.1}}]}]}), vec![0, 5]),
        (json!({"memory_type": "episodic"}), vec![]),
        (json!({"user_id": "nobody"}), vec![]),
        (json!({"not": {"user_id": "nobody"}, "importance": {"gte": 0.5}}), vec![5]),
        (json!({"created_at": {"lt": "2020-01-01T00:00:00Z"}}), vec![]),
    ] {
        let reply = search(&world, json!({"query": "the of a for", "mode": "keyword", "filters": filters})).await;
        let mut found = contents(&reply);
        found.sort_unstable();
        let mut wanted: Vec<&str> = expected.iter().map(|n| NOTES[*n]).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{filters}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_just_written_edited_or_deleted_is_found_as_it_is() {
    let (world, _) = with_notes().await;
    let made = world.send(Method::POST, "/api/v1/memories", json!({"content": "The zebra finch is called Otto."})).await;
    let path = format!("/api/v1/memories/{}", made.body["memory"]["id"].as_str().expect("an id"));
    let words = |query: &str| json!({"query": query, "mode": "keyword"});
    assert_eq!(contents(&search(&world, words("zebra")).await).len(), 1, "read your own writes");
    world.send(Method::PATCH, &path, json!({"content": "The canary is called Otto."})).await;
    assert!(contents(&search(&world, words("zebra")).await).is_empty());
    assert_eq!(contents(&search(&world, words("canary")).await).len(), 1);
    let meaning = json!({"query": "name of the bird", "mode": "semantic", "limit": 1, "wait": "embedded"});
    assert_eq!(contents(&search(&world, meaning.clone()).await), ["The canary is called Otto."]);
    world.send(Method::DELETE, &path, json!(null)).await;
    assert!(contents(&search(&world, words("canary otto")).await).is_empty());
    assert_ne!(contents(&search(&world, meaning.clone()).await), ["The canary is called Otto."]);
    world.send(Method::POST, &format!("{path}/restore"), json!(null)).await;
    assert_eq!(contents(&search(&world, meaning).await), ["The canary is called Otto."]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_survive_a_restart_and_the_loss_of_all_read_models() {
    let (mut world, position) = with_notes().await;
    let asked = json!({"query": "cardamom", "limit": 6, "min_position": position, "wait": "embedded"});
    let before = search(&world, asked.clone()).await;
    world.restart().await;
    assert_eq!(search(&world, asked.clone()).await.body, before.body);
    world.restart_without_read_models().await;
    assert_eq!(search(&world, asked).await.body, before.body);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_search_is_refused_with_its_place() {
    let (world, position) = with_notes().await;
    for (body, code, field) in [
        (json!({"query": "  "}), "search.query_empty", "query"),
        (json!({"query": "x".repeat(1_001)}), "search.query_too_long", "query"),
        (json!({"query": "x", "limit": 201}), "search.bad_limit", "limit"),
        (json!({"query": "x", "mode": "psychic"}), "search.bad_mode", "mode"),
        (json!({"query": "x", "filters": {"and": [{"colour": 1}]}}), "search.bad_filter", "filters.and[0].colour"),
        (json!({"query": "x", "colour": 1}), "request.unknown_field", "colour"),
        (json!({"query": "x", "min_position": position + 1_000}), "read.position_beyond_log", "min_position"),
    ] {
        let reply = search(&world, body).await;
        assert_eq!((reply.status, &reply.body["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{reply:?}");
        assert_eq!(reply.body["errors"][0]["field"], field);
    }
    world.end().await;
}
