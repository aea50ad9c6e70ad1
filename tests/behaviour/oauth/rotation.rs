//! Another version of the master key: whoever is logged in stays so, and the old version ends without them noticing.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{error, me, refresh, text, tokens, world};
use crate::harness::World;

async fn call(world: &World, wish: &str, body: Value) -> Value {
    let reply = world.send(Method::POST, &format!("/api/v1/vault/{wish}"), body).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply.body
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_outlive_the_master_key_that_they_were_made_under() {
    let mut world = world().await;
    let given = tokens(&world, "memory:read", "default").await;
    let (first, token) = (text(&given, "refresh_token"), text(&given, "access_token"));
    call(&world, "rotate", json!(null)).await;
    assert_eq!(me(&world, token).await.status, StatusCode::OK);
    let second = refresh(&world, first).await;
    assert_eq!(second.status, StatusCode::OK, "{second:?}");
    let in_use = world.send(Method::POST, "/api/v1/vault/destroy", json!({"version": 1})).await;
    assert!(in_use.body["detail"].as_str().is_some_and(|detail| detail.contains("1 signing keys")), "{in_use:?}");
    assert_eq!(call(&world, "rewrap", json!(null)).await["rewrapped"]["signing keys"], json!(1));
    assert_eq!(call(&world, "destroy", json!({"version": 1})).await["version"], json!(1));
    world.restart().await;
    assert_eq!(me(&world, token).await.status, StatusCode::OK, "the key that signed is still known");
    let third = refresh(&world, text(&second.body, "refresh_token")).await;
    assert_eq!(third.status, StatusCode::OK, "{third:?}");
    assert_eq!(me(&world, text(&third.body, "access_token")).await.status, StatusCode::OK);
    assert_eq!(error(&refresh(&world, first).await), (400, "invalid_grant"));
    world.end().await;
}
