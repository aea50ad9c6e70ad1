//! Who may do what: every route with every kind of credential, keys from their making to their end, members, invitations, spaces.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use second_brain::{
    api::{
        self,
        http::route::{Route, Who},
    },
    domain::access::{Role, Scope},
    wiring::Inward,
};
use serde_json::{Value, json};

use crate::harness::{Reply, World, code, done, eventually, reply, within};

const LATER: &str = "9999-01-01T00:00:00Z";

fn path(route: &Route) -> String {
    let id = "0190f3d2-0000-7000-8000-000000000009";
    let path = route.path.replace("{id}", id).replace("{projection}", "memories").replace("{space}", "elsewhere");
    path.replace("{position}", "7").replace("{user_id}", "ann")
}

fn method(route: &Route) -> Method {
    route.method.as_str().parse().expect("a method")
}

async fn by(world: &World, key: &str, method: Method, path: &str, body: Value) -> Reply {
    let request = world.anonymous(method, path).bearer_auth(key);
    reply(if body.is_null() { request } else { request.json(&body) }).await
}

async fn made(world: &World, path: &str, body: Value) -> Value {
    let made = world.send(Method::POST, path, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.body
}

/// A member with this role, and a key of theirs.
async fn member(world: &World, role: Role) -> (String, String) {
    let member = made(world, "/api/v1/members", json!({"name": role.as_str(), "role": role.as_str()})).await;
    let id = member["id"].as_str().expect("an id").to_owned();
    let key = made(world, "/api/v1/keys", json!({"label": role.as_str(), "principal": id})).await;
    (id, key["secret"].as_str().expect("a secret").to_owned())
}

/// The answer's head alone: some routes have no end.
async fn status(world: &World, route: &Route, key: Option<&str>, space: Option<&str>) -> (u16, Value) {
    let request = world.anonymous(method(route), &path(route));
    let request = key.into_iter().fold(request, |request, key| request.bearer_auth(key));
    let request = space.into_iter().fold(request, |request, space| request.header("Brain-Space", space));
    let request = if route.takes.is_some() { request.json(&json!({})) } else { request };
    let answer = done("an answer", request.send()).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = if answer.status().is_success() { Value::Null } else { answer.json().await.unwrap_or_default() };
    (status, body)
}

/// What somebody does who is logged in in a browser, and nobody by a key.
const OF_BROWSERS: [&str; 6] = [
    "/api/v1/invitations/join",
    "/api/v1/me/identities/unlink",
    "/api/v1/me/passkeys/{id}",
    "/auth/passkey/register/begin",
    "/auth/passkey/register/finish",
    "/auth/{provider}/link",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_who_comes_and_what_they_may() {
    let world = World::new().await;
    let (_, reader) = member(&world, Role::Reader).await;
    let (_, editor) = member(&world, Role::Editor).await;
    let over = made(&world, "/api/v1/keys", json!({"label": "short", "expires_in_s": 1})).await;
    let revoked = made(&world, "/api/v1/keys", json!({"label": "gone"})).await;
    let gone = format!("/api/v1/keys/{}", revoked["key"]["id"].as_str().expect("an id"));
    assert_eq!(world.send(Method::DELETE, &gone, json!(null)).await.status, StatusCode::OK);
    let (over, revoked) = (over["secret"].as_str().expect("a secret"), revoked["secret"].as_str().expect("a secret"));
    let me = async |key: &str| by(&world, key, Method::GET, "/api/v1/me", json!(null)).await.status;
    eventually("a key ends", async || if me(over).await == StatusCode::UNAUTHORIZED { Ok(()) } else { Err(()) }).await;
    let stranger = world.stranger().await;
    for route in api::routes().into_iter().filter(|route| matches!(route.who, Who::Known | Who::May(_))) {
        let name = format!("{} {}", route.method, route.path);
        for (key, code) in [
            (None, "auth.missing_key"),
            (Some("sbk_nobody"), "auth.invalid_key"),
            (Some(over), "auth.key_over"),
            (Some(revoked), "auth.key_over"),
        ] {
            let (status, body) = status(&world, &route, key, None).await;
            // Who guesses too often is told to wait.
            let is_refused = (status, body["code"].as_str()) == (401, Some(code));
            let is_held_up = key == Some("sbk_nobody") && (status, &body["code"]) == (429, &json!("auth.too_many_failures"));
            assert!(is_refused || is_held_up, "{name} by {key:?}: {status} {body}");
        }
        let (refused, body) = status(&world, &route, Some(&stranger), Some("default")).await;
        assert_eq!((refused, body["code"].as_str()), (403, Some("auth.space_forbidden")), "{name}: {body}");
        for (role, key) in [(Role::Reader, &reader), (Role::Editor, &editor)] {
            let (status, body) = status(&world, &route, Some(key), None).await;
            match route.who {
                Who::May(scope) if !role.allows(scope) => {
                    assert_eq!((status, body["code"].as_str()), (403, Some("auth.scope_missing")), "{name} by {role:?}: {body}");
                    assert!(body["detail"].as_str().expect("a sentence").contains(scope.as_str()), "{body}");
                }
                // For one key alone, which is neither's.
                _ if route.path == "/api/v1/login-link" => assert_eq!(body["code"], "auth.operator_only", "{name}: {body}"),
                _ if OF_BROWSERS.contains(&route.path) => assert_eq!(body["code"], "auth.session_needed", "{name}: {body}"),
                _ => assert!(![401, 403].contains(&status), "{name} by {role:?}: {status} {body}"),
            }
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_rotated_and_revoked() {
    let mut world = World::new().await;
    let made = world.send(Method::POST, "/api/v1/keys", json!({"label": "laptop", "scopes": ["memory:read"]})).await;
    assert_eq!((made.status, &made.headers["cache-control"]), (StatusCode::CREATED, &"no-store".parse().expect("a value")));
    let (id, first) = (made.body["key"]["id"].as_str().expect("an id"), made.body["secret"].as_str().expect("a secret"));
    assert_eq!(made.body["key"]["prefix"], first[..8]);
    let list = async |key: &str| by(&world, key, Method::GET, "/api/v1/memories", json!(null)).await.status.as_u16();
    let write = by(&world, first, Method::POST, "/api/v1/memories", json!({"content": "no"})).await;
    assert_eq!((list(first).await, code(&write)), (200, (403, "auth.scope_missing")));
    let shown = world.get("/api/v1/keys").await.body;
    assert!(!shown.to_string().contains(first) && shown.to_string().contains(&first[..8]), "{shown}");
    let rotate = async |grace_s: u32| {
        let rotated = world.send(Method::POST, &format!("/api/v1/keys/{id}/rotate"), json!({"grace_s": grace_s})).await;
        assert_eq!(rotated.status, StatusCode::OK, "{rotated:?}");
        rotated.body["secret"].as_str().expect("a secret").to_owned()
    };
    let second = rotate(3_600).await;
    assert_eq!((list(first).await, list(&second).await), (200, 200), "both for a while");
    let third = rotate(0).await;
    assert_eq!((list(first).await, list(&second).await, list(&third).await), (401, 401, 200));
    assert_eq!(world.send(Method::POST, &format!("/api/v1/keys/{id}/rotate"), json!({"grace_s": 604_801})).await.status, 400);
    let (id, third) = (id.to_owned(), third.clone());
    let asked = async |world: &World| by(world, &third, Method::GET, "/api/v1/memories", json!(null)).await.status.as_u16();
    world.restart_without_read_models().await;
    assert_eq!(asked(&world).await, 200, "the log knows it");
    for _ in 0..2 {
        assert_eq!(world.send(Method::DELETE, &format!("/api/v1/keys/{id}"), json!(null)).await.status, StatusCode::OK);
        assert_eq!(asked(&world).await, 401);
    }
    let refused = world.send(Method::POST, &format!("/api/v1/keys/{id}/rotate"), json!({})).await;
    assert_eq!(code(&refused), (409, "access.key_revoked"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_what_they_do_not_have() {
    let world = World::new().await;
    let (reader, _) = member(&world, Role::Reader).await;
    for (body, field) in [
        (json!({"label": "x", "scopes": ["memory:write"], "principal": reader}), "scopes"),
        (json!({"label": "x", "scopes": []}), "scopes"),
        (json!({"label": "x", "scopes": ["memory:everything"]}), "scopes"),
        (json!({"label": " "}), "label"),
        (json!({"label": "x".repeat(201)}), "label"),
        (json!({"label": "x", "expires_at": "2020-01-01T00:00:00Z"}), "expires_at"),
        (json!({"label": "x", "expires_in_s": u64::MAX}), "expires_in_s"),
        (json!({"label": "x", "expires_in_s": 10_000_000_000_000_u64}), "expires_in_s"),
        (json!({"label": "x", "expires_at": LATER, "expires_in_s": 1}), "expires_in_s"),
        (json!({}), "label"),
    ] {
        let refused = world.send(Method::POST, "/api/v1/keys", body.clone()).await;
        assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["field"]), (400, &json!(field)), "{body}: {refused:?}");
    }
    let admin = made(&world, "/api/v1/keys", json!({"label": "admin", "scopes": ["space:admin", "memory:read"]})).await;
    let admin = admin["secret"].as_str().expect("a secret");
    let more = by(&world, admin, Method::POST, "/api/v1/keys", json!({"label": "x", "scopes": ["memory:write"]})).await;
    assert_eq!(code(&more), (400, "access.invalid_field"), "a poor key makes no rich one");
    let same = by(&world, admin, Method::POST, "/api/v1/keys", json!({"label": "x", "expires_at": LATER})).await;
    assert_eq!(same.body["key"]["scopes"], json!(["memory:read", "space:admin"]), "{same:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_from_somebody_ends_at_once_on_open_streams_as_well() {
    let world = World::new().await;
    let (id, key) = member(&world, Role::Editor).await;
    let list = async || by(&world, &key, Method::GET, "/api/v1/memories", json!(null)).await.status.as_u16();
    let write = async || by(&world, &key, Method::POST, "/api/v1/memories", json!({"content": "x"})).await.status.as_u16();
    let open = async || {
        let answer = world.anonymous(Method::GET, "/api/v1/stream").bearer_auth(&key).send().await.expect("opens");
        assert_eq!(answer.status(), StatusCode::OK);
        answer
    };
    // Long before anything else would look whether they may still be told.
    let ends = async |mut stream: reqwest::Response| {
        let to_its_end = async || -> Result<(), ()> {
            while let Ok(Some(_)) = stream.chunk().await {}
            Ok(())
        };
        within(Duration::from_secs(5), "the stream ends", to_its_end).await;
    };
    let member = format!("/api/v1/members/{id}");
    assert_eq!((list().await, write().await), (200, 201));
    let demoted = world.send(Method::PUT, &member, json!({"role": "reader"})).await;
    assert_eq!((demoted.status.as_u16(), list().await, write().await), (200, 200, 403), "the role counts, not the key alone");
    let stream = open().await;
    let disable = async |how: &str| world.send(Method::POST, &format!("/api/v1/principals/{id}/{how}"), json!(null)).await;
    assert_eq!((disable("disable").await.status.as_u16(), list().await), (200, 401));
    ends(stream).await;
    assert_eq!((disable("enable").await.status.as_u16(), list().await), (200, 200));
    let stream = open().await;
    assert_eq!((world.send(Method::DELETE, &member, json!(null)).await.status.as_u16(), list().await), (204, 401));
    ends(stream).await;
    assert_eq!(code(&world.send(Method::DELETE, &member, json!(null)).await), (404, "access.not_found"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_keeps_an_owner() {
    let world = World::new().await;
    let me = world.get("/api/v1/me").await.body;
    let own = format!("/api/v1/members/{}", me["id"].as_str().expect("an id"));
    assert_eq!((&me["spaces"][0]["role"], &me["name"]), (&json!("owner"), &json!("owner")), "{me}");
    assert_eq!(code(&world.send(Method::DELETE, &own, json!(null)).await), (409, "access.last_owner"));
    assert_eq!(code(&world.send(Method::PUT, &own, json!({"role": "editor"})).await), (409, "access.last_owner"));
    let out = format!("/api/v1/principals/{}/disable", me["id"].as_str().expect("an id"));
    assert_eq!(code(&world.send(Method::POST, &out, json!(null)).await), (409, "access.last_owner"));
    member(&world, Role::Owner).await;
    assert_eq!(world.send(Method::PUT, &own, json!({"role": "editor"})).await.status, StatusCode::OK);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_taken_once_by_one() {
    let world = World::new().await;
    let invited = made(&world, "/api/v1/invitations", json!({"role": "editor"})).await;
    let secret = invited["secret"].as_str().expect("a secret");
    let join = async |secret: &str, name: &str| {
        let body = json!({"secret": secret, "name": name});
        reply(world.anonymous(Method::POST, "/api/v1/invitations/accept").json(&body)).await
    };
    assert_eq!(code(&join("sbi_nobody", "Ann").await), (404, "access.not_found"));
    assert_eq!(code(&join(secret, "").await), (400, "access.invalid_name"));
    let all = futures::future::join_all((0..8).map(|_| join(secret, "Ann"))).await;
    let joined: Vec<_> = all.iter().filter(|it| it.status == StatusCode::CREATED).collect();
    assert_eq!(joined.len(), 1, "{all:?}");
    assert!(all.iter().filter(|it| it.status != StatusCode::CREATED).all(|it| code(it) == (410, "access.invitation_over")));
    let key = joined[0].body["secret"].as_str().expect("a secret");
    let me = by(&world, key, Method::GET, "/api/v1/me", json!(null)).await.body;
    assert_eq!((&me["name"], &me["spaces"][0]["role"]), (&json!("Ann"), &json!("editor")), "{me}");
    let members = world.get("/api/v1/members").await.body["members"].as_array().expect("members").len();
    assert_eq!(members, 2);
    let another = made(&world, "/api/v1/invitations", json!({"role": "reader", "expires_in_s": 60})).await;
    let withdraw = format!("/api/v1/invitations/{}", another["invitation"]["id"].as_str().expect("an id"));
    assert_eq!(world.send(Method::DELETE, &withdraw, json!(null)).await.status, StatusCode::OK);
    assert_eq!(code(&join(another["secret"].as_str().expect("a secret"), "Bo").await), (410, "access.invitation_over"));
    let listed = world.get("/api/v1/invitations").await.body.to_string();
    assert!(!listed.contains(secret) && !listed.contains("sbi_"), "{listed}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_one_space_is_not_found_from_another() {
    let world = World::new().await;
    let made_here = made(&world, "/api/v1/spaces", json!({"id": "team", "name": "The team"})).await;
    let team = made_here["secret"].as_str().expect("a secret");
    assert_eq!(code(&world.send(Method::POST, "/api/v1/spaces", json!({"id": "team"})).await), (409, "access.space_taken"));
    assert_eq!(code(&world.send(Method::POST, "/api/v1/spaces", json!({"id": "sys"})).await), (409, "access.space_taken"));
    assert_eq!(code(&world.send(Method::POST, "/api/v1/spaces", json!({"id": "A B"})).await), (400, "access.invalid_field"));
    let there = by(&world, team, Method::POST, "/api/v1/spaces", json!({"id": "more"})).await;
    assert_eq!(code(&there), (403, "auth.operator_only"), "{there:?}");
    let memory = made(&world, "/api/v1/memories", json!({"content": "quokka of the first space"})).await;
    let other = made(&world, "/api/v1/memories", json!({"content": "another quokka"})).await;
    let (id, key) = (memory["memory"]["id"].as_str().expect("an id"), made(&world, "/api/v1/keys", json!({"label": "k"})).await);
    let related = json!({"source_id": id, "target_id": other["memory"]["id"], "relationship_type": "supports"});
    let relation = made(&world, "/api/v1/relationships", related).await;
    let hook = made(&world, "/api/v1/webhooks", json!({"url": "http://127.0.0.1:9/x", "events": ["memory.*"]})).await;
    let invitation = made(&world, "/api/v1/invitations", json!({"role": "reader"})).await;
    let erased = made(&world, "/api/v1/memories", json!({"content": "a quokka that was"})).await;
    let gone = format!("/api/v1/memories/{}?erase=true", erased["memory"]["id"].as_str().expect("an id"));
    assert_eq!(world.send(Method::DELETE, &gone, json!(null)).await.status, StatusCode::OK);
    let me = world.get("/api/v1/me").await.body["id"].clone();
    let id_for = |path: &str| {
        let found = match path {
            path if path.contains("/memories/") || path.contains("/graph/") => &memory["memory"]["id"],
            path if path.contains("/relationships/") => &relation["relationship"]["id"],
            path if path.contains("/erasures/") => &erased["memory"]["id"],
            path if path.contains("/webhooks/") => &hook["webhook"]["id"],
            path if path.contains("/keys/") => &key["key"]["id"],
            path if path.contains("/invitations/") => &invitation["invitation"]["id"],
            path if path.contains("/members/") || path.contains("/principals/") => &me,
            path if path.contains("/sessions/") || path.contains("/me/") => &me,
            path if path.contains("/delegations/") => &me,
            other => panic!("{other} names something: of what kind?"),
        };
        found.as_str().expect("an id").to_owned()
    };
    // A PUT makes a memory of the caller's own under any id.
    let names_something = |route: &Route| route.path.contains("{id}") && route.method != "PUT";
    for route in api::routes().into_iter().filter(names_something) {
        let path = route.path.replace("{id}", &id_for(route.path)).replace("{position}", "1");
        let path = if path.ends_with("/diff") { format!("{path}?from=1&to=2") } else { path };
        let body = if route.takes.is_some() { probe(route.path) } else { json!(null) };
        let answer = by(&world, team, method(&route), &path, body).await;
        // The one member of the other space is the same person.
        let is_own = route.path.contains("/members/");
        assert!(is_own || matches!(answer.status.as_u16(), 403 | 404), "{} {path}: {answer:?}", route.method);
        assert!(!answer.body.to_string().contains("quokka"), "{path}: {answer:?}");
    }
    let read = async |path: &str| by(&world, team, Method::GET, path, json!(null)).await.body.to_string();
    for path in [
        "/api/v1/memories",
        "/api/v1/relationships",
        "/api/v1/webhooks",
        "/api/v1/keys",
        "/api/v1/events",
        "/api/v1/graph/export",
    ] {
        assert!(!read(path).await.contains("quokka") && !read(path).await.contains(id), "{path}");
    }
    assert_eq!(world.get(&format!("/api/v1/memories/{id}")).await.status, StatusCode::OK, "nothing was done to it");
    world.end().await;
}

/// A body that the route would act on, were it for the caller.
fn probe(path: &str) -> Value {
    match path {
        "/api/v1/memories/{id}" => json!({"content": "overwritten"}),
        "/api/v1/relationships/{id}" => json!({"weight": 0.1}),
        "/api/v1/webhooks/{id}" => json!({"description": "mine"}),
        "/api/v1/webhooks/{id}/recover" => json!({"since": "2020-01-01T00:00:00Z"}),
        "/api/v1/webhooks/{id}/replay" => json!({"after": 0}),
        "/api/v1/members/{id}" => json!({"role": "reader"}),
        _ => json!({}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_what_by_which_key_and_from_where_is_told() {
    let world = World::new().await;
    let (id, key) = member(&world, Role::Editor).await;
    let memory = by(&world, &key, Method::POST, "/api/v1/memories", json!({"content": "quokka"})).await.body;
    let resource = format!("memory/{}", memory["memory"]["id"].as_str().expect("an id"));
    for _ in 0..4 {
        made(&world, "/api/v1/memories", json!({"content": "by the owner"})).await;
    }
    made(&world, "/api/v1/spaces", json!({"id": "team"})).await;
    let page = world.get(&format!("/api/v1/audit?resource={resource}")).await;
    let entry = &page.body["entries"][0];
    assert_eq!(page.body["entries"].as_array().map(Vec::len), Some(1), "{page:?}");
    let told = [&entry["type"], &entry["actor"], &entry["actor_name"], &entry["key_label"], &entry["address"]];
    assert_eq!(told, [&json!("memory.created"), &json!(id), &json!("editor"), &json!("editor"), &json!("127.0.0.1")]);
    assert!(!page.body.to_string().contains("quokka"), "an audit shows no content");
    let mut all: Vec<u64> = vec![];
    let mut before = String::new();
    loop {
        let page = world.get(&format!("/api/v1/audit?limit=3{before}")).await.body;
        all.extend(page["entries"].as_array().expect("entries").iter().filter_map(|it| it["position"].as_u64()));
        let Some(next) = page["next_before"].as_u64() else { break };
        before = format!("&before={next}");
    }
    assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "newest first, each once: {all:?}");
    let whole = world.get("/api/v1/audit?limit=1000").await.body;
    assert_eq!(whole["entries"].as_array().map(Vec::len), Some(all.len()));
    let kinds: Vec<_> = whole["entries"].as_array().expect("entries").iter().filter_map(|it| it["type"].as_str()).collect();
    for kind in ["principal.created", "space.created", "space.member_granted", "key.issued", "memory.created"] {
        assert!(kinds.contains(&kind), "{kind} is not among {kinds:?}");
    }
    assert!(!whole.to_string().contains("space/team"), "another space's affairs are not this one's");
    for (query, field) in [("types=memory.eaten", "types"), ("since=soon", "since"), ("limit=0", "limit")] {
        let refused = world.get(&format!("/api/v1/audit?{query}")).await;
        assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["field"]), (400, &json!(field)), "{refused:?}");
    }
    assert_eq!(code(&by(&world, &key, Method::GET, "/api/v1/audit", json!(null)).await), (403, "auth.scope_missing"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_to_its_own_names_and_tells_its_metrics_to_this_machine() {
    let world = World::that_lets_in(Inward { allowed_hosts: vec!["brain.example".into()], requests_per_s: 0 }).await;
    let port = world.url().rsplit(':').next().expect("a port");
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let request = world.anonymous(Method::GET, path);
        reply(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    };
    for host in
        ["localhost".to_owned(), format!("127.0.0.1:{port}"), "[::1]".into(), "brain.example".into(), "BRAIN.example:443".into()]
    {
        assert_eq!(ask("/health/live", &[("Host", &host)]).await.status, StatusCode::OK, "{host}");
    }
    for host in ["evil.example", "evil.example:7700", "127.0.0.1.evil.example"] {
        for path in ["/metrics", "/docs", "/api/v1/memories", "/api/v1/ws", "/nowhere"] {
            let refused = ask(path, &[("Host", host)]).await;
            assert_eq!(code(&refused), (421, "request.wrong_host"), "{host} {path}");
        }
    }
    assert_eq!(ask("/metrics", &[]).await.status, StatusCode::OK);
    let forwarded = [("X-Forwarded-For", "198.51.100.7")];
    assert_eq!(code(&ask("/metrics", &forwarded).await), (401, "auth.missing_key"), "asked for somebody else");
    let bearer = format!("Bearer {}", world.key());
    assert_eq!(ask("/metrics", &[forwarded[0], ("Authorization", &bearer)]).await.status, StatusCode::OK);
    for path in ["/docs", "/health/live", "/api/v1/memories", "/nowhere"] {
        let headers = ask(path, &[]).await.headers;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(headers.get(name).map(|found| found.as_bytes()), Some(value.as_bytes()), "{path} {name}");
        }
        assert!(headers["content-security-policy"].to_str().expect("text").contains("frame-ancestors 'none'"), "{path}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_much_or_guesses_is_told_to_wait_and_others_are_not() {
    let world = World::that_lets_in(Inward { requests_per_s: 20, ..Inward::default() }).await;
    let (_, key) = member(&world, Role::Reader).await;
    let ask = async |key: &str| by(&world, key, Method::GET, "/api/v1/me", json!(null)).await;
    let many = async |key: &str| futures::future::join_all((0..200).map(|_| ask(key))).await;
    let answers = many(&key).await;
    let refused: Vec<_> = answers.iter().filter(|it| it.status == StatusCode::TOO_MANY_REQUESTS).collect();
    assert!(refused.len() > 50 && answers.iter().any(|it| it.status == StatusCode::OK), "{} of 200 refused", refused.len());
    assert_eq!(
        (code(refused[0]), &refused[0].headers["retry-after"]),
        ((429, "request.too_many"), &"1".parse().expect("a value"))
    );
    assert_eq!(ask(world.key()).await.status, StatusCode::OK, "somebody else");
    let guesses = many("sbk_guess").await;
    let refused = guesses.iter().filter(|it| code(it) == (429, "auth.too_many_failures")).count();
    assert!(refused > 100, "{refused} of 200 guesses");
    eventually("the limit is over", async || if ask(&key).await.status == StatusCode::OK { Ok(()) } else { Err(()) }).await;
    world.end().await;
}

#[test]
fn a_scope_is_what_some_route_asks_for_or_will() {
    let asked: Vec<_> = api::routes().iter().map(|route| route.who).collect();
    let not_yet = [Scope::MemoryImport, Scope::TaskRun];
    for scope in Scope::ALL.into_iter().filter(|scope| !not_yet.contains(scope)) {
        assert!(asked.contains(&Who::May(scope)), "nothing asks for {}", scope.as_str());
    }
}
