//! Passkeys, in a real browser with authenticators of software: added, used, removed, and everything that must not let anybody in.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Browser, Scene,
    browser::Page,
    chromium::{Chromium, Tab},
};
use crate::harness::World;

/// What a page of any site can do: ask the authenticator, and hand on what it says.
const SIGN: &str = r"(async (options) => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (sign) => sign.charCodeAt(0))
  options.challenge = bytes(options.challenge)
  return (await navigator.credentials.get({ publicKey: options })).toJSON()
})";

/// Where browsers reach a brain that nobody has told where that is.
fn here(world: &World) -> String {
    world.url().replace("127.0.0.1", "localhost")
}

/// Lets the owner in by a link of the machine.
async fn by_link(world: &World, tab: &Tab<'_>) {
    let output = world.brain(&["login-link"]).await;
    let link = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(link.starts_with(&format!("{}/auth/link", here(world))), "{link}");
    tab.goto(&link).await;
    tab.arrives(&format!("{}/docs", here(world))).await;
}

/// Adds a passkey on the page.
async fn add(base: &str, tab: &Tab<'_>, label: &str) {
    tab.goto(&format!("{base}/auth")).await;
    tab.eval(&format!("document.getElementById('label').value = {}", json!(label))).await;
    tab.click("#add button").await;
    tab.says("The passkey was added").await;
}

async fn log_out(base: &str, tab: &Tab<'_>) {
    tab.goto(&format!("{base}/auth")).await;
    tab.click("#logout").await;
    // Where there is a provider, it asks whether one wants to be out there as well.
    tab.until("document.readyState === 'complete' && !document.getElementById('logout')").await;
    tab.goto(&format!("{base}/auth")).await;
    tab.until("document.querySelector('h1')?.textContent === 'Log in'").await;
}

/// A question of brain's, as any program can ask for it; the browser has its cookie.
async fn question(base: &str, browser: &Browser) -> Value {
    let page =
        browser.send(Method::POST, &format!("{base}/auth/passkey/begin"), &[("sec-fetch-site", "same-origin")], None).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    page.json()["publicKey"].clone()
}

async fn finish(base: &str, browser: &Browser, credential: &Value) -> Page {
    let site = [("sec-fetch-site", "same-origin")];
    browser.send_json(&format!("{base}/auth/passkey/finish"), &site, json!({ "credential": credential })).await
}

async fn signed(tab: &Tab<'_>, options: &Value) -> Value {
    tab.eval(&format!("{SIGN}({options})")).await
}

fn is_refused(page: &Page, code: &str) {
    assert_eq!(page.json()["code"], code, "{page:?}");
    assert!(page.status.is_client_error());
    let sets_session = page.headers.get_all("set-cookie").iter().any(|line| line.as_bytes().starts_with(b"brain="));
    assert!(!sets_session, "{page:?}");
}

/// The text of a field of an answer, with something changed in it.
fn changed(credential: &Value, field: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Value {
    let mut credential = credential.clone();
    let place = &mut credential["response"][field];
    let bytes = URL_SAFE_NO_PAD.decode(place.as_str().expect("text")).expect("base64url");
    *place = URL_SAFE_NO_PAD.encode(change(bytes)).into();
    credential
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_adds_a_passkey_and_is_back_by_it_with_no_name_typed() {
    let Some(chromium) = Chromium::start().await else { return };
    let world = World::new().await;
    let (base, tab) = (here(&world), chromium.person().await);
    let authenticator = tab.authenticator().await;
    by_link(&world, &tab).await;
    add(&base, &tab, "<b>this laptop</b>").await;
    tab.until("document.getElementById('passkeys').innerText.includes('<b>this laptop</b>')").await;
    assert_eq!(tab.kept(&authenticator).await[0]["isResidentCredential"], true);
    // A second one on the same device is refused by the device, and that is said.
    tab.eval("document.getElementById('label').value = 'again'").await;
    tab.click("#add button").await;
    tab.says("already has a passkey").await;
    log_out(&base, &tab).await;
    // With the keyboard alone: the button is the first thing that has a name, and says what it does.
    tab.goto(&format!("{base}/auth?return_to=/api/v1/sessions")).await;
    tab.until("!document.getElementById('passkey').disabled").await;
    let tree = tab.call("Accessibility.getFullAXTree", json!({})).await;
    let is_button = |node: &&Value| node["role"]["value"] == "button" && node["name"]["value"] == "Log in with a passkey";
    assert!(tree["nodes"].as_array().expect("nodes").iter().any(|node| is_button(&node)));
    tab.press("Tab", 9, "").await;
    assert_eq!(tab.eval("document.activeElement.id").await, "passkey");
    tab.press("Enter", 13, "\r").await;
    tab.arrives(&format!("{base}/api/v1/sessions")).await;
    let sessions: Value = serde_json::from_str(tab.eval("document.body.innerText").await.as_str().expect("text")).expect("JSON");
    let session = &sessions["sessions"][0];
    assert!(session["passkey"].is_string() && session["provider"].is_null() && session["current"] == true, "{sessions}");
    // A browser that came by the number is sent to the name, where its cookies and passkeys are.
    tab.goto(&format!("{}/auth", world.url())).await;
    tab.arrives(&format!("{base}/auth")).await;
    tab.until("document.querySelector('h1')?.textContent === 'Your ways in'").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_said_in_words() {
    let Some(chromium) = Chromium::start().await else { return };
    let world = World::new().await;
    let (base, tab) = (here(&world), chromium.person().await);
    let authenticator = tab.authenticator().await;
    tab.goto(&format!("{base}/auth")).await;
    tab.click("#passkey").await;
    tab.says("No passkey was used").await;
    by_link(&world, &tab).await;
    add(&base, &tab, "phone").await;
    log_out(&base, &tab).await;
    // Nobody is verified: the authenticator does not answer.
    tab.call("WebAuthn.setUserVerified", json!({"authenticatorId": authenticator, "isUserVerified": false})).await;
    tab.click("#passkey").await;
    tab.says("No passkey was used").await;
    tab.call("WebAuthn.setUserVerified", json!({"authenticatorId": authenticator, "isUserVerified": true})).await;
    // Its passkey is removed behind its back.
    let owner = Browser::of("owner");
    let link = world.brain(&["login-link"]).await;
    owner.get(String::from_utf8_lossy(&link.stdout).trim()).await;
    let list = owner.get(&format!("{base}/api/v1/me/passkeys")).await.json();
    let id = list["passkeys"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(owner.write(Method::DELETE, &format!("{base}/api/v1/me/passkeys/{id}")).await.status, 204);
    tab.click("#passkey").await;
    tab.says("this passkey is not known here, or was removed").await;
    let again = owner.write(Method::DELETE, &format!("{base}/api/v1/me/passkeys/{id}")).await;
    assert_eq!((again.status.as_u16(), &again.json()["code"]), (404, &json!("access.not_found")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_but_the_right_one_lets_anybody_in() {
    let Some(chromium) = Chromium::start().await else { return };
    let world = World::new().await;
    let (base, tab) = (here(&world), chromium.person().await);
    let authenticator = tab.authenticator().await;
    by_link(&world, &tab).await;
    add(&base, &tab, "phone").await;
    let eve = Browser::of("eve");
    let fresh = async || signed(&tab, &question(&base, &eve).await).await;
    // A signature that was touched, and words that were not signed.
    let credential = fresh().await;
    let signature = changed(&credential, "signature", |mut bytes| {
        *bytes.last_mut().expect("bytes") ^= 1;
        bytes
    });
    is_refused(&finish(&base, &eve, &signature).await, "passkey.refused");
    let words = changed(&credential, "clientDataJSON", |bytes| {
        String::from_utf8(bytes).expect("UTF-8").replace("\"crossOrigin\":false", "\"crossOrigin\":false ").into_bytes()
    });
    is_refused(&finish(&base, &eve, &words).await, "passkey.refused");
    let unverified = changed(&credential, "authenticatorData", |mut bytes| {
        bytes[32] &= !4;
        bytes
    });
    is_refused(&finish(&base, &eve, &unverified).await, "passkey.refused");
    // The answer to another question, and to none.
    let older = credential;
    question(&base, &eve).await;
    is_refused(&finish(&base, &eve, &older).await, "passkey.refused");
    is_refused(&finish(&base, &Browser::of("bob"), &older).await, "passkey.ceremony_unknown");
    // Another site of this machine asks, with a question of ours.
    let evil = chromium.person().await;
    let other = evil.authenticator().await;
    let mut credential = tab.kept(&authenticator).await.remove(0);
    credential["signCount"] = json!(1_000);
    evil.call("WebAuthn.addCredential", json!({"authenticatorId": other, "credential": credential})).await;
    evil.goto(&world.monitor_url().replace("127.0.0.1", "localhost")).await;
    let elsewhere = signed(&evil, &question(&base, &eve).await).await;
    is_refused(&finish(&base, &eve, &elsewhere).await, "passkey.refused");
    // A page of another site does not even get a question, nor does one whose answer is no JSON of ours.
    let foreign = eve.send(Method::POST, &format!("{base}/auth/passkey/begin"), &[("sec-fetch-site", "cross-site")], None).await;
    is_refused(&foreign, "auth.forged_request");
    is_refused(&finish(&base, &eve, &json!({"id": 1})).await, "passkey.refused");
    // The right one counts once, also with its cookie.
    let credential = fresh().await;
    let kept = eve.cookies(&base);
    let entered = finish(&base, &eve, &credential).await;
    assert_eq!((entered.status.as_u16(), &entered.json()["return_to"]), (200, &json!("/docs")), "{entered:?}");
    assert_eq!(eve.me(&base).await.status, 200);
    let mallory = Browser::of("mallory");
    mallory.put_cookies(&base, kept);
    is_refused(&finish(&base, &mallory, &credential).await, "passkey.ceremony_unknown");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_that_counts_backwards_may_be_a_copy_and_is_refused() {
    let Some(chromium) = Chromium::start().await else { return };
    let mut world = World::new().await;
    let (base, tab) = (here(&world), chromium.person().await);
    let authenticator = tab.authenticator().await;
    by_link(&world, &tab).await;
    add(&base, &tab, "key ring").await;
    let copy = tab.kept(&authenticator).await.remove(0);
    let browser = Browser::of("owner");
    for _ in 0..3 {
        let credential = signed(&tab, &question(&base, &browser).await).await;
        assert_eq!(finish(&base, &browser, &credential).await.status, 200);
    }
    // The copy has not counted what the original has signed; every process knows how much that was.
    world.restart().await;
    let base = here(&world);
    let thief = chromium.person().await;
    let other = thief.authenticator().await;
    thief.call("WebAuthn.addCredential", json!({"authenticatorId": other, "credential": copy})).await;
    thief.goto(&format!("{base}/auth")).await;
    let credential = signed(&thief, &question(&base, &browser).await).await;
    is_refused(&finish(&base, &browser, &credential).await, "passkey.cloned");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_opens_what_is_its_holders_and_is_nobody_elses() {
    let Some(chromium) = Chromium::start().await else { return };
    let Some(scene) = Scene::at("localhost").await else { return };
    let base = scene.brain();
    let (ann, bob) = (chromium.person().await, chromium.person().await);
    let of_ann = ann.authenticator().await;
    bob.authenticator().await;
    for (tab, name) in [(&ann, "ann"), (&bob, "bob")] {
        super::real::log_in(base, tab, name).await;
        add(base, tab, "phone").await;
        log_out(base, tab).await;
    }
    let browser = Browser::of("ann");
    // Ann's signature in the name of Bob, and with the id of Bob's passkey.
    let asked = question(base, &browser).await;
    let (by_ann, by_bob) = (signed(&ann, &asked).await, signed(&bob, &asked).await);
    let mut mixed = by_ann.clone();
    mixed["response"]["userHandle"] = by_bob["response"]["userHandle"].clone();
    is_refused(&finish(base, &browser, &mixed).await, "passkey.unknown");
    let mut mixed = by_ann.clone();
    for field in ["id", "rawId"] {
        mixed[field] = by_bob[field].clone();
    }
    is_refused(&finish(base, &browser, &mixed).await, "passkey.unknown");
    mixed["response"]["userHandle"] = by_bob["response"]["userHandle"].clone();
    is_refused(&finish(base, &browser, &mixed).await, "passkey.refused");
    assert_eq!(finish(base, &browser, &by_ann).await.status, 200);
    assert_eq!(browser.me(base).await.json()["name"], "ann of the tests");
    // Bob cannot have Ann's passkey as well, nor remove it; and it is of no use to who has no place here any more.
    let list = browser.get(&format!("{base}/api/v1/me/passkeys")).await.json();
    let id = list["passkeys"][0]["id"].as_str().expect("an id").to_owned();
    let other = scene.visitor("bob").await;
    let refused = other.write(Method::DELETE, &format!("{base}/api/v1/me/passkeys/{id}")).await;
    assert_eq!(refused.json()["code"], "access.not_found");
    let principal = browser.me(base).await.json()["id"].as_str().expect("an id").to_owned();
    let disabled = scene.world.send(Method::POST, &format!("/api/v1/principals/{principal}/disable"), json!({})).await;
    assert_eq!(disabled.status, 200, "{disabled:?}");
    let credential = signed(&ann, &question(base, &browser).await).await;
    is_refused(&finish(base, &browser, &credential).await, "login.no_role");
    assert_eq!(ann.kept(&of_ann).await.len(), 1);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_adds_no_passkey_and_a_number_has_none() {
    let world = World::new().await;
    let refused = world.send(Method::POST, "/auth/passkey/register/begin", json!({})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (403, &json!("auth.session_needed")));
    assert_eq!(world.get("/api/v1/me/passkeys").await.body, json!({"passkeys": []}));
    world.end().await;
    let auth = second_brain::config::Auth { base_url: Some("http://127.0.0.1:7700".into()), ..Default::default() };
    let world = World::that_people_log_in_to(auth, 0).await;
    let page = Browser::of("ann")
        .send(Method::POST, &format!("{}/auth/passkey/begin", world.url()), &[("sec-fetch-site", "same-origin")], None)
        .await;
    assert_eq!((page.status.as_u16(), &page.json()["code"]), (503, &json!("passkey.no_name")));
    assert!(page.text.contains("http://localhost:7700"), "{page:?}");
    world.end().await;
    let auth = second_brain::config::Auth { passkeys: false, ..Default::default() };
    let world = World::that_people_log_in_to(auth, 0).await;
    let browser = Browser::of("ann");
    let page = browser
        .send(Method::POST, &format!("{}/auth/passkey/begin", world.url()), &[("sec-fetch-site", "same-origin")], None)
        .await;
    assert_eq!((page.status.as_u16(), &page.json()["code"]), (404, &json!("passkey.off")));
    assert!(!browser.get(&format!("{}/auth", here(&world))).await.text.contains("id=\"passkey\""));
    world.end().await;
}
