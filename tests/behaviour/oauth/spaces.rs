//! Which spaces a token opens, and what its person's role leaves of its scopes.

use reqwest::Method;
use second_brain::domain::access::Scope;
use serde_json::{Value, json};

use super::{me, text, tokens, world};
use crate::harness::{World, reply};

async fn me_in(world: &World, token: &str, space: &str) -> (u16, Value) {
    let request = world.anonymous(Method::GET, "/api/v1/me").bearer_auth(token).header("Brain-Space", space);
    let answer = reply(request).await;
    let what = if answer.status == 200 { answer.body["space"].clone() } else { answer.body["code"].clone() };
    (answer.status.as_u16(), what)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_the_space_that_was_chosen_or_all_of_them() {
    let world = world().await;
    assert_eq!(world.send(Method::POST, "/api/v1/spaces", json!({"id": "team"})).await.status, 201);
    let everything = Scope::ALL.map(Scope::as_str).join(" ");
    let (one, all) = (tokens(&world, &everything, "team").await, tokens(&world, &everything, "*").await);
    let (one, all) = (text(&one, "access_token"), text(&all, "access_token"));
    assert_eq!(me(&world, one).await.body["space"], "team");
    assert_eq!(me(&world, one).await.body["spaces"].as_array().map(Vec::len), Some(1), "others are not shown");
    assert_eq!(me_in(&world, one, "team").await, (200, json!("team")));
    assert_eq!(me(&world, all).await.body["spaces"].as_array().map(Vec::len), Some(2));
    for space in ["default", "team"] {
        assert_eq!(me_in(&world, all, space).await, (200, json!(space)));
    }
    for (token, space) in [(one, "default"), (one, "nowhere"), (all, "nowhere"), (all, "sys"), (one, "*"), (all, "a.b")] {
        assert_eq!(me_in(&world, token, space).await, (403, json!("auth.space_forbidden")), "{space}");
    }
    let twice = world.anonymous(Method::GET, "/api/v1/me").bearer_auth(all).header("Brain-Space", "team");
    assert_eq!(reply(twice.header("Brain-Space", "default")).await.status, 403);
    // A live token opens what its maker's token opened, and ends with it.
    let live = world.anonymous(Method::POST, "/api/v1/live/token").bearer_auth(one).json(&json!({}));
    let live = reply(live).await.body["token"].as_str().expect("a token").to_owned();
    let stream = world.anonymous(Method::GET, &format!("/api/v1/stream?token={live}")).send().await.expect("an answer");
    assert_eq!(stream.status(), 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_bounds_what_a_token_may_at_any_time() {
    let world = world().await;
    assert_eq!(world.send(Method::POST, "/api/v1/spaces", json!({"id": "team"})).await.status, 201);
    let given = tokens(&world, "memory:read memory:write replay:admin", "*").await;
    let token = text(&given, "access_token");
    assert_eq!(me(&world, token).await.body["scopes"], json!(["memory:read", "memory:write", "replay:admin"]));
    let owner = world.get("/api/v1/me").await.body["id"].as_str().expect("an id").to_owned();
    let other = world.send(Method::POST, "/api/v1/members", json!({"name": "Bo", "role": "owner"})).await;
    assert_eq!(other.status, 201);
    let demoted = world.send(Method::PUT, &format!("/api/v1/members/{owner}"), json!({"role": "reader"})).await;
    assert_eq!(demoted.status, 200, "{demoted:?}");
    assert_eq!(me(&world, token).await.body["scopes"], json!(["memory:read"]), "the role is asked each time");
    assert_eq!(me_in(&world, token, "team").await, (200, json!("team")));
    world.end().await;
}
