//! A server is killed amid writes and comes back: nothing acknowledged is read as it was before, and what is new is soon shown.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{World, eventually, within};

/// Far below what noticing by absent heartbeats takes, and far above what a busy machine needs.
const SHOWN_WITHIN: Duration = Duration::from_secs(12);

async fn put(world: &World, n: usize, content: &str) -> bool {
    let path = format!("/api/v1/memories/0190f3d2-0000-7000-8000-{n:012}");
    world.send(Method::PUT, &path, json!({"content": content})).await.status.is_success()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_before_postgres_was_killed_is_never_read_as_it_was() {
    let world = World::with_own_servers().await;
    for round in 0..3 {
        for n in 0..30 {
            assert!(put(&world, n, &format!("round {round} before")).await);
        }
        let list = world.get("/api/v1/memories?limit=200").await;
        assert_eq!(list.status, StatusCode::OK);
        for n in 0..30 {
            assert!(put(&world, n, &format!("round {round} changed")).await);
        }
        // They were shown, so this process was told of their commits, which are not on the disk yet.
        assert!(world.get("/api/v1/memories?limit=200&tag=none").await.status.is_success());
        world.kill("postgres");
        for n in 0..30 {
            let path = format!("/api/v1/memories/0190f3d2-0000-7000-8000-{n:012}");
            let read = eventually(format!("{path} is read"), async || {
                let answer = world.get(&path).await;
                match answer.status.as_u16() {
                    200 => Ok(answer.body),
                    503 | 504 => Err(answer),
                    _ => panic!("{answer:?}"),
                }
            });
            assert_eq!(read.await["content"], json!(format!("round {round} changed")));
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_show_what_is_new_soon_after_nats_was_killed() {
    let world = World::with_own_servers().await;
    assert!(put(&world, 0, "before").await);
    assert_eq!(world.get("/api/v1/memories").await.status, StatusCode::OK);
    world.kill("nats-server");
    eventually("a write succeeds again", async || put(&world, 1, "after").await.then_some(()).ok_or("refused")).await;
    within(SHOWN_WITHIN, "what was acknowledged is shown", async || {
        let answer = world.get("/api/v1/memories/0190f3d2-0000-7000-8000-000000000001").await;
        if answer.status == StatusCode::OK { Ok(()) } else { Err(answer) }
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_forgotten_before_it_was_given_anything_is_told_nothing_twice() {
    let mut world = World::new().await;
    for n in 0..20 {
        assert!(put(&world, n, "before").await);
    }
    // Everything is open again and waits for the first event to come.
    world.restart().await;
    assert_eq!(world.get("/api/v1/memories").await.status, StatusCode::OK);
    world.forget_readers().await;
    assert!(put(&world, 0, "after").await);
    within(Duration::from_secs(60), "the change is shown", async || {
        let answer = world.get("/api/v1/memories/0190f3d2-0000-7000-8000-000000000000").await;
        if answer.body["content"] == json!("after") { Ok(()) } else { Err(answer) }
    })
    .await;
    for projection in ["memories", "memory_history", "positions", "keyword"] {
        let verified = world.send(Method::POST, &format!("/api/v1/replay/{projection}/verify"), json!(null)).await.body;
        assert_eq!((&verified["equal"], &verified["parked"]), (&json!(true), &json!(0)), "{projection}: {verified}");
    }
    assert_eq!(world.get("/health/ready").await.status, StatusCode::OK);
    world.end().await;
}
