//! The past: every state of a memory, reads as of a position or a time, comparison, and undo.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::World;

const MEMORY: &str = "/api/v1/memories/0190f3d2-0000-7000-8000-000000000001";

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_is_read_as_it_stood() {
    let mut world = World::new().await;
    let first = world.send(Method::PUT, MEMORY, json!({"content": "Tea is at four", "tags": ["habit"]})).await;
    let second = world.send(Method::PATCH, MEMORY, json!({"content": "Tea is at five\nwith cake"})).await;
    let third = world.send(Method::DELETE, MEMORY, json!(null)).await;
    let position = |reply: &crate::harness::Reply| reply.body["position"].as_u64().expect("a position");
    let at = |moment: String| format!("{MEMORY}?as_of={moment}");

    let nothing = world.get(&at((position(&first) - 1).to_string())).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    let then = world.get(&at(position(&first).to_string())).await;
    assert_eq!(then.body, first.body["memory"]);
    assert_eq!(world.get(&at(position(&third).to_string())).await.status, StatusCode::GONE);
    // The instant of an event is past as soon as the event has happened.
    let instant = second.body["memory"]["updated_at"].as_str().expect("a time");
    assert_eq!(world.get(&at(instant.to_owned())).await.body, second.body["memory"]);
    let listed = world.get(&format!("/api/v1/memories?as_of={}", position(&second))).await;
    assert_eq!(listed.body["memories"], json!([second.body["memory"]]));
    assert_eq!(world.get("/api/v1/memories").await.body["memories"], json!([]));

    let history = world.get(&format!("{MEMORY}/history?limit=2")).await.body;
    let kinds: Vec<_> = history["revisions"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!((kinds, &history["next_before"]), (vec!["memory.deleted", "memory.updated"], &json!(2)));
    let older = world.get(&format!("{MEMORY}/history?before=2")).await.body;
    assert_eq!(older["revisions"][0]["memory"], first.body["memory"]);
    let diff = world.get(&format!("{MEMORY}/diff?from=1&to=2")).await.body;
    let changes: Vec<_> = diff["content"].as_array().unwrap().iter().map(|it| it["change"].as_str().unwrap()).collect();
    assert_eq!((changes, &diff["fields"]), (vec!["removed", "added", "added"], &json!([])));
    assert_eq!(world.get(&format!("{MEMORY}/diff?from=1&to=9")).await.status, StatusCode::NOT_FOUND);

    world.restart_without_read_models().await;
    let again = world.get(&format!("{MEMORY}/history?limit=2&min_position={}", position(&third))).await.body;
    assert_eq!(again, history);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_takes_the_last_change_back_and_itself_too() {
    let world = World::new().await;
    let undo = || async { world.send(Method::POST, &format!("{MEMORY}/undo"), json!(null)).await };
    assert_eq!(undo().await.status, StatusCode::NOT_FOUND);
    world.send(Method::PUT, MEMORY, json!({"content": "one"})).await;
    world.send(Method::PATCH, MEMORY, json!({"content": "two"})).await;
    assert_eq!(undo().await.body["memory"]["content"], json!("one"));
    assert_eq!(undo().await.body["memory"]["content"], json!("two"));
    world.send(Method::DELETE, MEMORY, json!(null)).await;
    assert_eq!(undo().await.body["memory"]["content"], json!("two"));
    assert_eq!(world.get(MEMORY).await.status, StatusCode::OK);
    assert!(undo().await.body["memory"]["deleted_at"].is_string());

    let other = "/api/v1/memories/0190f3d2-0000-7000-8000-000000000002";
    world.send(Method::PUT, other, json!({"content": "new"})).await;
    let undone = world.request(Method::POST, &format!("{other}/undo")).header("Idempotency-Key", "u1");
    let first = crate::harness::reply(undone.try_clone().unwrap()).await;
    assert!(first.body["memory"]["deleted_at"].is_string());
    assert_eq!(crate::harness::reply(undone).await.body, first.body, "the same wish has one effect");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_used_long_ago_is_remembered() {
    let world = World::new().await;
    let keyed = |key: &str, content: &str| {
        world.request(Method::PUT, MEMORY).header("Idempotency-Key", key).json(&json!({"content": content}))
    };
    let first = crate::harness::reply(keyed("k", "zero")).await;
    for n in 0..70 {
        assert!(world.send(Method::PUT, MEMORY, json!({"content": format!("note {n}")})).await.status.is_success());
    }
    assert_eq!(crate::harness::reply(keyed("k", "zero")).await.body, first.body);
    assert_eq!(crate::harness::reply(keyed("k", "other")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(crate::harness::reply(keyed("fresh", "last")).await.body["memory"]["revision"], json!(72));
    world.end().await;
}
