//! What a client that has never heard of brain finds out: who gives tokens, who takes them, by which keys, and what was missing.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{by, me, text, tokens, world};
use crate::harness::reply;

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_leads_to_the_descriptions_and_those_to_each_other() {
    let world = world().await;
    let refused = reply(world.anonymous(Method::GET, "/api/v1/memories")).await;
    let challenge = refused.headers["www-authenticate"].to_str().expect("text").to_owned();
    let there = format!("{}/.well-known/oauth-protected-resource", world.url());
    assert_eq!((refused.status.as_u16(), challenge), (401, format!("Bearer resource_metadata=\"{there}\"")));
    let resource = reply(world.anonymous(Method::GET, "/.well-known/oauth-protected-resource")).await.body;
    assert_eq!((text(&resource, "resource"), &resource["authorization_servers"]), (world.url(), &json!([world.url()])));
    assert_eq!(resource["bearer_methods_supported"], json!(["header"]));
    let server = reply(world.anonymous(Method::GET, "/.well-known/oauth-authorization-server")).await.body;
    assert_eq!(text(&server, "issuer"), world.url());
    assert_eq!(server["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(server["scopes_supported"], resource["scopes_supported"]);
    let keys = async || reply(world.anonymous(Method::GET, "/.well-known/jwks.json")).await.body["keys"].clone();
    assert_eq!(keys().await, json!([]), "made at first use");
    let given = tokens(&world, "memory:read", "default").await;
    let keys = keys().await;
    assert_eq!((keys.as_array().map(Vec::len), &keys[0]["alg"], &keys[0]["crv"]), (Some(1), &json!("EdDSA"), &json!("Ed25519")));
    assert!(keys[0]["d"] == Value::Null, "{keys}");
    let token = text(&given, "access_token");
    let refused = by(&world, token, Method::POST, "/api/v1/memories", json!({"content": "no"})).await;
    let challenge = refused.headers["www-authenticate"].to_str().expect("text");
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (403, &json!("auth.scope_missing")));
    assert_eq!(challenge, format!("Bearer error=\"insufficient_scope\", scope=\"memory:write\", resource_metadata=\"{there}\""));
    let broken = me(&world, &format!("{token}x")).await;
    let challenge = broken.headers["www-authenticate"].to_str().expect("text");
    assert_eq!((broken.status, challenge.contains("error=\"invalid_token\"")), (StatusCode::UNAUTHORIZED, true), "{challenge}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_does_is_told_of_it() {
    let world = world().await;
    let given = tokens(&world, "memory:read memory:write", "default").await;
    let list = world.get("/api/v1/delegations").await.body["delegations"].clone();
    assert_eq!((list.as_array().map(Vec::len), &list[0]["client"]), (Some(1), &json!("brain-cli")), "{list}");
    assert_eq!(
        (&list[0]["space"], &list[0]["current"], &list[0]["address"]),
        (&json!("default"), &json!(false), &json!("127.0.0.1"))
    );
    let token = text(&given, "access_token");
    let own = by(&world, token, Method::GET, "/api/v1/delegations", json!(null)).await.body;
    assert_eq!((&own["delegations"][0]["current"], &own["delegations"][0]["id"]), (&json!(true), &list[0]["id"]));
    let unknown = world.send(Method::DELETE, "/api/v1/delegations/0190f3d2-0000-7000-8000-000000000009", json!(null)).await;
    assert_eq!((unknown.status.as_u16(), &unknown.body["code"]), (404, &json!("oauth.unknown_delegation")));
    let narrow = by(&world, token, Method::POST, "/api/v1/login-link", json!(null)).await;
    assert_eq!(narrow.body["code"], "auth.operator_only");
    world.end().await;
}
