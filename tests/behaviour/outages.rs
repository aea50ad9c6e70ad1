//! A part is away: what can go on goes on, the rest says so at once, and all recovers without a restart.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Reply, World};

async fn add(world: &World, content: &str) -> Reply {
    world.send(Method::POST, "/api/v1/memories", json!({"content": content})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_writes_go_on_and_reads_say_so() {
    let world = World::behind_proxies().await;
    let before = add(&world, "before").await;
    let path = format!("/api/v1/memories/{}", before.body["memory"]["id"].as_str().unwrap());
    world.get_until(&path, StatusCode::OK).await;
    world.postgres_proxy().cut();
    let during = add(&world, "during").await;
    assert_eq!(during.status, StatusCode::CREATED, "{during:?}");
    let patched = world.send(Method::PATCH, &path, json!({"tags": ["patched"]})).await;
    assert_eq!(patched.status, StatusCode::OK, "{patched:?}");
    let read = world.get(&path).await;
    assert_eq!((read.status, &read.body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("read.unavailable")));
    assert!(read.headers.contains_key("retry-after"));
    let ready = world.get("/health/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.body["detail"].as_str().unwrap().contains("postgres"), "{ready:?}");
    world.postgres_proxy().mend();
    world.get_until("/health/ready", StatusCode::OK).await;
    let newest = world.get_until(&format!("/api/v1/memories?min_position={}", patched.body["position"]), StatusCode::OK).await;
    assert_eq!(newest.body["memories"], json!([during.body["memory"], patched.body["memory"]]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_reads_go_on_and_writes_say_so() {
    let world = World::behind_proxies().await;
    let before = add(&world, "before").await;
    let path = format!("/api/v1/memories/{}", before.body["memory"]["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.status, StatusCode::OK);
    world.nats_proxy().cut();
    let ready = world.get_until("/health/ready", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(ready.body["detail"].as_str().unwrap().contains("nats"), "{ready:?}");
    let refused = add(&world, "during").await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("log.unavailable")));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(world.get(&path).await.body, before.body["memory"]);
    world.nats_proxy().mend();
    world.get_until("/health/ready", StatusCode::OK).await;
    let after = add(&world, "after").await;
    assert_eq!(after.status, StatusCode::CREATED, "{after:?}");
    let list = format!("/api/v1/memories?min_position={}", after.body["position"]);
    assert_eq!(world.get(&list).await.body["memories"], json!([after.body["memory"], before.body["memory"]]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_waits_for_what_comes_back() {
    let world = World::behind_proxies().await;
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("a.md", "See [[b]]."), ("b.md", "See [[a]].")] {
        std::fs::write(folder.path().join(name), text).expect("a note");
    }
    world.postgres_proxy().cut();
    let path = folder.path().to_string_lossy().into_owned();
    let arguments = ["import", "--json", &path];
    let back = async {
        // It asks first what there is already.
        for _ in 0..3 {
            world.get_until("/api/v1/memories", StatusCode::SERVICE_UNAVAILABLE).await;
        }
        world.postgres_proxy().mend();
    };
    let (output, ()) = tokio::join!(world.brain(&arguments), back);
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&report["created"], &report["linked"], &report["complete"]), (&json!(2), &json!(2), &json!(true)));
    world.end().await;
}
