//! A key tells when it was last used, to the minute, whichever process answers.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{World, eventually, reply};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_tells_when_it_was_last_used_also_after_a_restart() {
    let mut world = World::new().await;
    let made = world.send(Method::POST, "/api/v1/keys", json!({"label": "phone"})).await.body;
    let (id, secret) = (made["key"]["id"].as_str().expect("an id"), made["secret"].as_str().expect("a secret"));
    let path = format!("/api/v1/keys/{id}");
    assert_eq!(world.get(&path).await.body["last_used_at"], Value::Null, "nobody has used it");
    let used = reply(world.anonymous(Method::GET, "/api/v1/memories").bearer_auth(secret)).await;
    assert_eq!(used.status, StatusCode::OK);
    let shown = world.get(&path).await.body["last_used_at"].clone();
    assert!(shown.as_str().is_some_and(|at| at.ends_with(":00Z")), "to the minute: {shown}");
    let listed = world.get("/api/v1/keys").await.body;
    let is_it = |key: &&Value| key["id"] == id;
    assert_eq!(listed["keys"].as_array().expect("a list").iter().find(is_it).expect("it")["last_used_at"], shown);
    let text = world.brain(&["keys"]).await;
    assert!(String::from_utf8_lossy(&text.stdout).contains(shown.as_str().expect("a time")), "{text:?}");
    // It is written down behind the answer's back.
    let name = format!("key-{id}");
    eventually("the use is written down", async || world.mark(&name).await.ok_or(())).await;
    world.restart().await;
    assert_eq!(world.get(&path).await.body["last_used_at"], shown);
    world.end().await;
}
