//! The disk is nearly full: writes are refused at once and say why, reads go on, and all recovers by itself. How the disk is watched is
//! tested beside the watch, and with a real full disk by `tests/full_disk.sh`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use second_brain::ports::storage::{NoRoom, Storage};
use serde_json::{Value, json};

use crate::harness::World;

/// A disk that is full when told so.
#[derive(Default)]
struct Disk(AtomicBool);

impl Storage for Disk {
    fn room(&self) -> Result<(), NoRoom> {
        let full = NoRoom::Full { free_bytes: 1_000, limit_bytes: 2_000, folder: "/data".into() };
        if self.0.load(Ordering::SeqCst) { Err(full) } else { Ok(()) }
    }
}

const MEMORIES: &str = "/api/v1/memories";

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_writes_are_refused_at_once_and_reads_go_on() {
    let disk = Arc::new(Disk::default());
    let world = World::that_asks_for_room(disk.clone()).await;
    let first = world.send(Method::POST, MEMORIES, json!({"content": "before"})).await;
    let path = format!("{MEMORIES}/{}", first.body["memory"]["id"].as_str().expect("an id"));
    assert_eq!(world.get(&path).await.status, StatusCode::OK);
    disk.0.store(true, Ordering::SeqCst);

    let started = Instant::now();
    let refused = world.send(Method::POST, MEMORIES, json!({"content": "during"})).await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::INSUFFICIENT_STORAGE, &json!("storage.full")));
    let detail = refused.body["detail"].as_str().expect("a text");
    assert!(["/data", "1000 bytes", "2000"].iter().all(|part| detail.contains(part)), "{detail}");
    assert_eq!((&refused.body["retryable"], &refused.headers["retry-after"]), (&json!(true), &"10".parse().expect("a value")));
    let batch = json!({"memories": [{"content": "a"}, {"content": "b"}]});
    let refused = world.send(Method::POST, &format!("{MEMORIES}/batch"), batch).await;
    assert!(refused.body.to_string().contains("storage.full"), "{refused:?}");
    assert_eq!(world.send(Method::DELETE, &path, Value::Null).await.status, StatusCode::INSUFFICIENT_STORAGE);
    // A wish that came to pass before is answered as it was.
    let again = world.request(Method::PATCH, &path).json(&json!({"content": "before"})).send().await.expect("an answer");
    assert_eq!(again.status(), StatusCode::OK);

    assert_eq!(world.get(&path).await.body["content"], "before");
    let ready = world.get("/health/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.body["detail"].as_str().is_some_and(|detail| detail.contains("nearly full")), "{ready:?}");
    assert_eq!(world.get("/health/live").await.status, StatusCode::OK);

    disk.0.store(false, Ordering::SeqCst);
    assert_eq!(world.get("/health/ready").await.status, StatusCode::OK);
    let after = world.send(Method::POST, MEMORIES, json!({"content": "after"})).await;
    assert_eq!(after.status, StatusCode::CREATED, "{after:?}");
    world.end().await;
}
