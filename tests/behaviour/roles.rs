//! Roles as processes of their own, two of each, killed in turn.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Fleet, World};

/// Whoever waits takes over within this time.
const TAKE_OVER: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn projectors_killed_in_turn_lose_nothing_and_repeat_nothing() {
    let world = World::new().await;
    let mut fleet = Fleet::of(&world).await;
    let api = [fleet.serve("api").await, fleet.serve("api").await];
    let mut projectors = [fleet.serve("projector").await, fleet.serve("projector").await];
    let mut written = 0;
    for round in 0..4 {
        for n in 0..25 {
            let (writer, reader) = (&api[n % 2], &api[(n + 1) % 2]);
            let made = fleet.send(writer, Method::POST, "/api/v1/memories", json!({"content": format!("{round} {n}")})).await;
            assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
            written += 1;
            let (id, position) = (made.body["memory"]["id"].as_str().expect("an id"), &made.body["position"]);
            let path = format!("/api/v1/memories/{id}?min_position={position}");
            let read = tokio::time::timeout(TAKE_OVER, fleet.send(reader, Method::GET, &path, json!(null)));
            assert_eq!(read.await.expect("within the take-over's time").body, made.body["memory"]);
        }
        fleet.kill(&projectors[round % 2]);
        projectors[round % 2] = fleet.serve("projector").await;
    }
    let list = fleet.send(&api[0], Method::GET, "/api/v1/memories?limit=200", json!(null)).await;
    assert_eq!(list.body["memories"].as_array().map(Vec::len), Some(written));
    for projection in ["memories", "memory_history", "positions"] {
        let verified = fleet.send(&api[1], Method::POST, &format!("/api/v1/replay/{projection}/verify"), json!(null)).await;
        assert_eq!(verified.body["equal"], json!(true), "{verified:?}");
    }
    assert_eq!(fleet.send(&projectors[0], Method::GET, "/health/live", json!(null)).await.status, StatusCode::OK);
    assert_eq!(fleet.send(&projectors[0], Method::GET, "/api/v1/memories", json!(null)).await.status, StatusCode::NOT_FOUND);
    fleet.end();
    world.end().await;
}
