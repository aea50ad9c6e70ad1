//! A server is killed amid writes and comes back: nothing acknowledged is read as it was before, and what is new is soon shown.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::World;

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
        let mut read = 0;
        while read < 30 {
            let answer = world.get(&format!("/api/v1/memories/0190f3d2-0000-7000-8000-{read:012}")).await;
            match answer.status.as_u16() {
                200 => {
                    assert_eq!(answer.body["content"], json!(format!("round {round} changed")));
                    read += 1;
                }
                503 | 504 => tokio::task::yield_now().await,
                _ => panic!("{answer:?}"),
            }
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
    while !put(&world, 1, "after").await {
        tokio::task::yield_now().await;
    }
    let written = Instant::now();
    while world.get("/api/v1/memories/0190f3d2-0000-7000-8000-000000000001").await.status != StatusCode::OK {
        assert!(written.elapsed() < SHOWN_WITHIN, "not shown {:?} after it was acknowledged", written.elapsed());
    }
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
    let deadline = Instant::now() + Duration::from_secs(60);
    while world.get("/api/v1/memories/0190f3d2-0000-7000-8000-000000000000").await.body["content"] != json!("after") {
        assert!(Instant::now() < deadline, "it is never shown");
    }
    for projection in ["memories", "memory_history", "positions", "keyword"] {
        let verified = world.send(Method::POST, &format!("/api/v1/replay/{projection}/verify"), json!(null)).await.body;
        assert_eq!((&verified["equal"], &verified["parked"]), (&json!(true), &json!(0)), "{projection}: {verified}");
    }
    assert_eq!(world.get("/health/ready").await.status, StatusCode::OK);
    world.end().await;
}
