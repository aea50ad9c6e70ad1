//! Relationships over HTTP, and what the graph answers about them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::World;

fn id(n: u32) -> String {
    format!("0190f3d2-0000-7000-8000-{n:012}")
}

/// Memories `first..=last`, named by their numbers.
async fn memories(world: &World, last: u32) {
    for n in 1..=last {
        let put = world.send(Method::PUT, &format!("/api/v1/memories/{}", id(n)), json!({"content": format!("note {n}")})).await;
        assert!(put.status.is_success(), "{put:?}");
    }
}

async fn relate(world: &World, source: u32, target: u32, weight: f64) -> Value {
    let body = json!({"source_id": id(source), "target_id": id(target), "relationship_type": "supports", "weight": weight});
    let reply = world.send(Method::POST, "/api/v1/relationships", body).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    reply.body
}

async fn ids(world: &World, question: &str, list: &str) -> Vec<String> {
    let reply = world.get(question).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let node = |one: &Value| one["node"]["id"].as_str().expect("an id").to_owned();
    reply.body[list].as_array().expect("a list").iter().map(node).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relationship_lives_changes_and_goes() {
    let world = World::new().await;
    memories(&world, 2).await;
    let made = relate(&world, 1, 2, 0.5).await;
    let path = format!("/api/v1/relationships/{}", made["relationship"]["id"].as_str().unwrap());
    assert_eq!(relate(&world, 1, 2, 0.5).await, made, "an equal one is not made twice");
    let other = json!({"source_id": id(1), "target_id": id(2), "relationship_type": "supports", "weight": 0.6});
    let refused = world.send(Method::POST, "/api/v1/relationships", other.clone()).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("relationship.already_exists")));
    let put = world.send(Method::PUT, "/api/v1/relationships", other).await;
    assert_eq!((put.status, &put.body["relationship"]["revision"]), (StatusCode::OK, &json!(2)));
    let patched = world.send(Method::PATCH, &path, json!({"properties": {"why": "seen"}})).await;
    assert_eq!(patched.body["relationship"]["weight"], json!(0.6));
    let read = world.get(&path).await;
    assert_eq!((read.status, &read.body), (StatusCode::OK, &patched.body["relationship"]));
    let deleted = world.send(Method::DELETE, &path, json!(null)).await;
    assert_eq!(deleted.status, StatusCode::OK);
    assert_eq!(world.get(&path).await.status, StatusCode::GONE);
    let again = relate(&world, 1, 2, 1.0).await;
    assert_eq!(again["relationship"]["revision"], json!(5));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_relationship_is_named_and_nothing_is_written() {
    let world = World::new().await;
    memories(&world, 2).await;
    let before = world.get("/api/v1/status").await.body["log"]["last_seq"].clone();
    let body =
        |source: &str, target: &str, kind: &str| json!({"source_id": source, "target_id": target, "relationship_type": kind});
    let (one, two, nobody) = (&id(1), &id(2), &id(9));
    for (body, status, code, field) in [
        (body(one, one, "manages"), 400, "relationship.self_loop", "target_id"),
        (body(one, two, "likes"), 400, "relationship.type_unknown", "relationship_type"),
        (body(one, nobody, "supports"), 404, "relationship.end_missing", "target_id"),
        (body(nobody, two, "supports"), 404, "relationship.end_missing", "source_id"),
        (body("7", two, "supports"), 400, "request.invalid_field", "source_id"),
        (json!({"source_id": one, "target_id": two}), 400, "request.missing_field", "relationship_type"),
        (
            json!({"source_id": one, "target_id": two, "relationship_type": "supports", "weight": 2}),
            400,
            "relationship.weight_out_of_range",
            "weight",
        ),
    ] {
        let reply = world.send(Method::POST, "/api/v1/relationships", body).await;
        assert_eq!((reply.status.as_u16(), &reply.body["code"]), (status, &json!(code)), "{reply:?}");
        assert_eq!(reply.body["errors"][0]["field"], json!(field), "{reply:?}");
    }
    for (question, code) in [
        (format!("neighbors?id={one}&depth=6"), "graph.bad_parameter"),
        (format!("neighbors?id={one}&direction=up"), "graph.bad_parameter"),
        (format!("neighbors?id={one}&k=1"), "request.invalid_query"),
        (format!("neighbors?id={one}&as_of=yesterday"), "read.bad_as_of"),
        (format!("neighbors?id={one}&as_of=999999"), "read.position_beyond_log"),
        (format!("neighbors?id={nobody}"), "memory.not_found"),
        ("neighbors".to_owned(), "request.missing_field"),
        (format!("path?source={one}&target={two}&k=6"), "graph.bad_parameter"),
        (format!("path?source={one}&target={nobody}"), "relationship.end_missing"),
        ("export?format=dot".to_owned(), "graph.bad_parameter"),
        ("subgraph?limit=2001".to_owned(), "read.bad_limit"),
    ] {
        let reply = world.get(&format!("/api/v1/graph/{question}")).await;
        assert_eq!(reply.body["code"], json!(code), "{question}: {reply:?}");
    }
    assert_eq!(world.get("/api/v1/status").await.body["log"]["last_seq"], before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_is_walked_hides_the_deleted_and_remembers() {
    let world = World::new().await;
    memories(&world, 5).await;
    // 1 → 2 → 3 → 4, and the strong detour 1 → 5 → 4 is shorter by hops, the chain by weight.
    for (source, target, weight) in [(1, 2, 1.0), (2, 3, 1.0), (3, 4, 1.0), (1, 5, 0.2), (5, 4, 0.2)] {
        relate(&world, source, target, weight).await;
    }
    let around = |depth: u32| format!("/api/v1/graph/neighbors?id={}&depth={depth}&direction=out", id(1));
    assert_eq!(ids(&world, &around(1), "neighbors").await, [id(2), id(5)]);
    assert_eq!(ids(&world, &around(2), "neighbors").await, [id(2), id(5), id(3), id(4)]);
    let way = format!("/api/v1/graph/path?source={}&target={}", id(1), id(4));
    let paths = world.get(&format!("{way}&k=5&direction=out")).await.body["paths"].clone();
    assert_eq!((paths.as_array().unwrap().len(), &paths[0]["cost"], &paths[1]["cost"]), (2, &json!(2.0), &json!(3.0)));
    let weighted = world.get(&format!("{way}&weighted=true")).await.body["paths"][0].clone();
    assert_eq!((&weighted["cost"], weighted["nodes"].as_array().unwrap().len()), (&json!(3.0), 4));
    let stats = world.get("/api/v1/graph/stats").await.body;
    assert_eq!((&stats["nodes"], &stats["edges"], &stats["isolated"]), (&json!(5), &json!(5), &json!(0)));
    assert_eq!(stats["edges_by_type"], json!({"supports": 5}));

    let gone = world.send(Method::DELETE, &format!("/api/v1/memories/{}", id(5)), json!(null)).await;
    let then = gone.body["position"].as_u64().unwrap() - 1;
    assert_eq!(ids(&world, &around(1), "neighbors").await, [id(2)]);
    assert_eq!(ids(&world, &format!("{}&as_of={then}", around(1)), "neighbors").await, [id(2), id(5)]);
    let listed = world.get("/api/v1/relationships?limit=1000").await.body;
    assert_eq!(listed["relationships"].as_array().unwrap().len(), 3);
    world.send(Method::POST, &format!("/api/v1/memories/{}/restore", id(5)), json!(null)).await;
    assert_eq!(ids(&world, &around(1), "neighbors").await, [id(2), id(5)]);
    let page = world.get("/api/v1/relationships?limit=2").await.body;
    let next = format!("/api/v1/relationships?limit=1000&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(world.get(&next).await.body["relationships"].as_array().unwrap().len(), 3);

    let picture = world.get(&format!("/api/v1/graph/subgraph?id={}&depth=2", id(1))).await.body;
    assert_eq!((picture["nodes"].as_array().unwrap().len(), picture["edges"].as_array().unwrap().len()), (5, 5));
    let xml = world.get("/api/v1/graph/export?format=graphml").await;
    assert!(xml.body.as_str().unwrap().matches("<edge ").count() == 5, "{xml:?}");
    world.end().await;
}
