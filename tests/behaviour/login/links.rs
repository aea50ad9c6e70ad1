//! The link that the machine itself makes for its owner; it needs no provider.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::Browser;
use crate::harness::{World, reply};

#[tokio::test(flavor = "multi_thread")]
async fn the_machines_own_key_makes_a_link_that_lets_its_owner_in_once() {
    let world = World::new().await;
    let output = world.brain(&["login-link"]).await;
    assert!(output.status.success(), "{output:?}");
    let link = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // By this machine's name, which passkeys know; its number is another site to a browser.
    let base = world.url().replace("127.0.0.1", "localhost");
    assert!(link.starts_with(&format!("{base}/auth/link?code=")), "{link}");
    let owner = Browser::of("owner");
    let entered = owner.get(&link).await;
    assert_eq!((entered.status, entered.location().expect("in").path()), (StatusCode::SEE_OTHER, "/docs"));
    let me = owner.me(&base).await.json();
    assert_eq!(me["spaces"][0]["role"], "owner", "{me}");
    let written = owner.write(Method::POST, &format!("{base}/auth/logout")).await;
    assert_eq!((written.status.as_u16(), written.json()), (200, json!({})), "there is no provider to log out at");
    assert_eq!(owner.me(&base).await.status, 401);
    let again = Browser::of("eve").get(&link).await;
    assert_eq!((again.status.as_u16(), again.code()), (400, "login.bad_link"));
    for bad in ["", "?code=", "?code=1.abc"] {
        assert_eq!(Browser::of("eve").get(&format!("{}/auth/link{bad}", world.url())).await.code(), "login.bad_link", "{bad}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_key_makes_a_link() {
    let world = World::new().await;
    let made = world.send(Method::POST, "/api/v1/keys", json!({"label": "another"})).await;
    let key = made.body["secret"].as_str().unwrap_or_else(|| panic!("{made:?}"));
    let refused = reply(world.anonymous(Method::POST, "/api/v1/login-link").bearer_auth(key)).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (403, &json!("auth.operator_only")));
    let nobody = reply(world.anonymous(Method::POST, "/api/v1/login-link")).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    world.end().await;
}
