//! The code flow by a browser on the same machine, and what is tried against it.

use reqwest::{Method, StatusCode};
use second_brain::{
    app::oauth::challenge_of,
    config::{Auth, auth::Client},
};
use serde_json::json;
use url::Url;

use super::{CLI, ask, by, error, me, owner, say, text, world};
use crate::{
    harness::{Reply, World},
    login::browser::{Browser, Page},
};

const VERIFIER: &str = "a-verifier-of-forty-three-letters-or-more.1";
const BACK: &str = "http://127.0.0.1:54321/callback";

/// The address that a client sends a browser to; `change` replaces a parameter, or takes it away.
fn address(world: &World, change: &[(&str, Option<&str>)]) -> String {
    let challenge = challenge_of(VERIFIER);
    let usual = [
        ("response_type", "code"),
        ("client_id", CLI),
        ("redirect_uri", BACK),
        ("scope", "memory:read memory:write"),
        ("state", "a state & more"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let mut url: Url = format!("{}/oauth/authorize", world.url()).parse().expect("a URL");
    for (name, value) in usual {
        let changed = change.iter().find(|(changed, _)| *changed == name).map_or(Some(value), |(_, value)| *value);
        changed.map(|value| url.query_pairs_mut().append_pair(name, value).finish().to_owned());
    }
    for (name, value) in change.iter().filter(|(name, _)| !usual.iter().any(|(usual, _)| usual == name)) {
        url.query_pairs_mut().append_pair(name, value.expect("a value"));
    }
    url.into()
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// What a browser is sent back with.
fn back(page: &Page) -> Url {
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{page:?}");
    page.location().expect("a place")
}

async fn code(world: &World, browser: &Browser) -> String {
    let page = browser.get(&address(world, &[])).await;
    parameter(&back(&say(browser, &page, "allow", "default").await), "code").expect("a code")
}

async fn exchange(world: &World, code: &str, change: &[(&str, &str)]) -> Reply {
    let usual = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
        ("client_id", CLI),
        ("code_verifier", VERIFIER),
    ];
    let fields = usual.map(|(name, value)| {
        let changed = change.iter().find(|(changed, _)| *changed == name);
        (name, changed.map_or(value, |(_, value)| *value))
    });
    ask(world, "/oauth/token", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_brings_a_code_that_is_good_once_for_its_client() {
    let world = world().await;
    let browser = owner(&world).await;
    let page = browser.get(&address(&world, &[])).await;
    assert!(page.text.contains("brain on the command line") && page.text.contains(BACK), "{page:?}");
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("form-action 'self' http://127.0.0.1:54321;"), "{policy}");
    let arrived = back(&say(&browser, &page, "allow", "default").await);
    assert!(arrived.as_str().starts_with(BACK), "{arrived}");
    assert_eq!(parameter(&arrived, "state").as_deref(), Some("a state & more"));
    assert_eq!(parameter(&arrived, "iss").as_deref(), Some(world.url()));
    let code = parameter(&arrived, "code").expect("a code");
    for (name, value) in [
        ("code_verifier", "another-verifier-of-forty-three-letters-ok.1"),
        ("code_verifier", "short"),
        ("redirect_uri", "http://127.0.0.1:54322/callback"),
        ("code", "1.abc"),
    ] {
        assert_eq!(error(&exchange(&world, &code, &[(name, value)]).await), (400, "invalid_grant"), "{name} {value}");
    }
    assert_eq!(error(&exchange(&world, &code, &[("client_id", "other")]).await), (400, "invalid_client"));
    assert_eq!(error(&exchange(&world, &code, &[("code_verifier", "")]).await), (400, "invalid_request"));
    let given = exchange(&world, &code, &[]).await;
    assert_eq!(given.status, StatusCode::OK, "what was tried in vain has not used it up: {given:?}");
    let token = text(&given.body, "access_token");
    assert_eq!(me(&world, token).await.status, StatusCode::OK);
    let made = by(&world, token, Method::POST, "/api/v1/memories", json!({"content": "tea"})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    // Whoever has code and verifier a second time is not the client, or the client was not the first.
    // However it is written.
    assert_eq!(error(&exchange(&world, &format!("0{code}"), &[]).await), (400, "invalid_grant"));
    let after = me(&world, token).await;
    assert_eq!((after.status.as_u16(), &after.body["code"]), (401, &json!("auth.invalid_token")), "what it began has ended");
    assert_eq!(error(&super::refresh(&world, text(&given.body, "refresh_token")).await), (400, "invalid_grant"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_bring_one_code_at_once_none_keeps_what_it_gets() {
    let world = world().await;
    let browser = owner(&world).await;
    let code = code(&world, &browser).await;
    let answers = futures::future::join_all((0..4).map(|_| exchange(&world, &code, &[]))).await;
    let good: Vec<_> = answers.iter().filter(|it| it.status == StatusCode::OK).collect();
    assert!(good.len() <= 1, "{answers:?}");
    for answer in good {
        assert_eq!(me(&world, text(&answer.body, "access_token")).await.status, StatusCode::UNAUTHORIZED);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_settings_declare_comes_back_to_its_own_place() {
    let back_to = "https://notes.example/back";
    let client = Client { id: "notes".into(), name: "Notes <on> the phone".into(), redirect_uris: vec![back_to.into()] };
    let auth = Auth { clients: vec![client], ..Auth::default() };
    let world = super::world_with(auth).await;
    let browser = owner(&world).await;
    let as_notes = [("client_id", Some("notes")), ("redirect_uri", Some(back_to))];
    let page = browser.get(&address(&world, &as_notes)).await;
    assert!(page.text.contains("Notes &lt;on&gt; the phone") && !page.text.contains("<on>"), "{page:?}");
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("form-action 'self' https://notes.example;"), "{policy}");
    let arrived = back(&say(&browser, &page, "allow", "default").await);
    assert!(arrived.as_str().starts_with(back_to), "{arrived}");
    let code = parameter(&arrived, "code").expect("a code");
    assert_eq!(error(&exchange(&world, &code, &[("redirect_uri", back_to)]).await), (400, "invalid_grant"), "another client's");
    let given = exchange(&world, &code, &[("redirect_uri", back_to), ("client_id", "notes")]).await;
    assert_eq!(given.status, StatusCode::OK, "{given:?}");
    let by_another = super::refresh(&world, text(&given.body, "refresh_token")).await;
    assert_eq!(error(&by_another), (400, "invalid_grant"));
    let foreign = browser.get(&address(&world, &[("redirect_uri", Some(back_to))])).await;
    assert_eq!(foreign.code(), "oauth.bad_request", "an address of another client");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_question_stays_here_or_goes_back_with_a_reason() {
    let world = world().await;
    let browser = owner(&world).await;
    let evil = [
        "https://evil.example/callback",
        "http://127.0.0.1:1/other",
        "http://localhost:1/callback",
        "http://127.0.0.1:1@evil.example/callback",
    ];
    let stays = evil.map(|uri| ("redirect_uri", Some(uri)));
    for change in stays.into_iter().chain([("redirect_uri", None), ("client_id", Some("nobody")), ("client_id", None)]) {
        let page = browser.get(&address(&world, &[change])).await;
        assert_eq!((page.status.as_u16(), page.code()), (400, "oauth.bad_request"), "{change:?}");
    }
    let twice = format!("{}&client_id=brain-cli", address(&world, &[]));
    assert_eq!(browser.get(&twice).await.code(), "oauth.bad_request");
    for (change, reason) in [
        (("response_type", Some("token")), "unsupported_response_type"),
        (("response_type", None), "invalid_request"),
        (("code_challenge", None), "invalid_request"),
        (("code_challenge", Some("short")), "invalid_request"),
        (("code_challenge_method", Some("plain")), "invalid_request"),
        (("code_challenge_method", None), "invalid_request"),
        (("scope", Some("memory:eat")), "invalid_scope"),
        (("resource", Some("https://elsewhere.example")), "invalid_target"),
    ] {
        let arrived = back(&browser.get(&address(&world, &[change])).await);
        assert!(arrived.as_str().starts_with(BACK) && parameter(&arrived, "code").is_none(), "{arrived}");
        assert_eq!(parameter(&arrived, "error").as_deref(), Some(reason), "{change:?}");
        assert_eq!(parameter(&arrived, "state").as_deref(), Some("a state & more"));
        assert_eq!(parameter(&arrived, "iss").as_deref(), Some(world.url()));
    }
    let six = browser.get(&address(&world, &[("redirect_uri", Some("http://[::1]:7/callback"))])).await;
    let page = say(&browser, &six, "deny", "default").await;
    let arrived = back(&page);
    assert!(arrived.as_str().starts_with("http://[::1]:7/callback?"), "{arrived}");
    assert_eq!(parameter(&arrived, "error").as_deref(), Some("access_denied"));
    let unknown = browser.get(&address(&world, &[("prompt", Some("consent")), ("foo", Some("bar"))])).await;
    assert_eq!(unknown.status, StatusCode::OK, "what nobody knows is passed over");
    let forged = browser.send(Method::POST, &address(&world, &[]), &[], Some(&[("decision".into(), "allow".into())])).await;
    assert_eq!(forged.code(), "auth.forged_request");
    let stranger = Browser::of("eve").get(&address(&world, &[])).await;
    assert!(stranger.status == StatusCode::UNAUTHORIZED && stranger.text.contains("login-link"), "{stranger:?}");
    world.end().await;
}
