//! An erased memory is gone for every reader at once and for ever; what is left to destroy is destroyed whatever happens in between, and a
//! receipt says so.

use std::{fs, path::Path, process::Command, time::Duration};

use reqwest::{Method, StatusCode};
use second_brain::domain::ids::{CommandId, EventId, SpaceId, StreamSeq};
use serde_json::{Value, json};

use crate::harness::{Answer, Reply, Sink, World, alone::Alone, code, eventually, reachable};

const PROJECTIONS: [&str; 10] = [
    "memories",
    "memory_history",
    "graph",
    "edge_history",
    "vectors",
    "positions",
    "command_log",
    "webhooks",
    "erasures",
    "keyword",
];

async fn relate(world: &World, source: &str, target: &str, properties: Value) -> String {
    let wish = json!({"source_id": source, "target_id": target, "relationship_type": "supports", "properties": properties});
    let made = world.send(Method::POST, "/api/v1/relationships", wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.body["relationship"]["id"].as_str().expect("an id").to_owned()
}

async fn erase(world: &World, id: &str) -> Reply {
    let erased = world.send(Method::DELETE, &format!("/api/v1/memories/{id}?erase=true&reason=asked"), json!(null)).await;
    assert_eq!(erased.status, StatusCode::OK, "{erased:?}");
    erased
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_memory_is_gone_from_every_answer_and_nothing_happens_to_it_afterwards() {
    let mut world = World::new().await;
    let sink = Sink::new(|_| Answer::Status(204)).await;
    let hook = json!({"url": sink.url, "events": ["*"], "filter": {"tags": ["secret"]}});
    assert_eq!(world.send(Method::POST, "/api/v1/webhooks", hook).await.status, StatusCode::CREATED);
    let friend = world.add(json!({"content": "stays as it is"})).await;
    let wish = json!({"title": "Zanzibar", "content": "zanzibar treasure", "tags": ["secret"], "user_id": "ann", "metadata": {"k": "zanzibar"}});
    let id = world.add(wish.clone()).await;
    let path = format!("/api/v1/memories/{id}");
    let changed = world.send(Method::PATCH, &path, json!({"content": "zanzibar treasure, moved"})).await;
    let before = changed.body["position"].as_u64().expect("a position");
    let edge = relate(&world, &friend, &id, json!({"why": "zanzibar"})).await;
    sink.wait_for(2).await;

    let erased = erase(&world, &id).await;
    assert_eq!(erased.headers["location"], format!("/api/v1/erasures/{id}"));
    assert_eq!(erased.body["memory"]["content"], "[erased]");
    assert_eq!(code(&world.get(&path).await), (410, "memory.erased"));
    assert_eq!(code(&world.get(&format!("{path}?as_of={before}")).await), (410, "memory.erased"));
    for (method, path, body) in [
        (Method::PATCH, path.clone(), json!({"content": "again"})),
        (Method::PUT, path.clone(), json!({"content": "again"})),
        (Method::DELETE, path.clone(), json!(null)),
        (Method::POST, format!("{path}/restore"), json!(null)),
        (Method::POST, format!("{path}/undo"), json!(null)),
        (Method::POST, "/api/v1/memories".into(), json!({"id": id, "content": "again"})),
    ] {
        assert_eq!(code(&world.send(method, &path, body).await), (409, "memory.erased"), "{path}");
    }
    erase(&world, &id).await;
    let told = sink.wait_for(3).await;
    let told: Value = serde_json::from_str(&told[2].body).expect("JSON");
    assert_eq!(told["type"], "memory.erased");
    let keys: Vec<&String> = told["data"]["memory"].as_object().expect("the memory").keys().collect();
    assert_eq!(keys, ["erased_at", "id", "revision"]);

    let receipt = world.receipt(&id).await;
    assert_eq!(receipt["reason"], "asked");
    let done = &receipt["receipt"];
    assert_eq!((&done["relationships"], &done["events"]), (&json!(1), &json!(3)), "{receipt}");
    let history = world.get(&format!("{path}/history")).await.body;
    assert_eq!(history["revisions"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&history["revisions"][0]["type"], &history["revisions"][0]["memory"]["content"]),
        (&json!("memory.erased"), &json!("[erased]"))
    );
    assert_eq!(code(&world.get(&format!("/api/v1/relationships/{edge}")).await), (410, "relationship.deleted"));
    for path in [
        "/api/v1/memories?limit=200".to_owned(),
        format!("/api/v1/memories?as_of={before}"),
        "/api/v1/events?limit=1000".into(),
        format!("{path}/history"),
        "/api/v1/relationships".into(),
        format!("/api/v1/graph/neighbors?id={friend}"),
        "/api/v1/graph/export?format=json".into(),
        "/api/v1/erasures".into(),
    ] {
        let shown = world.get(&path).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}: {shown:?}");
        let shown = shown.body.to_string();
        assert!(!shown.to_lowercase().contains("zanzibar"), "{path}: {shown}");
    }
    let search = world.send(Method::POST, "/api/v1/search", json!({"query": "zanzibar treasure"})).await;
    assert!(!search.body.to_string().contains("treasure, moved"), "{search:?}");
    world.verified(&PROJECTIONS).await;
    world.restart_without_read_models().await;
    assert_eq!(code(&world.get_until(&path, StatusCode::GONE).await), (410, "memory.erased"));
    world.verified(&PROJECTIONS).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_person_is_erased_tombstones_too_and_a_restart_in_between_costs_nothing() {
    let mut world = World::new().await;
    let mut ids = vec![];
    for n in 0..30 {
        let user = if n % 2 == 0 { "ann" } else { "bob" };
        ids.push(world.add(json!({"content": format!("note {n}"), "user_id": user})).await);
    }
    world.send(Method::DELETE, &format!("/api/v1/memories/{}", ids[0]), json!(null)).await;
    let wish = |more: Value| {
        let mut wish = json!({"filters": {"user_id": "ann"}, "erase": true});
        wish.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        wish
    };
    let path = "/api/v1/memories/delete";
    let looked = world.send(Method::POST, path, wish(json!({"dry_run": true}))).await;
    assert_eq!((&looked.body["matched"], &looked.body["deleted"]), (&json!(15), &json!(0)), "{looked:?}");
    let done = world.send(Method::POST, path, wish(json!({"reason": "ann asked"}))).await;
    assert_eq!((&done.body["deleted"], &done.body["more"]), (&json!(15), &json!(false)), "{done:?}");
    // The eraser is cut off wherever it is.
    world.restart().await;
    for id in ids.iter().step_by(2) {
        world.receipt(id).await;
        assert_eq!(code(&world.get(&format!("/api/v1/memories/{id}")).await), (410, "memory.erased"));
    }
    let listed = world.get("/api/v1/erasures?limit=10").await.body;
    assert_eq!(listed["erasures"].as_array().map(Vec::len), Some(10));
    let rest = world.get(&format!("/api/v1/erasures?before={}", listed["next_before"])).await.body;
    assert_eq!((rest["erasures"].as_array().map(Vec::len), &rest["next_before"]), (Some(5), &json!(null)));
    assert_eq!(world.get("/api/v1/memories?limit=200").await.body["memories"].as_array().map(Vec::len), Some(15));
    assert_eq!(world.send(Method::POST, path, wish(json!({}))).await.body["deleted"], 0);
    world.verified(&PROJECTIONS).await;
    world.end().await;
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(copied.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_put_back_from_an_older_copy_is_erased_again_before_it_serves() {
    let place = reachable();
    let (folder, older) = (place.path().join("brain"), place.path().join("older"));
    let brain = Alone::start(&folder, "127.0.0.1:0").await;
    let (one, other) = ("0190f3d2-0000-7000-8000-000000000001", "0190f3d2-0000-7000-8000-000000000002");
    for id in [one, other] {
        let put = brain.send(Method::PUT, &format!("/api/v1/memories/{id}"), json!({"content": "what was said"})).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
    }
    brain.stop().await;
    copy(&folder, &older);
    let completed = async |brain: &Alone| {
        eventually("the receipt is there", async || {
            let found = brain.send(Method::GET, &format!("/api/v1/erasures/{one}"), json!(null)).await.body;
            if found["state"] == "completed" { Ok(found) } else { Err(found) }
        })
        .await
    };
    let brain = Alone::start(&folder, "127.0.0.1:0").await;
    let erased = brain.send(Method::DELETE, &format!("/api/v1/memories/{one}?erase=true"), json!(null)).await;
    assert_eq!(erased.status, StatusCode::OK, "{erased:?}");
    completed(&brain).await;
    brain.stop().await;
    let ledger = fs::read_to_string(folder.join("erased.ledger")).expect("the ledger");
    assert!(ledger.contains(one) && !ledger.contains("what was said"), "{ledger}");

    fs::remove_dir_all(&folder).expect("removed");
    copy(&older, &folder);
    fs::write(folder.join("erased.ledger"), &ledger).expect("written");
    let brain = Alone::start(&folder, "127.0.0.1:0").await;
    // The very first question.
    let first = brain.send(Method::GET, &format!("/api/v1/memories/{one}"), json!(null)).await;
    assert_eq!(code(&first), (410, "memory.erased"));
    assert_eq!(brain.send(Method::GET, &format!("/api/v1/memories/{other}"), json!(null)).await.status, StatusCode::OK);
    let again = completed(&brain).await;
    assert_eq!(again["receipt"]["events"], 1, "{again}");
    brain.stop().await;
    // What was erased again is known to be.
    let brain = Alone::start(&folder, "127.0.0.1:0").await;
    assert_eq!(code(&brain.send(Method::GET, &format!("/api/v1/memories/{one}"), json!(null)).await), (410, "memory.erased"));
    brain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_is_made_up_for() {
    let place = reachable();
    let folder = place.path().join("brain");
    let mut upto = 0;
    for (round, pause_ms) in [0, 40, 150, 600].into_iter().enumerate() {
        let user = format!("user{round}");
        let brain = Alone::start(&folder, "127.0.0.1:0").await;
        let notes: Vec<Value> = (0..40).map(|n| json!({"content": format!("note {n}"), "user_id": user})).collect();
        let made = brain.send(Method::POST, "/api/v1/memories/batch", json!({"memories": notes})).await;
        assert_eq!(made.status, StatusCode::OK, "{made:?}");
        let wish = json!({"filters": {"user_id": user}, "erase": true, "min_position": made.body["position"]});
        let erased = brain.send(Method::POST, "/api/v1/memories/delete", wish).await;
        assert_eq!(erased.body["deleted"], 40, "{erased:?}");
        upto = erased.body["position"].as_u64().expect("a position");
        // Not waiting for luck: each pause is another step to be cut off at.
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        // kill -9
        drop(brain);
    }
    let brain = Alone::start(&folder, "127.0.0.1:0").await;
    eventually("nothing is left to destroy", async || {
        let open = brain.send(Method::GET, &format!("/api/v1/erasures?open=true&min_position={upto}"), json!(null)).await.body;
        if open["erasures"] == json!([]) { Ok(()) } else { Err(open) }
    })
    .await;
    let all = brain.send(Method::GET, "/api/v1/erasures?limit=200", json!(null)).await.body;
    assert_eq!(all["erasures"].as_array().map(Vec::len), Some(160));
    for projection in PROJECTIONS {
        let verified = brain.send(Method::POST, &format!("/api/v1/replay/{projection}/verify"), json!(null)).await.body;
        assert_eq!(verified["equal"], true, "{projection}: {verified}");
    }
    brain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_asks_first_waits_and_shows_receipts() {
    let world = World::new().await;
    let id = world.add(json!({"content": "one", "user_id": "ann"})).await;
    world.add(json!({"content": "two", "user_id": "bob"})).await;
    let told = |output: &std::process::Output| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, said) = told(&world.brain(&["erase", "--user-id", "ann"]).await);
    assert!(code == 2 && said.contains("1 memory would be erased for ever"), "{code} {said}");
    let (code, shown, said) = told(&world.brain(&["erase", "--user-id", "ann", "--dry-run"]).await);
    assert!(code == 0 && shown.contains(&id) && said.contains("1 memory would be erased"), "{code} {shown} {said}");
    let (code, shown, said) = told(&world.brain(&["erase", "--user-id", "ann", "--yes", "--reason", "asked"]).await);
    assert!(code == 0 && shown.starts_with("erased 1 memory") && said.contains("is destroyed"), "{code} {shown} {said}");
    let (code, shown, _) = told(&world.brain(&["erase", "--receipts"]).await);
    assert!(code == 0 && shown.contains(&id) && shown.contains("completed") && shown.contains("asked"), "{code} {shown}");
    let (code, shown, _) = told(&world.brain(&["erase", "--receipts", &id]).await);
    assert!(code == 0 && shown.contains("postgres_wal"), "{code} {shown}");
    let (code, _, said) = told(&world.brain(&["get", &id]).await);
    assert!(code == 1 && said.contains("memory.erased"), "{code} {said}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_vectors_from_an_older_release_evicts_no_longer_and_says_what_it_did() {
    let mut world = World::new().await;
    world.define_vectors_as_before().await;
    world.restart().await;
    let id = world.add(json!({"content": "first"})).await;
    eventually("it has a vector", async || {
        let status = world.get("/api/v1/status").await.body;
        if status["embeddings_pending"] == 0 { Ok(()) } else { Err(status) }
    })
    .await;
    let changed = world.send(Method::PATCH, &format!("/api/v1/memories/{id}"), json!({"content": "second"})).await;
    assert_eq!(changed.status, StatusCode::OK);
    eventually("it has another vector", async || {
        let kept = world.vectors_of(&id).await;
        if kept == 2 { Ok(()) } else { Err(kept) }
    })
    .await;
    // It is remembered from start to start.
    world.restart().await;
    erase(&world, &id).await;
    let receipt = world.receipt(&id).await;
    assert_eq!(receipt["receipt"]["vectors"], 2, "{receipt}");
    assert!(receipt.to_string().contains("nats_evicted"), "{receipt}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relationship_that_was_made_in_the_moment_of_an_erasure_goes_as_well() {
    let world = World::new().await;
    let (friend, id) = (world.add(json!({"content": "a friend"})).await, world.add(json!({"content": "goes"})).await);
    let model = relate(&world, &friend, &id, json!({"why": "seen"})).await;
    let (log, appender, space) = (world.log().await, world.appender().await, SpaceId::default_space());
    let model = log.last(&space, "relationship", &model).await.expect("the log answers").expect("it is there").event;
    erase(&world, &id).await;
    // As by a process that had looked for both ends a moment before.
    let (late, mut event) = (uuid::Uuid::new_v4(), model.clone());
    (event.id, event.command_id, event.aggregate_id) = (EventId(late), CommandId(late), late.to_string());
    event.data["relationship_type"] = "contradicts".into();
    appender.append(&event, StreamSeq(0)).await.expect("appended");
    world.receipt(&id).await;
    let last = log.last(&space, "relationship", &late.to_string()).await.expect("the log answers").expect("it is there");
    assert_eq!(last.event.kind, "relationship.erased");
    world.end().await;
}
