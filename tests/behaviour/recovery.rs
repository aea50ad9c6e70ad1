//! The log is the truth: a brain that starts again, even without its read models, shows the same.

use reqwest::Method;
use serde_json::json;

use crate::harness::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_log_alone_rebuilds_the_read_model() {
    let mut world = World::new().await;
    for n in 0..250 {
        let path = format!("/api/v1/memories/0190f3d2-0000-7000-8000-{n:012}");
        let body =
            json!({"content": format!("note {n}"), "metadata": {"n": n, "quote": "\"a\",\\ \t\n b"}, "tags": ["x,y", "z\"q"]});
        let put = world.send(Method::PUT, &path, body).await;
        assert!(put.status.is_success(), "{put:?}");
    }
    let last = world.send(Method::DELETE, "/api/v1/memories/0190f3d2-0000-7000-8000-000000000000", json!(null)).await;
    let list = format!("/api/v1/memories?limit=200&min_position={}", last.body["position"]);
    let before = world.get(&list).await.body;
    let key = world.key().to_owned();
    world.restart().await;
    assert_eq!(world.get(&list).await.body, before);
    world.restart_without_read_models().await;
    assert_eq!(world.key(), key, "the key outlives a restart");
    let after = world.get(&list).await.body;
    assert_eq!(after, before);
    assert_eq!(after["memories"].as_array().map(Vec::len), Some(200));
    world.end().await;
}
