//! The same wish has one effect, however often and however fast it is sent.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{World, reply};

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_create_is_one_memory_for_ever() {
    let world = World::new().await;
    let create = |content: &str| {
        world.request(Method::POST, "/api/v1/memories").header("Idempotency-Key", "k-1").json(&json!({"content": content}))
    };
    let replies = futures::future::join_all((0..8).map(|_| reply(create("Tea")))).await;
    let first = &replies[0].body;
    assert!(replies.iter().all(|one| one.status == StatusCode::CREATED && one.body == *first), "{replies:?}");
    let other = reply(create("Coffee")).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{other:?}");
    let status = world.get("/api/v1/status").await;
    assert_eq!(status.body["log"]["last_seq"], first["position"], "nothing else was appended");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_update_answers_its_first_outcome_after_later_changes() {
    let world = World::new().await;
    let made = world.send(Method::POST, "/api/v1/memories", json!({"content": "one"})).await;
    let path = format!("/api/v1/memories/{}", made.body["memory"]["id"].as_str().expect("an id"));
    let keyed = || reply(world.request(Method::PATCH, &path).header("Idempotency-Key", "u-1").json(&json!({"content": "two"})));
    let first = keyed().await;
    world.send(Method::PATCH, &path, json!({"content": "three"})).await;
    let repeat = keyed().await;
    assert_eq!(repeat.body, first.body);
    assert_eq!(world.get(&path).await.body["content"], "three");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rivals_on_one_memory_lose_no_update() {
    let world = World::new().await;
    let made = world.send(Method::POST, "/api/v1/memories", json!({"content": "start"})).await;
    let path = format!("/api/v1/memories/{}", made.body["memory"]["id"].as_str().expect("an id"));
    let replies =
        futures::future::join_all((0..4).map(|n| world.send(Method::PATCH, &path, json!({"content": format!("c{n}")})))).await;
    let accepted = replies.iter().filter(|one| one.status == StatusCode::OK).count();
    assert!(replies.iter().all(|one| one.status == StatusCode::OK || one.status == StatusCode::CONFLICT), "{replies:?}");
    let shown = world.get_until(&path, StatusCode::OK).await;
    assert_eq!(shown.body["revision"], json!(1 + accepted));
    world.end().await;
}
