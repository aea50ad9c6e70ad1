//! The ways out: by oneself, by another of one's browsers, by the provider, by the owner; each closes what is open.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Browser, Scene};
use crate::harness::{eventually, reply, socket, soon};

/// Opens a socket in the name of a browser's session; answers when it is closed: after how long, and with which code.
async fn socket(brain: &str, browser: &Browser) -> impl Future<Output = (Instant, u16)> {
    let asked = browser.write_json(&format!("{brain}/api/v1/live/token"), json!({})).await.json();
    let token = asked["token"].as_str().unwrap_or_else(|| panic!("a token: {asked}"));
    socket::open(brain, token).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_the_session_its_sockets_and_that_of_the_provider() {
    let Some(scene) = Scene::new(false).await else { return };
    let (brain, ann, other) = (scene.brain(), scene.visitor("ann").await, scene.visitor("ann").await);
    let closed = socket(brain, &ann).await;
    let began = Instant::now();
    let page = ann.write(Method::POST, &format!("{brain}/auth/logout")).await;
    assert_eq!(page.status, 200, "{page:?}");
    let (at, code) = soon("the socket is closed", closed).await;
    println!("a socket was closed {:?} after the logout was asked for (code {code})", at - began);
    assert!(at - began < Duration::from_secs(2), "{:?}", at - began);
    assert!(!ann.cookies(brain).contains_key("brain"));
    assert_eq!((ann.me(brain).await.status.as_u16(), other.me(brain).await.status.as_u16()), (401, 200));
    // At the provider it is a page that asks, and leads back here.
    let there = page.json()["provider_logout"].as_str().expect("an address").to_owned();
    let back = ann.walk(&there, |next| next.as_str().starts_with(brain)).await.expect("leads back");
    assert_eq!(back.path(), "/");
    let again = ann.get(&format!("{brain}/auth/home")).await.location().expect("away");
    let asked = ann.get(again.as_str()).await.location().expect("to log in");
    assert!(asked.path().starts_with("/interaction/"), "the provider asks who it is: {asked}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_at_the_provider_ends_the_sessions_that_came_of_it() {
    let Some(scene) = Scene::new(false).await else { return };
    let (brain, ann, other) = (scene.brain(), scene.visitor("ann").await, scene.visitor("ann").await);
    let closed = socket(brain, &ann).await;
    let end = format!("{}/session/end", scene.op.issuer);
    let ended = ann.walk(&end, |_| false).await.expect_err("a page that says so");
    assert!(ended.status.is_success(), "{ended:?}");
    let (_, code) = soon("the socket is closed", closed).await;
    assert!(code >= 3_000, "{code}");
    let out = async || if ann.me(brain).await.status == 401 { Ok(()) } else { Err("still in") };
    eventually("the session is over", out).await;
    assert_eq!(other.me(brain).await.status, 200, "another session at the provider is another");
    for form in [vec![], vec![("logout_token", "a.b.c")], vec![("logout_token", "x"), ("logout_token", "y")]] {
        let form: Vec<(String, String)> = form.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let page = ann.send(Method::POST, &format!("{brain}/auth/home/backchannel-logout"), &[], Some(&form)).await;
        assert_eq!((page.status.as_u16(), &page.json()["code"]), (400, &json!("login.bad_notice")), "{form:?}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_seen_and_ended_by_their_person_and_hold_over_a_restart() {
    let Some(Scene { mut world, op, .. }) = Scene::new(false).await else { return };
    let (ann, other, eve) = (Browser::of("ann"), Browser::of("ann"), Browser::of("eve"));
    for browser in [&ann, &other, &eve] {
        assert_eq!(browser.log_in(world.url(), "home").await.status, 303);
    }
    let list = |page: Value| page["sessions"].as_array().cloned().unwrap_or_else(|| panic!("{page}"));
    let all = |brain: &str| format!("{brain}/api/v1/sessions");
    let mine = list(ann.get(&all(world.url())).await.json());
    assert_eq!((mine.len(), mine.iter().filter(|one| one["current"] == true).count()), (2, 1), "{mine:?}");
    let others = mine.iter().find(|one| one["current"] == false).expect("the other")["id"].as_str().expect("an id").to_owned();
    let foreign = list(eve.get(&all(world.url())).await.json())[0]["id"].as_str().expect("an id").to_owned();
    let refused = ann.write(Method::DELETE, &format!("{}/{foreign}", all(world.url()))).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (404, &json!("login.unknown_session")));
    world.restart().await;
    assert_eq!(other.me(world.url()).await.status, 200, "sessions outlive the process");
    assert_eq!(ann.write(Method::DELETE, &format!("{}/{others}", all(world.url()))).await.status, 204);
    assert_eq!((ann.me(world.url()).await.status.as_u16(), other.me(world.url()).await.status.as_u16()), (200, 401));
    world.restart().await;
    assert_eq!((ann.me(world.url()).await.status.as_u16(), other.me(world.url()).await.status.as_u16()), (200, 401));
    // Nothing of a session opens anything but its secret.
    let (me, cookie) = (format!("{}/api/v1/me", world.url()), format!("brain={foreign}"));
    let by_name = Browser::of("eve").send(Method::GET, &me, &[("cookie", &cookie)], None).await;
    assert_eq!(by_name.status, 401);
    let with_key = reply(world.request(Method::GET, "/api/v1/sessions")).await;
    assert_eq!((with_key.body["sessions"].as_array().map(Vec::len), &with_key.body["csrf_token"]), (Some(0), &Value::Null));
    drop(op);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_disabled_is_out_at_once() {
    let Some(scene) = Scene::new(false).await else { return };
    let (brain, ann) = (scene.brain(), scene.visitor("ann").await);
    let id = ann.me(brain).await.json()["id"].as_str().expect("an id").to_owned();
    let closed = socket(brain, &ann).await;
    let disabled = reply(scene.world.request(Method::POST, &format!("/api/v1/principals/{id}/disable"))).await;
    assert_eq!(disabled.status, 200, "{disabled:?}");
    let (_, code) = soon("the socket is closed", closed).await;
    assert!(code >= 3_000, "{code}");
    assert_eq!(ann.me(brain).await.status, 401);
    let again = Browser::of("ann").log_in(brain, "home").await;
    assert_eq!((again.status.as_u16(), again.code()), (403, "login.no_role"));
    scene.end().await;
}
