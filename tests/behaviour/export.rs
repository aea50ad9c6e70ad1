//! What is exported is imported identically, in every format, ids and times included.

use std::fs;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::World;

async fn brain(world: &World, arguments: &[&str]) -> String {
    let output = world.brain(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_carries_a_space_to_another_brain() {
    let first = World::new().await;
    let mut ids = vec![];
    for n in 0..12 {
        let body = json!({
            "content": format!("Note {n}:\r\n  \"quoted\", --- and\n---\nmore"), "tags": ["a,b", format!("t{n}")],
            "metadata": {"n": n, "deep": {"list": [1.5, null]}}, "importance": f64::from(n) / 12.0,
            "source": {"kind": "chat", "id": "c1", "position": n}, "user_id": if n % 2 == 0 { json!("ann") } else { json!(null) },
            "occurred_at": "2024-02-29T23:59:59.123456Z", "created_at": format!("2024-03-{:02}T10:00:00Z", n + 1),
        });
        let made = first.send(Method::POST, "/api/v1/memories", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        ids.push(made.body["memory"]["id"].clone());
    }
    for n in 1..12 {
        let body = json!({
            "source_id": ids[n - 1], "target_id": ids[n], "relationship_type": "extends", "weight": 0.25,
            "properties": {"n": n}, "created_at": "2024-04-01T00:00:00Z",
        });
        assert_eq!(first.send(Method::POST, "/api/v1/relationships", body).await.status, StatusCode::CREATED);
    }
    first.send(Method::DELETE, &format!("/api/v1/memories/{}", ids[11].as_str().unwrap()), json!(null)).await;
    let everything = brain(&first, &["export"]).await;
    assert_eq!(everything.lines().count(), 11 + 10);
    let folder = tempfile::tempdir().expect("a folder");
    for (format, name) in [("jsonl", "a.jsonl"), ("json", "b.json"), ("csv", "c/c.csv"), ("markdown", "d")] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        let path = path.to_string_lossy().into_owned();
        brain(&first, &["export", "--format", format, &path]).await;
        let source = if format == "csv" { folder.path().join("c").to_string_lossy().into_owned() } else { path };
        let second = World::new().await;
        brain(&second, &["import", &source]).await;
        assert_eq!(brain(&second, &["export"]).await, everything, "{format}");
        let again = brain(&second, &["import", &source]).await;
        assert!(again.contains("0 created, 0 changed, 11 unchanged"), "{again}");
        second.end().await;
    }
    let some = brain(&first, &["export", "--user-id", "ann"]).await;
    assert_eq!(some.lines().count(), 6, "{some}");
    first.end().await;
}
