//! The vectors in memory: they follow the projection that they are a view of, whatever happens to it, and without them Postgres answers.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{World, eventually, reply};

/// Near enough to the query for all of them to be named.
const NOTES: [&str; 4] = [
    "The dog rests in its basket in the hall.",
    "Our cat Miso sleeps on the radiator in winter.",
    "Our old cat likes to sleep on the sofa.",
    "Our pet rabbit rests under the garden bench.",
];
const QUERY: &str = "where does our pet rest";

/// What is found by meaning alone, best first, once everything has its vector.
async fn found(world: &World, filters: Value) -> Vec<String> {
    let asked = json!({"query": QUERY, "mode": "semantic", "wait": "embedded", "filters": filters});
    let found = world.send(Method::POST, "/api/v1/search", asked).await;
    assert_eq!((found.status, &found.body["degraded"]), (StatusCode::OK, &json!([])), "{found:?}");
    let results = found.body["results"].as_array().expect("results");
    results.iter().map(|result| result["memory"]["content"].as_str().expect("content").to_owned()).collect()
}

/// How the vectors in memory stand, as status says it.
async fn row(world: &World) -> Value {
    let status = world.get("/api/v1/status").await.body;
    let rows = status["projections"].as_array().cloned().unwrap_or_default();
    rows.into_iter().find(|row| row["name"] == "semantic").unwrap_or_default()
}

async fn is_live(world: &World) {
    eventually("the vectors are in memory", async || {
        let row = row(world).await;
        if row["state"] == "live" && row["lag"] == 0 { Ok(()) } else { Err(row) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_edited_deleted_and_erased_is_found_as_it_is() {
    let mut world = World::new().await;
    is_live(&world).await;
    let mut ids = vec![];
    for (number, content) in NOTES.iter().enumerate() {
        ids.push(world.add(json!({"content": content, "user_id": format!("user-{}", number % 2)})).await);
    }
    let everything = json!({});
    let all = found(&world, everything.clone()).await;
    assert_eq!(all.len(), 4);
    let without: Vec<String> = all.iter().filter(|one| *one != NOTES[1]).cloned().collect();
    let filtered = found(&world, json!({"user_id": "user-0"})).await;
    assert_eq!(filtered, all.iter().filter(|one| [NOTES[0], NOTES[2]].contains(&one.as_str())).cloned().collect::<Vec<_>>());

    let path = format!("/api/v1/memories/{}", ids[1]);
    world.send(Method::PATCH, &path, json!({"content": "Pets are not allowed on the radiator."})).await;
    let edited = found(&world, everything.clone()).await;
    assert!(!edited.contains(&NOTES[1].to_owned()) && edited.len() >= 3, "{edited:?}");
    world.send(Method::PATCH, &path, json!({"content": NOTES[1]})).await;
    assert_eq!(found(&world, everything.clone()).await, all);
    world.send(Method::DELETE, &path, json!(null)).await;
    assert_eq!(found(&world, everything.clone()).await, without);
    world.send(Method::POST, &format!("{path}/restore"), json!(null)).await;
    assert_eq!(found(&world, everything.clone()).await, all);

    let key = world.stranger().await;
    let asked = json!({"query": QUERY, "mode": "semantic"});
    let foreign = reply(world.anonymous(Method::POST, "/api/v1/search").bearer_auth(&key).json(&asked)).await;
    assert_eq!((foreign.status, &foreign.body["results"]), (StatusCode::OK, &json!([])));

    world.restart().await;
    is_live(&world).await;
    assert_eq!(found(&world, everything.clone()).await, all);
    world.restart_without_read_models().await;
    assert_eq!(found(&world, everything.clone()).await, all, "whoever answers");
    is_live(&world).await;

    let erased = world.send(Method::DELETE, &format!("{path}?erase=true&reason=asked"), json!(null)).await;
    assert_eq!(erased.status, StatusCode::OK, "{erased:?}");
    assert_eq!(found(&world, everything.clone()).await, without);
    eventually("the receipt is there", async || {
        let erasure = world.get(&format!("/api/v1/erasures/{}", ids[1])).await.body;
        if erasure["receipt"].is_null() && erasure["erasure"]["receipt"].is_null() { Err(erasure) } else { Ok(()) }
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_of_the_projection_is_followed_without_a_moment_without_answers() {
    let world = World::new().await;
    for content in NOTES {
        world.add(json!({"content": content})).await;
    }
    let all = found(&world, json!({})).await;
    let asked = world.send(Method::POST, "/api/v1/replay/vectors/rebuild", json!(null)).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    eventually("the rebuilt version is live", async || {
        assert_eq!(found(&world, json!({})).await, all);
        let status = world.get("/api/v1/status").await.body;
        let rows = status["projections"].as_array().cloned().unwrap_or_default();
        let is_live = |row: &Value| row["name"] == "vectors" && row["version"] == 2 && row["state"] == "live";
        if rows.iter().any(is_live) { Ok(()) } else { Err(rows) }
    })
    .await;
    let fresh = world.add(json!({"content": "The hamster, our other pet, rests in its wheel."})).await;
    assert_eq!(found(&world, json!({})).await.len(), 5, "{fresh}");
    is_live(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_room_postgres_answers_the_same() {
    let world = World::with_room_for_vectors(0).await;
    for content in NOTES {
        world.add(json!({"content": content})).await;
    }
    let without = found(&world, json!({})).await;
    assert_eq!(without.len(), 4);
    world.end().await;
    let world = World::new().await;
    for content in NOTES {
        world.add(json!({"content": content})).await;
    }
    assert_eq!(found(&world, json!({})).await, without);
    world.end().await;
}
