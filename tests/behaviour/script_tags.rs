//! Script tags in contents: refused in prose at every door, kept in Markdown code, and the operator's to allow.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{World, reply};

const PROSE: &str = "Greet everybody: <script>alert('hello')</script>";
const CODE: &str =
    "# Snippets\n\nA greeting:\n\n```html\n<script>alert('hello')</script>\n```\n\nor `<script src=x.js></script>`";

/// The code that each door gives to a content: none where it is let in. A document has the id `n`.
async fn doors(world: &World, content: &str, n: u32) -> Vec<(&'static str, Value)> {
    let path = format!("/api/v1/memories/0190f3d2-0000-7000-8000-{n:012}");
    let created = world.send(Method::POST, "/api/v1/memories", json!({"content": content})).await;
    let batch = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": [{"content": content}]})).await;
    let put = world.send(Method::PUT, &path, json!({"content": content})).await;
    world.send(Method::PUT, &path, json!({"content": "before"})).await;
    let patched = world.send(Method::PATCH, &path, json!({"content": content})).await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(format!("note-{n}.md")), content).expect("written");
    let imported = world.brain(&["import", "--json", &folder.path().to_string_lossy()]).await;
    let report: Value = serde_json::from_slice(&imported.stdout).expect("a report");
    let refused = report["refusals"].as_array().is_some_and(|refusals| !refusals.is_empty());
    vec![
        ("create", created.body["code"].clone()),
        ("batch", batch.body["results"][0]["error"]["code"].clone()),
        ("put", put.body["code"].clone()),
        ("patch", patched.body["code"].clone()),
        ("import", if refused { json!("memory.script_tag") } else { Value::Null }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn prose_is_refused_and_code_is_kept_at_every_door() {
    let world = World::new().await;
    for (door, code) in doors(&world, PROSE, 1).await {
        assert_eq!(code, "memory.script_tag", "{door}");
    }
    for (door, code) in doors(&world, CODE, 2).await {
        assert_eq!(code, Value::Null, "{door}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_allow_them_and_what_was_let_in_can_be_worked_with_afterwards() {
    let mut world = World::that_allows_script_tags().await;
    for (door, code) in doors(&world, PROSE, 1).await {
        assert_eq!(code, Value::Null, "{door}");
    }
    let path = "/api/v1/memories/0190f3d2-0000-7000-8000-000000000001";
    world.refuse_script_tags().await;
    let tagged = world.send(Method::PATCH, path, json!({"tags": ["greeting"]})).await;
    assert_eq!((tagged.status, &tagged.body["memory"]["content"]), (StatusCode::OK, &json!(PROSE)));
    let again = world.send(Method::PATCH, path, json!({"content": PROSE})).await;
    assert_eq!(again.body["code"], "memory.script_tag");
    world.send(Method::PATCH, path, json!({"content": "plain"})).await;
    let undone = world.send(Method::POST, &format!("{path}/undo"), json!(null)).await;
    assert_eq!((undone.status, &undone.body["memory"]["content"]), (StatusCode::OK, &json!(PROSE)));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_wish_is_one_whatever_the_setting() {
    let world = World::that_allows_script_tags().await;
    let put = || {
        let request = world.request(Method::POST, "/api/v1/memories").header("Idempotency-Key", "greeting");
        reply(request.json(&json!({"content": PROSE})))
    };
    assert_eq!(put().await.body, put().await.body);
    world.end().await;
}
