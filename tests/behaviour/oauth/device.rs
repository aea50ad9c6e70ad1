//! The device flow, and what is tried against it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{CLI, DEVICE_GRANT, allow, ask, begin, by, error, form_of, me, owner, poll, say, text, world};
use crate::{harness::within, login::browser::Browser};

#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_for_its_person_also_over_a_restart_and_gets_tokens_once() {
    let mut world = world().await;
    let begun = begin(&world, "memory:read memory:write graph:read").await;
    let code = text(&begun, "user_code").to_owned();
    assert!(code.len() == 9 && code.as_bytes()[4] == b'-' && !code.contains(['A', 'E', 'I', 'O', 'U', 'Y']), "{code}");
    assert_eq!((&begun["interval"], &begun["expires_in"]), (&json!(5), &json!(600)));
    assert_eq!(error(&poll(&world, &begun).await), (400, "authorization_pending"));
    assert_eq!(error(&poll(&world, &begun).await), (400, "slow_down"), "sooner than it was told");
    let browser = owner(&world).await;
    world.restart().await;
    let page = browser.get(text(&begun, "verification_uri_complete")).await;
    for word in ["brain on the command line", code.as_str(), "127.0.0.1", "memory:write", "Deny", "Allow", "default"] {
        assert!(page.text.contains(word), "{word}: {page:?}");
    }
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{policy}");
    assert!(!page.text.contains("<script") && page.headers["cache-control"] == "no-store");
    allow(&browser, &begun, "default").await;
    world.restart().await;
    let other = [("grant_type", DEVICE_GRANT), ("device_code", text(&begun, "device_code")), ("client_id", "other")];
    assert_eq!(error(&ask(&world, "/oauth/token", &other).await), (400, "invalid_client"));
    let given = poll(&world, &begun).await;
    assert_eq!(given.status, StatusCode::OK, "{given:?}");
    assert_eq!((&given.body["token_type"], &given.body["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert_eq!((&given.body["scope"], &given.body["space"]), (&json!("memory:read memory:write graph:read"), &json!("default")));
    assert_eq!(error(&poll(&world, &begun).await), (400, "invalid_grant"), "once");
    let token = text(&given.body, "access_token");
    let made = by(&world, token, Method::POST, "/api/v1/memories", json!({"content": "tea"})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    world.restart().await;
    let who = me(&world, token).await;
    assert_eq!((who.status.as_u16(), &who.body["name"], &who.body["key"]), (200, &json!("owner"), &Value::Null), "{who:?}");
    assert_eq!(who.body["scopes"], json!(["memory:read", "memory:write", "graph:read"]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_says_no_and_the_device_hears_it() {
    let world = world().await;
    let (browser, begun) = (owner(&world).await, begin(&world, "memory:read").await);
    let page = browser.get(text(&begun, "verification_uri_complete")).await;
    assert!(say(&browser, &page, "deny", "default").await.text.contains("gets nothing"));
    assert_eq!(error(&poll(&world, &begun).await), (400, "access_denied"));
    assert_eq!(say(&browser, &page, "allow", "default").await.status, StatusCode::NOT_FOUND, "it was said");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_says_yes_in_anothers_place() {
    let world = world().await;
    let (browser, begun) = (owner(&world).await, begin(&world, "memory:read").await);
    let there = text(&begun, "verification_uri_complete");
    let stranger = Browser::of("eve").get(there).await;
    assert!(stranger.status == StatusCode::UNAUTHORIZED && stranger.text.contains("brain login-link"), "{stranger:?}");
    let page = browser.get(there).await;
    let (action, fields) = form_of(&page);
    let yes = |fields: &[(String, String)]| {
        let said = [("space", "default"), ("decision", "allow")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        [fields, &said].concat()
    };
    let without_token: Vec<_> = fields.iter().filter(|(name, _)| name != "csrf").cloned().collect();
    let wrong: Vec<_> =
        fields.iter().map(|(name, value)| (name.clone(), if name == "csrf" { "x".repeat(43) } else { value.clone() })).collect();
    let twice = [fields.clone(), fields.iter().filter(|(name, _)| name == "csrf").cloned().collect()].concat();
    for (site, fields) in [
        ("same-origin", &without_token),
        ("same-origin", &wrong),
        ("same-origin", &twice),
        ("cross-site", &fields),
        ("same-site", &fields),
    ] {
        let forged = browser.send(Method::POST, &action, &[("sec-fetch-site", site)], Some(&yes(fields))).await;
        assert_eq!((forged.status.as_u16(), forged.code()), (403, "auth.forged_request"), "{site} {fields:?}");
    }
    let foreign = say(&browser, &page, "allow", "elsewhere").await;
    assert_eq!((foreign.status.as_u16(), foreign.code()), (403, "auth.space_forbidden"));
    let nobody = Browser::of("eve").send(Method::POST, &action, &[], Some(&yes(&fields))).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert_eq!(error(&poll(&world, &begun).await), (400, "authorization_pending"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_codes_soon_guesses_in_vain() {
    let world = world().await;
    let (browser, begun) = (owner(&world).await, begin(&world, "memory:read").await);
    let there = format!("{}/oauth/device", world.url());
    let typed = |code: &str| format!("{there}?user_code={code}");
    let empty = browser.get(&there).await;
    assert!(empty.status == 200 && empty.text.contains("name=\"user_code\""), "{empty:?}");
    for guess in ["BBBB-BBBB", "CCCC-CCCC", "nonsense", "DDDD-DDDD", "FFFF-FFFF"] {
        let wrong = browser.get(&typed(guess)).await;
        assert_eq!((wrong.status.as_u16(), wrong.code()), (404, "oauth.unknown_code"), "{guess}");
    }
    for code in ["GGGG-GGGG", text(&begun, "user_code")] {
        let late = browser.get(&typed(code)).await;
        assert_eq!((late.status.as_u16(), late.code()), (429, "auth.too_many_failures"), "{code}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_question_is_refused_in_the_standards_words() {
    let world = world().await;
    let to_begin = "/oauth/device_authorization";
    for (path, fields, refused) in [
        (to_begin, &[("client_id", "nobody")][..], "invalid_client"),
        (to_begin, &[], "invalid_request"),
        (to_begin, &[("client_id", CLI), ("scope", "memory:eat")], "invalid_scope"),
        (to_begin, &[("client_id", CLI), ("scope", " ")], "invalid_scope"),
        (to_begin, &[("client_id", CLI), ("client_id", CLI)], "invalid_request"),
        (to_begin, &[("client_id", CLI), ("resource", "https://elsewhere.example")], "invalid_target"),
        ("/oauth/token", &[("client_id", CLI)], "invalid_request"),
        ("/oauth/token", &[("grant_type", "password"), ("client_id", CLI)], "unsupported_grant_type"),
        ("/oauth/token", &[("grant_type", DEVICE_GRANT), ("client_id", CLI), ("device_code", "sbd_x")], "invalid_grant"),
        ("/oauth/token", &[("grant_type", DEVICE_GRANT), ("client_id", CLI)], "invalid_request"),
        ("/oauth/revoke", &[("client_id", CLI)], "invalid_request"),
    ] {
        assert_eq!(error(&ask(&world, path, fields).await), (400, refused), "{path} {fields:?}");
    }
    for request in [
        world.anonymous(Method::POST, "/oauth/token").json(&json!({"grant_type": DEVICE_GRANT})),
        world
            .anonymous(Method::POST, "/oauth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("x".repeat(20_000)),
    ] {
        let refused = crate::harness::reply(request).await;
        assert_eq!(error(&refused), (400, "invalid_request"), "{refused:?}");
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    let with_secret = world.anonymous(Method::POST, "/oauth/token").header(form.0, form.1).basic_auth(CLI, Some("x")).body("a=b");
    let refused = crate::harness::reply(with_secret).await;
    assert_eq!(error(&refused), (401, "invalid_client"));
    assert!(refused.headers["www-authenticate"].to_str().expect("text").starts_with("Basic"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_poll_at_once_make_one_delegation() {
    let world = world().await;
    let (browser, begun) = (owner(&world).await, begin(&world, "memory:read").await);
    allow(&browser, &begun, "default").await;
    let answers = futures::future::join_all((0..6).map(|_| poll(&world, &begun))).await;
    let good = answers.iter().filter(|it| it.status == StatusCode::OK).count();
    assert_eq!(good, 1, "{answers:?}");
    let count = async || {
        let list = world.get("/api/v1/delegations").await.body["delegations"].as_array().map(Vec::len);
        if list == Some(1) { Ok(()) } else { Err(list) }
    };
    within(std::time::Duration::from_secs(5), "there is one", count).await;
    world.end().await;
}
