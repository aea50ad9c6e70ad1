//! The read models are visibly a view of the log: proven equal, found unequal after a hand-made change, rebuilt, rolled back.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{World, eventually, reply};

async fn some_memories(world: &World, count: u32) -> u64 {
    let mut position = 0;
    for n in 0..count {
        let path = format!("/api/v1/memories/0190f3d2-0000-7000-8000-{n:012}");
        let put = world.send(Method::PUT, &path, json!({"content": format!("note {n}"), "tags": ["x"]})).await;
        position = put.body["position"].as_u64().expect("a position");
    }
    position
}

async fn replay(world: &World, projection: &str, wish: &str) -> (StatusCode, Value) {
    let reply = world.send(Method::POST, &format!("/api/v1/replay/{projection}/{wish}"), json!(null)).await;
    (reply.status, reply.body)
}

/// Waits until this version of the projection is live.
async fn live(world: &World, projection: &str, version: &Value) {
    eventually(format!("{projection} {version} is live"), async || {
        let status = world.get("/api/v1/status").await.body;
        let rows = status["projections"].as_array().expect("a list").clone();
        let is_live = rows.iter().any(|row| row["name"] == projection && row["version"] == *version && row["state"] == "live");
        if is_live { Ok(()) } else { Err(rows) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_made_change_is_found_and_a_rebuild_mends_it() {
    let world = World::new().await;
    let last = some_memories(&world, 40).await;
    let deleted = world.send(Method::DELETE, "/api/v1/memories/0190f3d2-0000-7000-8000-000000000003", json!(null)).await;
    let relation = json!({
        "source_id": "0190f3d2-0000-7000-8000-000000000001", "target_id": "0190f3d2-0000-7000-8000-000000000002",
        "relationship_type": "supports",
    });
    world.send(Method::POST, "/api/v1/relationships", relation).await;
    assert!(deleted.body["position"].as_u64().unwrap() > last);
    for projection in
        ["memories", "access", "vectors", "graph", "memory_history", "edge_history", "positions", "command_log", "keyword"]
    {
        let (status, body) = replay(&world, projection, "verify").await;
        assert_eq!((status, &body["equal"], &body["difference"]), (StatusCode::OK, &json!(true), &Value::Null), "{body}");
    }
    world.sql("UPDATE memories_v1.memories SET content = 'forged' WHERE id = '0190f3d2-0000-7000-8000-000000000007'").await;
    let (_, body) = replay(&world, "memories", "verify").await;
    assert_eq!((&body["equal"], &body["unequal_partitions"]), (&json!(false), &json!(1)), "{body}");
    let difference = &body["difference"];
    assert_eq!(difference["key"], json!(r#"["default", "0190f3d2-0000-7000-8000-000000000007"]"#));
    assert_eq!((&difference["found"]["content"], &difference["expected"]["content"]), (&json!("forged"), &json!("note 7")));
    world.sql("DELETE FROM memory_history_v1.states WHERE id = '0190f3d2-0000-7000-8000-000000000009'").await;
    let (_, body) = replay(&world, "memory_history", "verify").await;
    assert_eq!((&body["equal"], &body["difference"]["found"]), (&json!(false), &Value::Null), "{body}");

    let list = format!("/api/v1/memories?limit=200&min_position={last}");
    for (projection, version) in [("memories", 2), ("memory_history", 2)] {
        let (status, body) = replay(&world, projection, "rebuild").await;
        assert_eq!((status, &body["version"]), (StatusCode::ACCEPTED, &json!(version)), "{body}");
        live(&world, projection, &body["version"]).await;
        assert_eq!(replay(&world, projection, "verify").await.1["equal"], json!(true));
    }
    let listed = world.get(&list).await.body;
    assert_eq!(listed["memories"].as_array().unwrap().len(), 39);
    assert!(!listed.to_string().contains("forged"));
    // Writes are seen as before, and the version before comes back with what happened since.
    let after = world.send(Method::POST, "/api/v1/memories", json!({"content": "after the rebuild"})).await;
    assert_eq!(world.get("/api/v1/memories?limit=1").await.body["memories"][0], after.body["memory"]);
    let (status, body) = replay(&world, "memories", "rollback").await;
    assert_eq!((status, &body["version"]), (StatusCode::ACCEPTED, &json!(1)), "{body}");
    live(&world, "memories", &json!(1)).await;
    assert!(world.get(&list).await.body.to_string().contains("after the rebuild"));
    assert_eq!(replay(&world, "nothing", "rebuild").await.1["code"], json!("replay.unknown_projection"));
    let stranger = world.stranger().await;
    for (method, path) in [(Method::POST, "memories/verify"), (Method::POST, "memories/rebuild"), (Method::GET, "parked")] {
        let request = world.anonymous(method, &format!("/api/v1/replay/{path}")).bearer_auth(&stranger);
        assert_eq!(crate::harness::reply(request).await.body["code"], json!("auth.operator_only"), "{path}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_writes_go_on_while_everything_is_rebuilt() {
    let mut world = World::new().await;
    some_memories(&world, 100).await;
    let found = |world: &World| {
        let question =
            world.request(Method::POST, "/api/v1/search").json(&json!({"query": "note", "mode": "keyword", "limit": 200}));
        async move { crate::harness::reply(question).await.body["results"].as_array().map(Vec::len) }
    };
    assert_eq!(found(&world).await, Some(100));
    for projection in ["memories", "graph", "vectors", "keyword"] {
        assert_eq!(replay(&world, projection, "rebuild").await.0, StatusCode::ACCEPTED);
        assert_eq!(found(&world).await, Some(100));
    }
    for n in 0..100 {
        let made = world.send(Method::POST, "/api/v1/memories", json!({"content": format!("while {n}")})).await;
        let path = format!("/api/v1/memories/{}", made.body["memory"]["id"].as_str().expect("an id"));
        assert_eq!(world.get(&path).await.body, made.body["memory"], "one's own write is read");
    }
    for projection in ["memories", "graph", "vectors"] {
        live(&world, projection, &json!(2)).await;
        assert_eq!(replay(&world, projection, "verify").await.1["equal"], json!(true));
    }
    live(&world, "keyword", &json!(1)).await;
    assert_eq!((found(&world).await, replay(&world, "keyword", "verify").await.1["equal"].clone()), (Some(100), json!(true)));
    // The version that is live outlasts a restart.
    world.restart().await;
    let status = world.get("/api/v1/status").await.body;
    let live: Vec<_> = status["projections"].as_array().unwrap().iter().filter(|it| it["name"] == "memories").cloned().collect();
    assert_eq!(live.iter().map(|it| it["state"].as_str().unwrap()).collect::<Vec<_>>(), ["retired", "live"]);
    assert_eq!(world.get("/api/v1/memories?limit=200").await.body["memories"].as_array().unwrap().len(), 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_applied_is_parked_shown_and_tried_again() {
    let mut world = World::new().await;
    world.sql("ALTER TABLE memories_v1.memories ADD CONSTRAINT no_bad CHECK (content <> 'bad')").await;
    let path = "/api/v1/memories/0190f3d2-0000-7000-8000-000000000001";
    let good = world.send(Method::PUT, path, json!({"content": "good"})).await;
    assert_eq!(world.get(path).await.body, good.body["memory"]);
    let bad = world.send(Method::PATCH, path, json!({"content": "bad"})).await;
    let parked = world.get(path).await;
    assert_eq!((parked.status, &parked.body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("projection.parked")));
    let later = world.send(Method::PATCH, path, json!({"tags": ["later"]})).await;
    assert_eq!(world.get(path).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let shown = world.get("/api/v1/replay/parked?projection=memories").await.body["parked"].clone();
    assert_eq!(shown.as_array().map(Vec::len), Some(2));
    assert!(shown[0]["error"].as_str().unwrap().contains("no_bad"), "{shown}");
    assert_eq!((&shown[0]["seq"], &shown[0]["event"]["data"]["content"]), (&bad.body["position"], &json!("bad")));
    let aggregate = json!({"space": "default", "aggregate": "memory", "id": "0190f3d2-0000-7000-8000-000000000001"});
    let retry = || world.send(Method::POST, "/api/v1/replay/memories/retry", aggregate.clone());
    assert_eq!(retry().await.body, json!({"applied": 1, "parked": 2}));
    assert_eq!(replay(&world, "memories", "verify").await.1["parked"], json!(2));
    world.sql("ALTER TABLE memories_v1.memories DROP CONSTRAINT no_bad").await;
    assert_eq!(retry().await.body, json!({"applied": 3, "parked": 0}));
    assert_eq!(world.get(path).await.body, later.body["memory"]);
    let verified = replay(&world, "memories", "verify").await.1;
    assert_eq!((&verified["equal"], &verified["parked"]), (&json!(true), &json!(0)));

    // Nobody need do anything if the next change is a good one.
    world.sql("ALTER TABLE memories_v1.memories ADD CONSTRAINT no_bad CHECK (content <> 'worse')").await;
    world.send(Method::PATCH, path, json!({"content": "worse"})).await;
    assert_eq!(world.get(path).await.body["code"], json!("projection.parked"));
    let healed = world.send(Method::PATCH, path, json!({"content": "better"})).await;
    assert_eq!(world.get(path).await.body, healed.body["memory"]);
    assert_eq!(world.get("/api/v1/replay/parked?projection=memories").await.body["parked"], json!([]));
    // And what a stopped program left parked, a later one tries again.
    world.send(Method::PATCH, path, json!({"content": "worse"})).await;
    assert_eq!(world.get(path).await.body["code"], json!("projection.parked"));
    world.sql("ALTER TABLE memories_v1.memories DROP CONSTRAINT no_bad").await;
    world.restart().await;
    eventually("what was parked is tried again", async || {
        let read = world.get(path).await;
        if read.body["content"] == json!("worse") { Ok(()) } else { Err(read) }
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_with_other_columns_than_the_one_before_becomes_live() {
    let world = World::new().await;
    let keyed = || {
        let request = world.request(Method::POST, "/api/v1/memories").header("Idempotency-Key", "before");
        reply(request.json(&json!({"content": "once"})))
    };
    let first = keyed().await;
    // As the first release left it.
    world
        .sql(
            "DROP VIEW live.commands; \
             CREATE VIEW live.commands AS SELECT space, command_id, seq, aggregate || '/' || id AS subject FROM command_log_v1.commands; \
             GRANT SELECT ON live.commands TO brain_app",
        )
        .await;
    let (status, body) = replay(&world, "command_log", "rebuild").await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    live(&world, "command_log", &body["version"]).await;
    assert_eq!(keyed().await.body, first.body);
    world.end().await;
}
