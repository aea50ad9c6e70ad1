//! Sensitive memories: what they say is read by who may read them, and is in the clear nowhere else.

use reqwest::{Method, StatusCode};
use second_brain::config::Security;
use serde_json::{Value, json};

use crate::harness::{Answer, Sink, World, canary, code, eventually};

const PROJECTIONS: [&str; 8] =
    ["memories", "memory_history", "graph", "vectors", "positions", "command_log", "erasures", "keyword"];

fn note(word: &str) -> Value {
    let long = format!("{word} {}", "the same words again and again ".repeat(100));
    json!({
        "title": format!("about {word}"), "content": long, "tags": ["diary"], "user_id": "ann",
        "metadata": {word: "a key", "deep": {"list": [word]}}, "source": {"kind": "note", "uri": format!("note:{word}"), "id": "n"},
    })
}

fn sensitive(mut note: Value) -> Value {
    note["sensitive"] = true.into();
    note
}

async fn embedded(world: &World) {
    eventually("all have vectors", async || {
        let status = world.get("/api/v1/status").await.body;
        if status["embeddings_pending"] == 0 { Ok(()) } else { Err(status) }
    })
    .await;
}

async fn finds(world: &World, word: &str, id: &str) -> bool {
    for mode in ["keyword", "semantic", "hybrid"] {
        let found = world.send(Method::POST, "/api/v1/search", json!({"query": word, "mode": mode, "limit": 200})).await;
        assert_eq!(found.status, StatusCode::OK, "{found:?}");
        if found.body.to_string().contains(id) {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sensitive_memory_says_is_in_the_clear_for_its_readers_alone() {
    let world = World::with_own_servers().await;
    let word = canary();
    let sink = Sink::new(|_| Answer::Status(204)).await;
    let hook = json!({"url": sink.url, "events": ["memory.*"]});
    assert_eq!(world.send(Method::POST, "/api/v1/webhooks", hook).await.status, StatusCode::CREATED);
    let id = world.add(sensitive(note(&word))).await;
    let path = format!("/api/v1/memories/{id}");
    let other = world.add(json!({"content": "company", "tags": ["diary"]})).await;
    let edge = json!({"source_id": other, "target_id": id, "relationship_type": "supports"});
    let made = world.send(Method::POST, "/api/v1/relationships", edge).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let position = &made.body["position"];
    for moment in [format!("min_position={position}"), format!("as_of={position}")] {
        let near = world.get(&format!("/api/v1/graph/neighbors?id={other}&{moment}")).await;
        assert!(near.body.to_string().contains("[sensitive]"), "{near:?}");
    }

    // Whoever may read it reads it: alone, listed, its past, what differs.
    let read = world.get(&path).await.body;
    let wished = sensitive(note(&word));
    for field in ["title", "content", "metadata", "sensitive", "tags", "user_id"] {
        let given = if field == "content" { json!(wished[field].as_str().unwrap().trim()) } else { wished[field].clone() };
        assert_eq!(read[field], given, "{field}: {read}");
    }
    assert_eq!(read["source"]["uri"], wished["source"]["uri"]);
    for _ in 0..2 {
        let listed = world.get("/api/v1/memories?tag=diary").await;
        assert!(listed.body.to_string().contains(&word), "{listed:?}");
        let kept = listed.headers["cache-status"].to_str().unwrap_or_default();
        assert!(!kept.contains("hit"), "{kept}");
    }
    let changed = world.send(Method::PATCH, &path, json!({"content": format!("{word} moved")})).await;
    assert_eq!((&changed.body["memory"]["sensitive"], &changed.body["memory"]["revision"]), (&json!(true), &json!(2)));
    assert!(world.get(&format!("{path}/history")).await.body["revisions"][1].to_string().contains("again and again"));
    assert!(world.get(&format!("{path}/diff?from=1&to=2")).await.body["content"].to_string().contains("moved"));
    let undone = world.send(Method::POST, &format!("{path}/undo"), json!(null)).await;
    assert!(undone.body["memory"]["content"].to_string().contains("again and again"), "{undone:?}");
    let deleted = world.send(Method::DELETE, &path, json!(null)).await;
    assert_eq!(deleted.body["memory"]["title"], wished["title"]);
    let restored = world.send(Method::POST, &format!("{path}/restore"), json!(null)).await;
    assert!(restored.body["memory"]["metadata"][&word] == "a key", "{restored:?}");
    assert_eq!(world.get(&path).await.body["content"], restored.body["memory"]["content"]);

    // Nobody else does: no search, no webhook, no event, no file.
    embedded(&world).await;
    let requests = sink.wait_for(6).await;
    assert!(requests.iter().any(|request| request.body.contains(&id)));
    assert!(requests.iter().all(|request| !request.body.contains(&word)), "{requests:?}");
    let events = world.get("/api/v1/events?limit=100").await.body.to_string();
    assert!(events.contains(&id) && !events.contains(&word), "{events}");
    assert!(!finds(&world, &word, &id).await && !finds(&world, "the same words again", &id).await);
    world.sql("ANALYZE; CHECKPOINT").await;
    let found = world.scan(&word).await;
    assert!(found.is_empty(), "{found:#?}");
    // The scan sees what is there.
    world.add(json!({"content": format!("open {word}")})).await;
    assert!(world.scan(&word).await.contains_key("stream EVENTS"));
    world.verified(&PROJECTIONS).await;

    // Erased, its key goes first.
    assert_eq!(world.keys_of(&id).await, 1);
    let erased = world.send(Method::DELETE, &format!("{path}?erase=true"), json!(null)).await;
    assert_eq!(erased.status, StatusCode::OK, "{erased:?}");
    world.receipt(&id).await;
    assert_eq!((world.keys_of(&id).await, code(&world.get(&path).await)), (0, (410, "memory.erased")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_that_becomes_sensitive_takes_its_past_out_of_the_clear() {
    let mut world = World::with_own_servers().await;
    let word = canary();
    let id = world.add(note(&word)).await;
    let path = format!("/api/v1/memories/{id}");
    let friend = world.add(json!({"content": "a friend"})).await;
    let edge = json!({"source_id": friend, "target_id": id, "relationship_type": "supports"});
    let edge = world.send(Method::POST, "/api/v1/relationships", edge).await.body["relationship"]["id"].clone();
    world.send(Method::PATCH, &path, json!({"importance": 0.9})).await;
    embedded(&world).await;
    assert!(finds(&world, &word, &id).await);
    assert!(world.scan(&word).await.contains_key("table memories_v1.memories"));

    let sealed = world.send(Method::PATCH, &path, json!({"sensitive": true})).await;
    assert_eq!(sealed.status, StatusCode::OK, "{sealed:?}");
    assert!(!finds(&world, &word, &id).await);
    let undo = world.send(Method::POST, &format!("{path}/undo"), json!(null)).await;
    assert_eq!(code(&undo), (403, "memory.stays_sensitive"));
    let found = world.receipt(&id).await;
    assert!(found["sealing"] == true && found["receipt"]["events"] == 2, "{found}");
    let mut left = world.scan(&word).await;
    left.remove("wal");
    assert!(left.is_empty(), "{left:#?}");
    let read = world.get(&path).await.body;
    assert!(read["title"].to_string().contains(&word) && read["sensitive"] == true, "{read}");
    // It lives on with what it is related to, also for a folder that is opened again and tables that are made anew.
    let edge = format!("/api/v1/relationships/{}", edge.as_str().expect("an id"));
    assert_eq!(world.get(&edge).await.status, StatusCode::OK);
    world.verified(&PROJECTIONS).await;
    world.restart_without_read_models().await;
    eventually("it is read again", async || {
        let read = world.get(&path).await.body;
        if read["title"].to_string().contains(&word) { Ok(()) } else { Err(read) }
    })
    .await;
    eventually("its past is what is left of it", async || {
        let past = world.get(&format!("{path}/history")).await.body;
        if past["revisions"].as_array().map(Vec::len) == Some(1) { Ok(()) } else { Err(past) }
    })
    .await;

    // Its owner may take it back; then it is like any other.
    let lifted = world.send(Method::PATCH, &path, json!({"sensitive": false})).await;
    assert!(lifted.status == StatusCode::OK && lifted.body["memory"].get("sensitive").is_none(), "{lifted:?}");
    embedded(&world).await;
    eventually("it is found again", async || if finds(&world, &word, &id).await { Ok(()) } else { Err(()) }).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_makes_sensitive_and_an_owner_alone_takes_it_back() {
    let world = World::new().await;
    let invited =
        world.send(Method::POST, "/api/v1/keys", json!({"label": "pen", "scopes": ["memory:read", "memory:write"]})).await;
    let key = invited.body["secret"].as_str().unwrap_or_else(|| panic!("{invited:?}")).to_owned();
    let as_editor = async |method: Method, path: &str, body: Value| {
        crate::harness::reply(world.anonymous(method, path).header("X-API-Key", &key).json(&body)).await
    };
    let id = world.add(json!({"content": "tea"})).await;
    let path = format!("/api/v1/memories/{id}");
    assert_eq!(as_editor(Method::PATCH, &path, json!({"sensitive": true})).await.status, StatusCode::OK);
    let put = as_editor(Method::PUT, &path, json!({"content": "cake"})).await;
    assert!(put.status == StatusCode::OK && put.body["memory"]["sensitive"] == true, "{put:?}");
    let lifted = as_editor(Method::PATCH, &path, json!({"sensitive": false})).await;
    assert_eq!(code(&lifted), (403, "memory.stays_sensitive"));
    let put = as_editor(Method::PUT, &path, json!({"content": "cake", "sensitive": false})).await;
    assert_eq!(code(&put), (403, "memory.stays_sensitive"));
    // The mark of the specification counts as well.
    let marked = world.add(json!({"content": "gold", "metadata": {"sensitive": true}})).await;
    assert_eq!(world.get(&format!("/api/v1/memories/{marked}")).await.body["sensitive"], true);
    // A wish under a key is known again, and another one is told from it, though the log holds neither.
    let wish = |content: &str| {
        world
            .request(Method::POST, "/api/v1/memories")
            .header("Idempotency-Key", "k")
            .json(&json!({"content": content, "sensitive": true}))
    };
    let first = crate::harness::reply(wish("once")).await;
    let again = crate::harness::reply(wish("once")).await;
    assert_eq!((&first.body["memory"]["id"], &first.body["position"]), (&again.body["memory"]["id"], &again.body["position"]));
    assert_eq!(again.body["memory"]["content"], "once");
    assert_eq!(code(&crate::harness::reply(wish("twice")).await), (422, "request.key_reused"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_and_a_detector_make_memories_sensitive_and_an_export_leaves_them_out() {
    let world = World::with_security(Security { detect_sensitive: true, ..Security::default() }).await;
    let card = world.add(json!({"content": "my card is 4111 1111 1111 1111"})).await;
    assert_eq!(world.get(&format!("/api/v1/memories/{card}")).await.body["sensitive"], true);
    let tea = world.add(json!({"content": "tea"})).await;
    assert!(world.get(&format!("/api/v1/memories/{tea}")).await.body.get("sensitive").is_none());
    // What is found in a batch is sealed item by item.
    let batch = json!({"memories": [{"content": "iban DE89 3704 0044 0532 0130 00"}, {"content": "cake"}]});
    let made = world.send(Method::POST, "/api/v1/memories/batch", batch).await.body;
    assert_eq!(made["results"][0]["memory"]["sensitive"], true, "{made}");
    assert!(made["results"][1]["memory"].get("sensitive").is_none(), "{made}");

    let output = world.brain(&["spaces", "sensitive", "default"]).await;
    assert!(output.status.success(), "{output:?}");
    let all = world.add(json!({"content": "anything at all"})).await;
    assert_eq!(world.get(&format!("/api/v1/memories/{all}")).await.body["sensitive"], true);
    let output = world.brain(&["spaces", "sensitive", "default", "--off"]).await;
    assert!(output.status.success(), "{output:?}");

    let export = async |arguments: &[&str]| {
        let output = world.brain(arguments).await;
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8(output.stdout).expect("text"), String::from_utf8(output.stderr).expect("text"))
    };
    let (plain, said) = export(&["export"]).await;
    assert!(plain.lines().count() == 2 && !plain.contains("4111") && said.contains("3 sensitive memories left out"), "{said}");
    let (whole, _) = export(&["export", "--sensitive"]).await;
    assert!(whole.lines().count() == 5 && whole.contains("4111"), "{whole}");
    let folder = tempfile::tempdir().expect("a folder");
    for (format, name) in [("jsonl", "a.jsonl"), ("csv", "c/c.csv"), ("markdown", "d")] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below")).expect("a folder");
        let path = path.to_string_lossy().into_owned();
        export(&["export", "--sensitive", "--format", format, &path]).await;
        let source = if format == "csv" { folder.path().join("c").to_string_lossy().into_owned() } else { path };
        let second = World::new().await;
        let imported = second.brain(&["import", &source]).await;
        assert!(imported.status.success(), "{imported:?}");
        let read = second.get(&format!("/api/v1/memories/{card}")).await.body;
        assert!(read["sensitive"] == true && read["content"] == "my card is 4111 1111 1111 1111", "{format}: {read}");
        let again = second.brain(&["import", &source]).await;
        let again = String::from_utf8(again.stdout).expect("text");
        assert!(again.contains("0 created, 0 changed, 5 unchanged"), "{format}: {again}");
        second.end().await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_encryption_no_sensitive_memory_is_taken() {
    let world = World::with_security(Security { encryption_enabled: false, ..Security::default() }).await;
    let refused = world.send(Method::POST, "/api/v1/memories", json!({"content": "tea", "sensitive": true})).await;
    assert_eq!(code(&refused), (422, "memory.sealing_off"));
    world.add(json!({"content": "tea"})).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_whose_key_is_gone_stops_nothing_but_itself() {
    let world = World::new().await;
    let lost = world.add(json!({"content": "lost", "sensitive": true, "tags": ["t"]})).await;
    let kept = world.add(json!({"content": "kept", "sensitive": true, "tags": ["t"]})).await;
    world.lose_key_of(&lost).await;
    let listed = world.get("/api/v1/memories?tag=t").await;
    let ids: Vec<&str> = listed.body["memories"].as_array().expect("a list").iter().filter_map(|it| it["id"].as_str()).collect();
    assert_eq!(ids, [kept.as_str()], "{listed:?}");
    let path = format!("/api/v1/memories/{lost}");
    assert_eq!(world.get(&path).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(world.send(Method::PATCH, &path, json!({"importance": 1})).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(world.get(&format!("/api/v1/memories/{kept}")).await.body["content"], "kept");
    let erased = world.send(Method::DELETE, &format!("{path}?erase=true"), json!(null)).await;
    assert_eq!(erased.status, StatusCode::OK, "{erased:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_in_another_place_opens_nowhere_else() {
    let world = World::new().await;
    let (one, other) = (json!({"content": "one", "sensitive": true}), json!({"content": "other", "sensitive": true}));
    let (one, other) = (world.add(one).await, world.add(other).await);
    // Until the rows are there.
    assert_eq!(world.get(&format!("/api/v1/memories/{other}")).await.status, StatusCode::OK);
    let moved = format!(
        "UPDATE memories_v1.memories m SET sealed = o.sealed FROM memories_v1.memories o WHERE m.id = '{one}' AND o.id = '{other}'"
    );
    world.sql(&moved).await;
    assert_eq!(code(&world.get(&format!("/api/v1/memories/{one}")).await).0, 500);
    assert_eq!(world.get(&format!("/api/v1/memories/{other}")).await.body["content"], "other");
    world.end().await;
}
