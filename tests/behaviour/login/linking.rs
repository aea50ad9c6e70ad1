//! One person, several login providers: linked by a step of their own, never by an address of mail unless the operator wants that, and taken away
//! again. And an invitation that is taken by somebody who is in.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Browser, Op, Scene, browser::Page, free_port, provider};
use crate::harness::World;

/// A brain with two providers that know nothing of each other: `home`, and `pss` at the other one.
struct Two {
    world: World,
    home: Op,
    other: Op,
    base: String,
}

impl Two {
    async fn new(link_by_verified_email: bool) -> Option<Self> {
        let port = free_port();
        let base = format!("http://127.0.0.1:{port}");
        let (home, other) = (Op::start(&base, false).await?, Op::start(&base, false).await?);
        let providers = vec![provider("home", &home.issuer), provider("pss", &other.issuer)];
        let auth =
            second_brain::config::Auth { base_url: Some(base.clone()), providers, link_by_verified_email, ..Default::default() };
        Some(Self { world: World::that_people_log_in_to(auth, port).await, home, other, base })
    }

    async fn by(&self, person: &'static str, provider: &str) -> Browser {
        let browser = Browser::of(person);
        let page = browser.log_in(&self.base, provider).await;
        assert_eq!(page.status.as_u16(), 303, "{page:?}");
        browser
    }

    /// Goes to the other provider in order to be known by it as well; what came of it.
    async fn link(&self, browser: &Browser) -> Page {
        let callback = self.link_as_far_as_the_callback(browser).await;
        browser.get(&callback).await
    }

    async fn link_as_far_as_the_callback(&self, browser: &Browser) -> String {
        let begun = browser.write(Method::POST, &format!("{}/auth/pss/link?return_to=/auth", self.base)).await;
        assert_eq!(begun.status.as_u16(), 200, "{begun:?}");
        let away = begun.json()["url"].as_str().expect("an address").to_owned();
        let callback = format!("{}/auth/pss/callback", self.base);
        browser.walk(&away, |next| next.as_str().starts_with(&callback)).await.expect("comes back").into()
    }

    async fn id(&self, browser: &Browser) -> Value {
        browser.me(&self.base).await.json()["id"].clone()
    }

    async fn identities(&self, browser: &Browser) -> Vec<Value> {
        let list = browser.get(&format!("{}/api/v1/me/identities", self.base)).await.json();
        list["identities"].as_array().unwrap_or_else(|| panic!("{list}")).clone()
    }

    async fn unlink(&self, browser: &Browser, issuer: &str, subject: &str) -> Page {
        let body = json!({"issuer": issuer, "subject": subject});
        browser.write_json(&format!("{}/api/v1/me/identities/unlink", self.base), body).await
    }

    async fn end(self) {
        drop((self.home, self.other));
        self.world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_identity_is_linked_by_oneself_and_lets_in_the_same_person() {
    let Some(two) = Two::new(false).await else { return };
    let ann = two.by("ann", "home").await;
    // The same address of mail, vouched for by both, links nothing.
    two.home.control(json!({"email_verified": true})).await;
    two.other.control(json!({"email_verified": true})).await;
    let stranger = two.by("ann", "pss").await;
    assert_ne!(two.id(&stranger).await, two.id(&ann).await);
    // That one is somebody else by now, and stays so.
    let taken = two.link(&ann).await;
    assert_eq!((taken.status.as_u16(), taken.code()), (409, "login.identity_taken"));
    assert_eq!(two.identities(&ann).await.len(), 1);
    // Bob is known to nobody else.
    let bob = two.by("bob", "home").await;
    let linked = two.link(&bob).await;
    assert_eq!((linked.status.as_u16(), linked.location().expect("back").path()), (303, "/auth"), "{linked:?}");
    assert!(linked.headers.get_all("set-cookie").iter().all(|line| !line.as_bytes().starts_with(b"brain=")), "no new session");
    let known = two.identities(&bob).await;
    assert_eq!(
        known[1],
        json!({"issuer": two.other.issuer, "subject": "bob", "provider": "Home"}),
        "both providers are called so here"
    );
    let again = two.by("bob", "pss").await;
    assert_eq!(two.id(&again).await, two.id(&bob).await);
    // Taken away, it opens nothing of his any more, and what it has opened is closed; the last one stays.
    let gone = two.unlink(&bob, &two.other.issuer, "bob").await;
    assert_eq!(gone.status.as_u16(), 204, "{gone:?}");
    assert_eq!(again.me(&two.base).await.status, 401);
    let last = two.unlink(&bob, &two.home.issuer, "bob").await;
    assert_eq!((last.status.as_u16(), &last.json()["code"]), (409, &json!("access.last_way_in")));
    let foreign = two.unlink(&bob, &two.home.issuer, "ann").await;
    assert_eq!(foreign.json()["code"], "access.not_found");
    let new = two.by("bob", "pss").await;
    assert_ne!(two.id(&new).await, two.id(&bob).await, "somebody new, who has nothing of his");
    two.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_linked_who_did_not_ask_or_is_not_there_any_more() {
    let Some(two) = Two::new(false).await else { return };
    let (ann, eve) = (two.by("ann", "home").await, two.by("eve", "home").await);
    // A page of another site cannot begin it, nor can a key.
    let forged = ann.send(Method::POST, &format!("{}/auth/pss/link", two.base), &[("sec-fetch-site", "cross-site")], None).await;
    assert_eq!(forged.json()["code"], "auth.forged_request");
    let by_key = two.world.send(Method::POST, "/auth/pss/link", json!({})).await;
    assert_eq!(by_key.body["code"], "auth.session_needed");
    // Eve begins, and somebody else's browser is led to end it: with her cookie, but in the session of another.
    let callback = two.link_as_far_as_the_callback(&eve).await;
    let mut cookies = eve.cookies(&two.base);
    cookies.extend(ann.cookies(&two.base));
    let victim = Browser::of("ann");
    victim.put_cookies(&two.base, cookies);
    let refused = victim.get(&callback).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "login.link_elsewhere"));
    // She logs out before she comes back.
    let callback = two.link_as_far_as_the_callback(&eve).await;
    eve.write(Method::POST, &format!("{}/auth/logout", two.base)).await;
    let refused = eve.get(&callback).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "login.link_elsewhere"));
    assert_eq!(two.identities(&ann).await.len(), 1);
    two.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_mail_links_where_the_operator_wants_it_and_both_vouch_for_it() {
    let Some(two) = Two::new(true).await else { return };
    // Nobody vouches: two people.
    let (ann, other) = (two.by("ann", "home").await, two.by("ann", "pss").await);
    assert_ne!(two.id(&ann).await, two.id(&other).await);
    // Only the second one vouches: the first might have written anybody's address.
    let bob = two.by("bob", "home").await;
    two.other.control(json!({"email_verified": true})).await;
    let other = two.by("bob", "pss").await;
    assert_ne!(two.id(&bob).await, two.id(&other).await);
    // Both do.
    two.home.control(json!({"email_verified": true})).await;
    let cid = two.by("cid", "home").await;
    let same = two.by("cid", "pss").await;
    assert_eq!(two.id(&cid).await, two.id(&same).await);
    assert_eq!(two.identities(&cid).await.len(), 2);
    two.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_takes_an_invitation_as_themselves() {
    let Some(scene) = Scene::new(false).await else { return };
    let (brain, ann) = (scene.brain(), scene.visitor("ann").await);
    let made = scene.world.send(Method::POST, "/api/v1/spaces", json!({"id": "team"})).await;
    let owner = made.body["secret"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    let invite = async || {
        let request = scene.world.anonymous(Method::POST, "/api/v1/invitations").bearer_auth(&owner);
        let made = crate::harness::reply(request.json(&json!({"role": "reader"}))).await;
        made.body["secret"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned()
    };
    let secret = invite().await;
    let join = format!("{brain}/api/v1/invitations/join");
    let joined = ann.write_json(&join, json!({"secret": secret})).await;
    assert_eq!((joined.status.as_u16(), joined.json()), (200, json!({"space": "team", "role": "reader"})));
    let spaces = ann.me(brain).await.json()["spaces"].clone();
    let ids: Vec<&str> = spaces.as_array().expect("a list").iter().filter_map(|space| space["id"].as_str()).collect();
    assert_eq!(ids, ["default", "team"]);
    for secret in [secret.as_str(), "sbi_unknown"] {
        let again = ann.write_json(&join, json!({"secret": secret})).await;
        assert!(again.status.is_client_error(), "{again:?}");
    }
    let by_key = scene.world.send(Method::POST, "/api/v1/invitations/join", json!({"secret": invite().await})).await;
    assert_eq!(by_key.body["code"], "auth.session_needed");
    // Who was in already keeps the better role.
    let bob = scene.visitor("bob").await;
    let request = scene.world.request(Method::POST, "/api/v1/invitations");
    let made = crate::harness::reply(request.json(&json!({"role": "reader"}))).await;
    let secret = made.body["secret"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    assert_eq!(bob.write_json(&join, json!({"secret": secret})).await.status, 200);
    assert_eq!(bob.me(brain).await.json()["spaces"][0]["role"], "editor");
    // The audit says by what each of them came.
    let audit = scene.world.get("/api/v1/audit?types=invitation.accepted").await;
    let entry = &audit.body["entries"][0];
    let session = bob.get(&format!("{brain}/api/v1/sessions")).await.json()["sessions"][0]["id"].clone();
    assert_eq!((&entry["session"], &entry["key"], &entry["actor_name"]), (&session, &Value::Null, &json!("bob of the tests")));
    let shown = scene.world.brain(&["audit", "--type", "invitation.accepted"]).await;
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(text.contains("session"), "{text}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_clock_is_wrong_is_shown() {
    let Some(scene) = Scene::new(false).await else { return };
    let parts = async || scene.world.get("/api/v1/status").await.body["parts"].to_string();
    scene.visitor("ann").await;
    assert!(!parts().await.contains("login provider"), "{}", parts().await);
    scene.op.control(json!({"ahead_s": 42})).await;
    scene.visitor("bob").await;
    let shown = parts().await;
    assert!(shown.contains("login provider 127.0.0.1") && shown.contains("s ahead of this machine's"), "{shown}");
    scene.op.control(json!({"ahead_s": 0})).await;
    scene.visitor("bob").await;
    assert!(!parts().await.contains("login provider"));
    scene.end().await;
}
