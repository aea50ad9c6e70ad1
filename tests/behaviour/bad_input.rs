//! Rubbish gets its status, code, field, limit and value, and nothing is appended.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{World, reply};

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({"a": inner}))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_rule_is_named_and_nothing_is_appended() {
    let world = World::new().await;
    let before = world.get("/api/v1/status").await.body["log"]["last_seq"].clone();
    let tags: Vec<String> = (0..65).map(|n| format!("t{n}")).collect();
    let cases = [
        (json!({"content": ""}), "memory.content_empty", "content"),
        (json!({"content": "x".repeat(10_001)}), "memory.content_too_long", "content"),
        (json!({"content": "a <script>b</script>"}), "memory.script_tag", "content"),
        (json!({"content": "x", "metadata": deep(6)}), "memory.metadata_too_deep", "metadata"),
        (json!({"content": "x", "metadata": {"a": "x".repeat(65 * 1024)}}), "memory.metadata_too_large", "metadata"),
        (json!({"content": "x", "memory_type": "dream"}), "memory.type_unknown", "memory_type"),
        (json!({"content": "x", "tags": tags}), "memory.too_many_tags", "tags"),
        (json!({"content": "x", "tags": ["a\u{0}"]}), "memory.nul_character", "tags[0]"),
        (json!({"content": "x", "importance": 2}), "memory.importance_out_of_range", "importance"),
    ];
    for (body, code, field) in cases {
        let refused = world.send(Method::POST, "/api/v1/memories", body).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{refused:?}");
        assert_eq!(refused.body["errors"][0]["field"], field);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
    }
    let too_long = world.send(Method::POST, "/api/v1/memories", json!({"content": "x".repeat(10_001)})).await;
    insta::assert_json_snapshot!(too_long.body, @r#"
    {
      "code": "memory.content_too_long",
      "detail": "content has 10001 characters; the limit is 10000",
      "errors": [
        {
          "code": "memory.content_too_long",
          "detail": "content has 10001 characters; the limit is 10000",
          "field": "content",
          "limit": 10000,
          "value": 10001
        }
      ],
      "retryable": false,
      "status": 400,
      "title": "Bad Request",
      "type": "about:blank"
    }
    "#);
    assert_eq!(world.get("/api/v1/status").await.body["log"]["last_seq"], before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_not_even_wishes_are_refused() {
    let world = World::new().await;
    let post =
        |body: Vec<u8>| world.request(Method::POST, "/api/v1/memories").header("content-type", "application/json").body(body);
    let cases = [
        (post(b"{\"content\": \"\xff\"}".to_vec()), 400, "request.invalid_json"),
        (post(b"{".to_vec()), 400, "request.invalid_json"),
        (post(b"{\"content\": \"x\", \"colour\": 1}".to_vec()), 400, "request.unknown_field"),
        (post(vec![b' '; 50 << 20]), 413, "request.too_large"),
        (world.request(Method::GET, "/api/v1/memories/not-a-uuid"), 400, "request.invalid_id"),
        (world.request(Method::GET, "/api/v1/memories?cursor=rubbish"), 400, "list.bad_cursor"),
        (world.request(Method::GET, "/api/v1/memories?min_position=999999"), 400, "read.position_beyond_log"),
        (world.anonymous(Method::GET, "/api/v1/memories"), 401, "auth.missing_key"),
        (world.anonymous(Method::GET, "/api/v1/memories").bearer_auth("sbk_wrong"), 401, "auth.invalid_key"),
        (world.request(Method::GET, "/api/v1/nothing"), 404, "request.unknown_route"),
        (world.request(Method::GET, "/api/v1/memories/0190f3d2-0000-7000-8000-000000000009"), 404, "memory.not_found"),
    ];
    for (request, status, code) in cases {
        let refused = reply(request).await;
        assert_eq!((refused.status.as_u16(), &refused.body["code"]), (status, &json!(code)), "{refused:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_space_is_as_if_it_were_not_there() {
    let world = World::new().await;
    let made = world.send(Method::POST, "/api/v1/memories", json!({"content": "A secret about zebras"})).await;
    let path = format!("/api/v1/memories/{}", made.body["memory"]["id"].as_str().expect("an id"));
    let before = made.body["position"].clone();
    let stranger = world.stranger().await;
    let ask = |method: Method, path: &str, body: serde_json::Value| {
        reply(world.anonymous(method, path).bearer_auth(&stranger).json(&body))
    };
    for (method, body) in [(Method::GET, json!(null)), (Method::PATCH, json!({"content": "x"})), (Method::DELETE, json!(null))] {
        let refused = ask(method, &path, body).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::NOT_FOUND, &json!("memory.not_found")));
    }
    let listed = ask(Method::GET, &format!("/api/v1/memories?min_position={before}"), json!(null)).await;
    assert_eq!(listed.body["memories"], json!([]));
    for mode in ["hybrid", "semantic", "keyword"] {
        let asked = json!({"query": "zebras", "mode": mode, "min_position": before, "wait": "embedded"});
        assert_eq!(ask(Method::POST, "/api/v1/search", asked).await.body["results"], json!([]), "{mode}");
    }
    assert_eq!(world.get(&path).await.body["content"], "A secret about zebras");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_parameter_is_named() {
    let world = World::new().await;
    for (query, field) in [("limit=many", "limit"), ("colour=red", "colour"), ("limit=3&min_position=-1", "min_position")] {
        let refused = world.get(&format!("/api/v1/memories?{query}")).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::BAD_REQUEST, &json!("request.invalid_query")));
        assert_eq!(refused.body["errors"][0]["field"], field, "{refused:?}");
    }
    world.end().await;
}
