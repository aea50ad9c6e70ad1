//! The way in: by every algorithm that is accepted, with groups in the token or in userinfo alone, also after the keys were changed.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Browser, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_by_a_real_provider_and_the_session_opens_the_api() {
    let Some(scene) = Scene::new(false).await else { return };
    let (brain, ann) = (scene.brain(), Browser::of("ann"));
    let list = ann.get(&format!("{brain}/auth/providers")).await.json();
    assert_eq!(list["providers"][0], json!({"id": "home", "name": "Home", "login": "/auth/home"}));
    assert_eq!(ann.me(brain).await.status, 401);
    let begun = ann.get(&format!("{brain}/auth/home?return_to=/api/v1/me")).await;
    assert_eq!((begun.status.as_u16(), &begun.headers["cache-control"]), (303, &"no-store".parse().expect("a value")));
    let away = begun.location().expect("away");
    let said: std::collections::BTreeMap<_, _> = away.query_pairs().into_owned().collect();
    assert_eq!((said["code_challenge_method"].as_str(), said["response_type"].as_str()), ("S256", "code"));
    assert!(said["state"].len() == 43 && said["nonce"].len() == 43 && said["nonce"] != said["state"], "{away}");
    let line = begun.headers["set-cookie"].to_str().expect("text");
    assert!(
        line.starts_with(&format!("brain-login-{}=", &said["state"][..6]))
            && line.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"),
        "{line}"
    );
    assert!(!line.contains(&said["state"]) && !line.contains(&said["nonce"]));
    let callback = ann.walk(away.as_str(), |next| next.as_str().starts_with(brain)).await.expect("comes back");
    let entered = ann.get(callback.as_str()).await;
    assert_eq!((entered.status.as_u16(), entered.location().expect("in").path()), (303, "/api/v1/me"));
    let cookie = entered
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|line| line.to_str().expect("text"))
        .find(|line| line.starts_with("brain="));
    assert!(cookie.is_some_and(|line| line.ends_with("; HttpOnly; SameSite=Lax")), "{cookie:?}");
    assert_eq!(ann.cookies(brain).len(), 1, "the attempt is gone");
    let me = ann.me(brain).await.json();
    assert_eq!((&me["name"], &me["key"]), (&json!("ann of the tests"), &Value::Null), "{me}");
    assert_eq!(me["spaces"][0]["role"], "editor", "{me}");
    let sessions = ann.get(&format!("{brain}/api/v1/sessions")).await;
    assert_eq!(sessions.headers["cache-control"], "no-store");
    let sessions = sessions.json();
    assert_eq!(
        (&sessions["sessions"][0]["provider"], &sessions["sessions"][0]["current"]),
        (&json!("home"), &json!(true)),
        "{sessions}"
    );
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_may_answer_who_comes_back_and_knows_what_was_used() {
    let Some(Scene { mut world, op, .. }) = Scene::new(false).await else { return };
    let ann = Browser::of("ann");
    let callback = ann.walk_to_callback(world.url(), "home").await;
    let kept = ann.cookies(world.url());
    world.restart().await;
    assert_eq!(ann.get(callback.as_str()).await.status, 303);
    world.restart().await;
    let line = kept.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let again = Browser::of("eve").send(Method::GET, callback.as_str(), &[("cookie", &line)], None).await;
    assert_eq!((again.status.as_u16(), again.code()), (400, "login.attempt_unknown"));
    assert_eq!(ann.me(world.url()).await.status, 200);
    drop(op);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_that_is_accepted_lets_in_and_a_shared_secret_does_not() {
    let Some(scene) = Scene::new(true).await else { return };
    for provider in ["home", "pss", "curve", "larger", "edwards"] {
        let browser = Browser::of("ann");
        let page = browser.log_in(scene.brain(), provider).await;
        assert_eq!(page.status.as_u16(), 303, "{provider}: {}", page.text);
        assert_eq!(browser.me(scene.brain()).await.json()["spaces"][0]["role"], "editor", "{provider}");
    }
    let weak = Browser::of("ann").log_in(scene.brain(), "weak").await;
    assert_eq!((weak.status.as_u16(), weak.code()), (403, "login.refused"));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_the_provider_are_fetched_when_they_are_met() {
    let Some(Scene { world, op, .. }) = Scene::new(true).await else { return };
    let before = Browser::of("ann");
    assert_eq!(before.log_in(world.url(), "home").await.status, 303);
    let op = op.with_new_keys().await;
    let after = Browser::of("ann").log_in(world.url(), "home").await;
    assert_eq!(after.status, 303, "{}", after.text);
    assert_eq!(before.me(world.url()).await.status, 200, "who is in stays in");
    // Soon after, keys are not asked for again.
    let op = op.with_new_keys().await;
    let again = Browser::of("ann").log_in(world.url(), "home").await;
    assert_eq!((again.status.as_u16(), again.code()), (403, "login.refused"));
    drop(op);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_follow_the_groups_of_each_login_and_nobody_unknown_comes_in() {
    let Some(scene) = Scene::new(false).await else { return };
    let brain = scene.brain();
    let role = async |browser: &Browser| browser.me(brain).await.json()["spaces"][0]["role"].clone();
    let ann = scene.visitor("ann").await;
    for (groups, wanted) in [(vec!["boss"], "owner"), (vec!["guests", "others"], "reader"), (vec!["guests", "family"], "editor")]
    {
        scene.op.control(json!({ "groups": groups })).await;
        let again = scene.visitor("ann").await;
        assert_eq!(role(&again).await, wanted);
        assert_eq!(role(&ann).await, wanted, "a session that is open already has no more and no less");
    }
    scene.op.control(json!({"groups": ["others"]})).await;
    let nothing = Browser::of("ann").log_in(brain, "home").await;
    assert_eq!((nothing.status.as_u16(), nothing.code()), (403, "login.no_role"));
    assert_eq!(ann.me(brain).await.status, 401, "and what was open is closed");
    let eve = Browser::of("eve").log_in(brain, "home").await;
    assert_eq!((eve.status.as_u16(), eve.code()), (403, "login.no_role"));
    scene.op.control(json!({"groups": ["boss"]})).await;
    let unknown = Browser::of("bob").log_in(brain, "closed").await;
    assert_eq!((unknown.status.as_u16(), unknown.code()), (403, "login.not_invited"));
    let known = scene.visitor("bob").await;
    assert_eq!(role(&known).await, "owner");
    assert_eq!(Browser::of("bob").log_in(brain, "closed").await.status, 303, "the same issuer and subject are the same person");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_writes_only_from_pages_of_this_site_that_say_the_token() {
    let Some(scene) = Scene::new(false).await else { return };
    let (brain, ann) = (scene.brain(), scene.visitor("ann").await);
    let token = ann.get(&format!("{brain}/api/v1/sessions")).await.json()["csrf_token"].as_str().expect("a token").to_owned();
    let memories = format!("{brain}/api/v1/memories");
    let other = scene.visitor("ann").await;
    let others = other.get(&format!("{brain}/api/v1/sessions")).await.json()["csrf_token"].as_str().expect("a token").to_owned();
    let site = |site: &'static str| ("sec-fetch-site", site);
    for headers in [
        vec![],
        vec![site("same-origin")],
        vec![("x-csrf-token", &*token)],
        vec![site("cross-site"), ("x-csrf-token", &*token)],
        vec![site("same-site"), ("x-csrf-token", &*token)],
        vec![site("same-origin"), ("x-csrf-token", "other")],
        vec![site("same-origin"), ("x-csrf-token", &*others)],
    ] {
        let page = ann.send(Method::POST, &memories, &headers, None).await;
        assert_eq!((page.status.as_u16(), &page.json()["code"]), (403, &json!("auth.forged_request")), "{headers:?}");
    }
    // A reader's session does not write, whatever it says; that of an editor gets as far as the body.
    let page = ann.send(Method::POST, &memories, &[site("same-origin"), ("x-csrf-token", &token)], None).await;
    assert_eq!((page.status.as_u16(), &page.json()["code"]), (400, &json!("request.invalid_json")));
    assert_eq!(ann.get(&memories).await.status, 200);
    let foreign = ann.send(Method::GET, &memories, &[("brain-space", "elsewhere")], None).await;
    assert_eq!((foreign.status.as_u16(), &foreign.json()["code"]), (403, &json!("auth.space_forbidden")));
    let here = ann.send(Method::GET, &memories, &[("brain-space", "default")], None).await;
    assert_eq!(here.status, 200);
    scene.op.control(json!({"groups": ["guests"]})).await;
    let reader = scene.visitor("ann").await;
    let refused: Value = reader.write(Method::POST, &memories).await.json();
    assert_eq!(refused["code"], "auth.scope_missing");
    scene.end().await;
}
