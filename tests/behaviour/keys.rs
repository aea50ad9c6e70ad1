//! One Idempotency-Key on two resources: whatever is acknowledged stands in the log, for every pair of routes that write, and after the
//! log has forgotten the first message as well as before.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use reqwest::{Method, StatusCode};
use second_brain::{
    api,
    domain::ids::{CommandId, MemoryId, PrincipalId, SpaceId, StreamSeq},
    ports::EventLog,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Reply, World, reply};

const TOGETHER: usize = 8;

/// A route that writes and takes a key.
type Route = (Method, &'static str);

fn writing_routes() -> Vec<Route> {
    let keyed = api::routes().into_iter().filter(|route| route.headers.contains(&"Idempotency-Key"));
    keyed.map(|route| (route.method.as_str().parse().expect("a method"), route.path)).collect()
}

async fn made(world: &World, path: &str, body: Value) -> String {
    let made = world.send(Method::POST, path, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let resource = ["memory", "relationship", "webhook"].into_iter().find_map(|kind| made.body[kind]["id"].as_str());
    resource.expect("an id").to_owned()
}

async fn memory(world: &World) -> String {
    made(world, "/api/v1/memories", json!({"content": "before"})).await
}

fn relationship(source: &str, target: &str) -> Value {
    json!({"source_id": source, "target_id": target, "relationship_type": "supports"})
}

/// An endpoint that nothing is ever sent to.
fn endpoint() -> Value {
    json!({"url": "http://127.0.0.1:9/hook", "events": ["export.completed"]})
}

/// A resource of its own for the route, in a state in which the route has something to do; the path and the body of the request.
async fn prepared(world: &World, (method, path): &Route) -> (String, Value) {
    let here = |id: &str| path.replace("{id}", id);
    match *path {
        "/api/v1/memories" => (here(""), json!({"content": "made under a key"})),
        "/api/v1/memories/batch" => (here(""), json!({"memories": [{"content": "one"}, {"content": "two"}]})),
        "/api/v1/relationships" => (here(""), relationship(&memory(world).await, &memory(world).await)),
        "/api/v1/webhooks" => (here(""), endpoint()),
        path if path.starts_with("/api/v1/memories/{id}") => {
            let id = memory(world).await;
            if path.ends_with("restore") {
                world.send(Method::DELETE, &format!("/api/v1/memories/{id}"), json!(null)).await;
            }
            (here(&id), if method == Method::DELETE { json!(null) } else { json!({"content": "after"}) })
        }
        path if path.starts_with("/api/v1/relationships/{id}") => {
            let ends = relationship(&memory(world).await, &memory(world).await);
            (here(&made(world, "/api/v1/relationships", ends).await), json!({"weight": 0.5}))
        }
        path if path.starts_with("/api/v1/webhooks/{id}") => {
            let id = made(world, "/api/v1/webhooks", endpoint()).await;
            for step in ["enable", "secret/revoke"].iter().filter(|step| path.ends_with(*step)) {
                let before = if *step == "enable" { "disable" } else { "secret/rotate" };
                world.send(Method::POST, &format!("/api/v1/webhooks/{id}/{before}"), json!({})).await;
            }
            (here(&id), if path.ends_with("rotate") { json!({}) } else { json!({"description": "after"}) })
        }
        strange => panic!("{method} {strange} takes a key: prepare a resource for it"),
    }
}

async fn sent(world: &World, (method, path): &Route, (target, body): &(String, Value), key: &str) -> Reply {
    let request = world.request(method.clone(), target).header("Idempotency-Key", key);
    let takes_none = path.ends_with("undo") || path.ends_with("restore") || path.ends_with("able") || path.ends_with("revoke");
    reply(if *method == Method::DELETE || takes_none { request } else { request.json(body) }).await
}

/// Every resource that the answer acknowledges: aggregate, the resource as it was shown, and the position.
fn acknowledged(answer: &Reply) -> Vec<(&'static str, Value)> {
    if let Some(results) = answer.body["results"].as_array() {
        let done = results.iter().filter(|result| result["status"] == 201);
        return done.map(|result| ("memory", result["memory"].clone())).collect();
    }
    let shown = ["memory", "relationship", "webhook"].into_iter().filter(|kind| answer.body[kind].is_object());
    shown.map(|kind| (kind, answer.body[kind].clone())).collect()
}

/// Asserts that what was acknowledged is what the log holds; answers how it ended.
async fn judged(log: &dyn EventLog, route: &Route, answer: &Reply) -> &'static str {
    let results = answer.body["results"].as_array();
    let refused = answer.body["code"] == "request.key_reused"
        || results.is_some_and(|results| results.iter().all(|result| result["error"]["code"] == "request.key_reused"));
    let acknowledged = acknowledged(answer);
    if refused {
        assert!(acknowledged.is_empty(), "{route:?}: {answer:?}");
        return "refused";
    }
    assert!(answer.status.is_success() && !acknowledged.is_empty(), "{route:?}: {answer:?}");
    let position = answer.body["position"].as_u64().expect("a position");
    for (kind, shown) in &acknowledged {
        let id = shown["id"].as_str().expect("an id");
        let stored = log.last(&SpaceId::default_space(), kind, id).await.expect("the log answers");
        let stored = stored.unwrap_or_else(|| panic!("{route:?} acknowledged what was never written: {answer:?}"));
        assert_eq!(shown["revision"], stored.event.revision.0, "{route:?}: {answer:?}");
        for field in ["content", "weight", "description"] {
            assert_eq!(shown[field], stored.event.data[field], "{route:?} {field}");
        }
        assert!(acknowledged.len() > 1 || stored.seq.0 == position, "{route:?}: {answer:?}");
    }
    "done"
}

/// What every pair comes to: routes that make a resource whose id follows from the key refuse the second wish, all others do both.
async fn every_pair(world: &World, log: &dyn EventLog, pause: Duration) -> BTreeMap<&'static str, usize> {
    let routes = writing_routes();
    assert!(routes.len() >= 18, "{routes:?}");
    let pairs: Vec<(usize, usize)> = (0..routes.len()).flat_map(|a| (0..routes.len()).map(move |b| (a, b))).collect();
    let routes = &routes;
    let first = pairs.iter().map(|(a, b)| async move {
        let (first, second) = (prepared(world, &routes[*a]).await, prepared(world, &routes[*b]).await);
        let answer = sent(world, &routes[*a], &first, &format!("turn {a} {b}")).await;
        assert_eq!(judged(log, &routes[*a], &answer).await, "done");
        second
    });
    let second: Vec<_> = stream::iter(first).buffered(TOGETHER).collect().await;
    tokio::time::sleep(pause).await;
    let both = pairs.iter().zip(&second).map(|((a, b), target)| async move {
        let answer = sent(world, &routes[*b], target, &format!("turn {a} {b}")).await;
        let judged = judged(log, &routes[*b], &answer).await;
        let makes_its_id = ["/api/v1/memories", "/api/v1/memories/batch", "/api/v1/webhooks"].contains(&routes[*b].1);
        // The very same wish again is no other one, and has its first answer.
        assert_eq!(judged, "done", "{:?} then {:?}: {answer:?}", routes[*a], routes[*b]);
        if a == b && makes_its_id {
            let other = other_wish(&target.1);
            let answer = sent(world, &routes[*b], &(target.0.clone(), other), &format!("turn {a} {b}")).await;
            return self::judged(log, &routes[*b], &answer).await;
        }
        // Again on this resource: the same wish has its first answer, another one is refused.
        let again = sent(world, &routes[*b], target, &format!("turn {a} {b}")).await;
        assert_eq!(acknowledged(&again), acknowledged(&answer), "{:?}", routes[*b]);
        judged
    });
    let mut table = BTreeMap::new();
    for end in stream::iter(both).buffered(TOGETHER).collect::<Vec<_>>().await {
        *table.entry(end).or_default() += 1;
    }
    table
}

fn other_wish(body: &Value) -> Value {
    let mut other = body.clone();
    if let Some(items) = other.get_mut("memories").and_then(Value::as_array_mut) {
        items.iter_mut().for_each(|item| item["content"] = json!("another wish"));
    } else if other["content"].is_string() {
        other["content"] = json!("another wish");
    } else {
        other["description"] = json!("another wish");
    }
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_any_two_resources_acknowledges_only_what_is_written() {
    let world = World::new().await;
    let log = world.log().await;
    let table = every_pair(&world, &*log, Duration::ZERO).await;
    println!("routes × routes within the window of duplicates: {table:?}");
    assert_eq!((table["refused"], table.values().sum::<usize>()), (3, 18 * 18));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_any_two_resources_means_the_same_after_the_log_has_forgotten() {
    const WINDOW: Duration = Duration::from_millis(100);
    let world = World::new().await;
    let log = world.log().await;
    world.forget_duplicates_after(WINDOW).await;
    let table = every_pair(&world, &*log, WINDOW * 5).await;
    println!("routes × routes outside the window of duplicates: {table:?}");
    assert_eq!((table["refused"], table.values().sum::<usize>()), (3, 18 * 18));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_serves_all_that_is_done_to_one_memory() {
    let world = World::new().await;
    let path = format!("/api/v1/memories/{}", memory(&world).await);
    let send = |method: Method, body: Value| reply(world.request(method, &path).header("Idempotency-Key", "turn").json(&body));
    let patched = send(Method::PATCH, json!({"content": "patched"})).await;
    let other = send(Method::PATCH, json!({"content": "something else"})).await;
    assert_eq!((other.status, &other.body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("request.key_reused")));
    let put = send(Method::PUT, json!({"content": "put"})).await;
    let deleted = send(Method::DELETE, json!(null)).await;
    let revisions = [&patched, &put, &deleted].map(|answer| answer.body["memory"]["revision"].clone());
    assert_eq!(revisions, [json!(2), json!(3), json!(4)]);
    assert_eq!(send(Method::PATCH, json!({"content": "patched"})).await.body, patched.body, "said again, answered again");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_in_histories_of_any_length_on_each_aggregate() {
    let world = World::new().await;
    let paths = [memory(&world).await, memory(&world).await].map(|id| format!("/api/v1/memories/{id}"));
    let keyed = |path: &str, content: &str| {
        reply(world.request(Method::PATCH, path).header("Idempotency-Key", "long ago").json(&json!({"content": content})))
    };
    let first = [keyed(&paths[0], "keyed 0").await, keyed(&paths[1], "keyed 1").await];
    for n in 0..70 {
        for path in &paths {
            world.send(Method::PATCH, path, json!({"content": format!("later {n}")})).await;
        }
    }
    for (n, path) in paths.iter().enumerate() {
        assert_eq!(keyed(path, &format!("keyed {n}")).await.body, first[n].body);
        assert_eq!(keyed(path, "another wish").await.body["code"], json!("request.key_reused"));
        assert_eq!(world.get(path).await.body["content"], json!("later 69"));
    }
    world.end().await;
}

/// As the first release hashed a wish to create a memory that says nothing but its content.
fn hash_of_the_first_release(id: MemoryId, content: &str) -> u64 {
    let text = format!(
        "(MemoryId({id}), Create {{ draft: Draft {{ content: {content:?}, memory_type: None, metadata: {{}}, tags: [], importance: None, \
         source: Source {{ kind: None, uri: None, id: None, position: None }}, \
         scope: Scope {{ user_id: None, agent_id: None, run_id: None }}, occurred_at: None }}, created_at: None }})"
    );
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_first_release_still_has_its_answer() {
    let world = World::new().await;
    let model = world.send(Method::POST, "/api/v1/memories", json!({"content": "Tea"})).await;
    let log = world.log().await;
    let like = log.last(&SpaceId::default_space(), "memory", model.body["memory"]["id"].as_str().expect("an id")).await;
    let mut event = like.expect("the log answers").expect("an event").event;
    let owner = PrincipalId(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"second-brain owner"));
    let command_id = CommandId::keyed(&SpaceId::default_space(), owner, "old");
    event.id = second_brain::domain::ids::EventId(Uuid::new_v5(&command_id.0, b"event 0"));
    (event.command_id, event.correlation_id, event.aggregate_id) = (command_id, command_id.0, command_id.to_string());
    event.command_hash = hash_of_the_first_release(MemoryId(command_id.0), "Tea");
    let position = world.appender().await.append(&event, StreamSeq(0)).await.expect("appended").0;
    let create = |content: &str| {
        reply(world.request(Method::POST, "/api/v1/memories").header("Idempotency-Key", "old").json(&json!({"content": content})))
    };
    let again = create("Tea").await;
    assert_eq!((again.status, &again.body["position"]), (StatusCode::CREATED, &json!(position)), "{again:?}");
    assert_eq!(again.body["memory"]["id"], json!(command_id.to_string()));
    assert_eq!(create("Coffee").await.body["code"], json!("request.key_reused"));
    world.end().await;
}
