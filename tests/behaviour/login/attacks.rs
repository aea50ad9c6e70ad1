//! Those who should not come in, by the way itself: what was used is used again, in another browser, with another provider's words.

use reqwest::Method;
use serde_json::json;
use url::Url;

use super::{Browser, Scene, browser::Page};

/// The address with some of its parameters changed; `None` leaves one out.
fn with(url: &Url, changes: &[(&str, Option<&str>)]) -> String {
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
    }
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.into()
}

fn parameter(url: &Url, wanted: &str) -> String {
    url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).expect("a parameter")
}

fn refused(page: &Page, code: &str) {
    assert_eq!(page.code(), code, "{page:?}");
    assert!(page.status.is_client_error() && page.headers["cache-control"] == "no-store", "{page:?}");
    assert!(page.headers["content-security-policy"].to_str().is_ok_and(|policy| policy.contains("default-src 'none'")));
    let sets_session = page.headers.get_all("set-cookie").iter().any(|line| line.as_bytes().starts_with(b"brain="));
    assert!(!sets_session, "nobody is in: {page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_or_begun_elsewhere_lets_nobody_in() {
    let Some(scene) = Scene::new(false).await else { return };
    let brain = scene.brain();
    // The state again.
    let ann = Browser::of("ann");
    let begun = ann.get(&format!("{brain}/auth/home")).await;
    let kept = ann.cookies(brain);
    let callback =
        ann.walk(begun.location().expect("away").as_str(), |next| next.as_str().starts_with(brain)).await.expect("back");
    assert_eq!(ann.get(callback.as_str()).await.status, 303);
    refused(&ann.get(callback.as_str()).await, "login.attempt_unknown");
    let line = kept.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let eve = Browser::of("eve");
    let again = eve.send(Method::GET, callback.as_str(), &[("cookie", &line)], None).await;
    refused(&again, "login.attempt_unknown");
    // Another browser, with nothing, and with an attempt of its own.
    let ann = Browser::of("ann");
    let callback = ann.walk_to_callback(brain, "home").await;
    refused(&eve.get(callback.as_str()).await, "login.attempt_unknown");
    let own = eve.walk_to_callback(brain, "home").await;
    let state = parameter(&callback, "state");
    refused(&eve.get(&with(&own, &[("state", Some(&state))])).await, "login.attempt_unknown");
    // Eve's code in Ann's attempt: who has the code does not have the verifier and the nonce.
    let injected = with(&callback, &[("code", Some(&parameter(&own, "code")))]);
    refused(&ann.get(&injected).await, "login.refused");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_providers_words_count_for_nothing() {
    let Some(scene) = Scene::new(false).await else { return };
    let brain = scene.brain();
    let fresh = async || {
        let ann = Browser::of("ann");
        let callback = ann.walk_to_callback(brain, "home").await;
        (ann, callback)
    };
    // The answer of one provider at the door of another.
    let (ann, callback) = fresh().await;
    refused(&ann.get(&callback.as_str().replace("/auth/home/", "/auth/curve/")).await, "login.attempt_unknown");
    for (changes, code) in [
        (&[("iss", Some("https://evil.example"))][..], "login.refused"),
        (&[("iss", None)], "login.refused"),
        (&[("code", None)], "login.refused"),
        (&[("code", Some("made-up"))], "login.refused"),
        (&[("code", None), ("error", Some("access_denied"))], "login.refused"),
        (&[("state", None)], "login.attempt_unknown"),
        (&[("state", Some("x"))], "login.attempt_unknown"),
    ] {
        let (ann, callback) = fresh().await;
        refused(&ann.get(&with(&callback, changes)).await, code);
        let is_over = ann.get(callback.as_str()).await;
        // An attempt is used up by its state, whatever came with it.
        if changes.iter().all(|(name, _)| *name != "state") {
            refused(&is_over, "login.attempt_unknown");
        }
    }
    let (ann, callback) = fresh().await;
    refused(&ann.get(&format!("{callback}&code=twice")).await, "login.refused");
    // A code that was exchanged already, in an attempt that is well otherwise.
    let (ann, callback) = fresh().await;
    assert_eq!(ann.get(callback.as_str()).await.status, 303);
    let (other, second) = fresh().await;
    refused(&other.get(&with(&second, &[("code", Some(&parameter(&callback, "code")))])).await, "login.refused");
    // Userinfo of somebody else.
    scene.op.control(json!({"userinfo_sub": "eve"})).await;
    let (ann, callback) = fresh().await;
    refused(&ann.get(callback.as_str()).await, "login.refused");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_leads_back_to_this_server_only_and_ids_of_sessions_are_new() {
    let Some(scene) = Scene::new(false).await else { return };
    let (brain, ann) = (scene.brain(), Browser::of("ann"));
    for there in ["https://evil.example", "//evil.example", "/%5Cevil.example", "docs", "javascript:alert(1)"] {
        let page = ann.get(&format!("{brain}/auth/home?return_to={there}")).await;
        refused(&page, "login.bad_return_to");
    }
    refused(&ann.get(&format!("{brain}/auth/nobody")).await, "login.unknown_provider");
    // A session that somebody has put there is not taken over.
    let callback = ann.walk_to_callback(brain, "home").await;
    let state = parameter(&callback, "state");
    let attempt = format!("brain-login-{}", &state[..6]);
    let line = format!("brain=planted; {attempt}={}", ann.cookies(brain)[&attempt]);
    let bare = Browser::of("ann");
    let page = bare.send(Method::GET, callback.as_str(), &[("cookie", &line)], None).await;
    assert_eq!(page.status, 303);
    assert_ne!(bare.cookies(brain)["brain"], "planted");
    assert_eq!(bare.me(brain).await.status, 200);
    let planted = Browser::of("eve").send(Method::GET, &format!("{brain}/api/v1/me"), &[("cookie", "brain=planted")], None).await;
    assert_eq!((planted.status.as_u16(), &planted.json()["code"]), (401, &json!("auth.invalid_session")));
    scene.end().await;
}
