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
