//! Deleting many memories by what they have in common: looked at first, done by an event each, bounded, and repeatable.

use std::collections::HashSet;

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Reply, World, reply};

const DELETE: &str = "/api/v1/memories/delete";

async fn delete(world: &World, body: Value) -> Reply {
    world.send(Method::POST, DELETE, body).await
}

/// `count` memories, of ann and bob by turns, each third a draft, created on the days of January 2024; answers their ids.
async fn notes(world: &World, count: usize) -> Vec<String> {
    let note = |n: usize| {
        json!({
            "content": format!("note {n}"), "user_id": if n.is_multiple_of(2) { "ann" } else { "bob" },
            "tags": if n.is_multiple_of(3) { json!(["draft"]) } else { json!([]) },
            "created_at": format!("2024-01-{:02}T12:00:00Z", n % 28 + 1),
        })
    };
    let mut ids = vec![];
    for from in (0..count).step_by(1_000) {
        let memories: Vec<Value> = (from..count.min(from + 1_000)).map(note).collect();
        let made = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": memories})).await;
        // What one has written oneself is waited for as well, but not for as long as a busy machine may need.
        let shown = world.get(&format!("/api/v1/memories?limit=1&min_position={}", made.body["position"])).await;
        assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
        let results = made.body["results"].as_array().expect("results");
        ids.extend(results.iter().map(|one| one["memory"]["id"].as_str().expect("an id").to_owned()));
    }
    ids
}

async fn alive(world: &World) -> usize {
    let listed = world.get("/api/v1/memories?limit=200").await;
    listed.body["memories"].as_array().expect("a list").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_looked_at_is_what_is_deleted_and_a_second_time_nothing_is() {
    let world = World::new().await;
    notes(&world, 12).await;
    let filters = json!({"user_id": "ann"});
    let looked = delete(&world, json!({"filters": filters, "dry_run": true})).await;
    assert_eq!((looked.status, &looked.body["matched"], &looked.body["deleted"]), (StatusCode::OK, &json!(6), &json!(0)));
    let sample = looked.body["sample"].as_array().expect("a sample");
    assert_eq!((sample.len(), &sample[0]["excerpt"]), (6, &json!("note 10")), "the newest first");
    assert_eq!(alive(&world).await, 12);

    let done = delete(&world, json!({"filters": filters})).await;
    assert_eq!(
        (&done.body["deleted"], &done.body["more"], &done.body["changed"]),
        (&json!(6), &json!(false), &json!(0)),
        "{done:?}"
    );
    // Without naming the position: one's own writes are seen.
    let left = world.get("/api/v1/memories").await;
    let users: HashSet<&str> =
        left.body["memories"].as_array().expect("a list").iter().map(|it| it["user_id"].as_str().expect("a user")).collect();
    assert_eq!((users, alive(&world).await), (HashSet::from(["bob"]), 6));
    let again = delete(&world, json!({"filters": filters})).await;
    assert_eq!((&again.body["deleted"], &again.body["position"]), (&json!(0), &done.body["position"]));

    let id = sample[0]["id"].as_str().expect("an id");
    assert_eq!(world.get(&format!("/api/v1/memories/{id}")).await.status, StatusCode::GONE);
    let undone = world.send(Method::POST, &format!("/api/v1/memories/{id}/undo"), json!(null)).await;
    assert_eq!(undone.body["memory"]["content"], "note 10", "each deletion can be taken back");
    let events = world.get("/api/v1/events?types=memory.deleted").await;
    assert_eq!(events.body["events"].as_array().map(Vec::len), Some(6), "an event each");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_are_chosen_in_the_language_of_searches() {
    let world = World::new().await;
    notes(&world, 12).await;
    for (filters, matched) in [
        (json!({"tags": ["draft"]}), 4),
        (json!({"created_at": {"lt": "2024-01-04T00:00:00Z"}}), 3),
        (json!({"user_id": {"in": ["ann", "bob"]}, "not": {"tags": ["draft"]}}), 8),
        (json!({"user_id": "nobody"}), 0),
    ] {
        let looked = delete(&world, json!({"filters": filters, "dry_run": true})).await;
        assert_eq!(looked.body["matched"], json!(matched), "{filters}");
    }
    let done = delete(&world, json!({"filters": {"tags": ["draft"], "created_at": {"gte": "2024-01-04T00:00:00Z"}}})).await;
    assert_eq!((&done.body["deleted"], alive(&world).await), (&json!(3), 9));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_only_where_that_is_said_and_only_of_ones_own_space() {
    let world = World::new().await;
    notes(&world, 3).await;
    let stranger = world.stranger().await;
    let theirs = world.anonymous(Method::POST, "/api/v1/memories").bearer_auth(&stranger).json(&json!({"content": "theirs"}));
    assert_eq!(reply(theirs).await.status, StatusCode::CREATED);
    for refused in [
        json!({}),
        json!({"filters": {}}),
        json!({"filters": {"and": [{}]}}),
        json!({"all": true, "filters": {"user_id": "ann"}}),
    ] {
        let answer = delete(&world, refused.clone()).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (StatusCode::BAD_REQUEST, &json!("memory.filter_required")),
            "{refused}"
        );
    }
    for (refused, code) in [
        (json!({"filters": {"user_id": "ann"}, "dryrun": true}), "request.unknown_field"),
        (json!({"filters": {"user": "ann"}}), "search.bad_filter"),
        (json!({"all": true, "limit": 0}), "read.bad_limit"),
        (json!({"all": true, "min_position": 1_000_000}), "read.position_beyond_log"),
    ] {
        assert_eq!(delete(&world, refused.clone()).await.body["code"], code, "{refused}");
    }
    assert_eq!(alive(&world).await, 3);
    let done = delete(&world, json!({"all": true})).await;
    assert_eq!((&done.body["deleted"], alive(&world).await), (&json!(3), 0));
    let theirs = reply(world.anonymous(Method::GET, "/api/v1/memories").bearer_auth(&stranger)).await;
    assert_eq!(theirs.body["memories"].as_array().map(Vec::len), Some(1));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_bounded_and_the_next_one_goes_on() {
    let world = World::new().await;
    notes(&world, 12).await;
    let mut deleted = vec![];
    loop {
        let done = delete(&world, json!({"all": true, "limit": 5})).await;
        deleted.push(done.body["deleted"].as_u64().expect("a number"));
        if done.body["more"] == json!(false) {
            break;
        }
        assert!(deleted.len() < 10, "there is always more: {deleted:?}");
    }
    assert_eq!((deleted, alive(&world).await), (vec![5, 5, 2], 0));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changes_meanwhile_is_never_deleted_unseen() {
    let world = World::new().await;
    let ids = notes(&world, 60).await;
    let patches = join_all(ids.iter().map(|id| {
        let path = format!("/api/v1/memories/{id}");
        let world = &world;
        async move { (path.clone(), world.send(Method::PATCH, &path, json!({"user_id": "carol"})).await) }
    }));
    let filters = json!({"filters": {"user_id": {"in": ["ann", "bob"]}}});
    let (done, patched) = tokio::join!(delete(&world, filters), patches);
    let answers = patched.iter().map(|(_, patch)| patch).chain([&done]);
    let upto = answers.filter_map(|answer| answer.body["position"].as_u64()).max().expect("something was written");
    let mut kept = 0;
    for (path, patch) in patched {
        let read = world.get(&format!("{path}?min_position={upto}")).await;
        match patch.status {
            StatusCode::OK => {
                assert_eq!((read.status, &read.body["user_id"]), (StatusCode::OK, &json!("carol")), "{patch:?}");
                kept += 1;
            }
            status => assert_eq!((status, read.status), (StatusCode::CONFLICT, StatusCode::GONE)),
        }
    }
    assert_eq!(done.body["deleted"], json!(60 - kept), "{done:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_looks_asks_and_goes_on_to_the_end() {
    let world = World::new().await;
    let ids = notes(&world, 1_205).await;
    let looked = world.brain(&["rm", "--user-id", "ann", "--dry-run"]).await;
    let (shown, said) = (String::from_utf8_lossy(&looked.stdout), String::from_utf8_lossy(&looked.stderr));
    assert!(
        looked.status.success() && shown.lines().count() == 20 && said.contains("603 memories would be deleted"),
        "{looked:?}"
    );
    for (refused, word) in [
        (&["rm", "--user-id", "ann"][..], "--yes"),
        (&["rm"], "say which memories"),
        (&["rm", "--all", "--tag", "draft"], "--all alone"),
        (&["rm", &ids[0], "--tag", "draft"], "by their ids, or by filters"),
        (&["rm", "--since", "soon"], "--since"),
    ] {
        let answer = world.brain(refused).await;
        let said = String::from_utf8_lossy(&answer.stderr);
        assert!(answer.status.code() == Some(2) && said.contains(word), "{refused:?}: {said}");
    }
    let one = world.brain(&["rm", &ids[0], &ids[1]]).await;
    assert_eq!((one.status.code(), String::from_utf8_lossy(&one.stdout).lines().count()), (Some(0), 2));
    let done = world.brain(&["rm", "--all", "--yes", "--json"]).await;
    let answer: Value = serde_json::from_slice(&done.stdout).expect("one document");
    assert_eq!((&answer["deleted"], &answer["more"], alive(&world).await), (&json!(1_203), &json!(false), 0), "{done:?}");
    world.end().await;
}
