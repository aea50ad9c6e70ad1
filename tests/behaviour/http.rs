//! HTTP's own rules hold on every route of the list: conditions, HEAD, other sites' pages, media types, what caches are told.

use reqwest::{Method, StatusCode};
use second_brain::api::{
    self,
    http::route::{Route, Who},
};
use serde_json::{Value, json};

use crate::harness::{Reply, World, code, reply};

fn path(route: &Route) -> String {
    let id = "0190f3d2-0000-7000-8000-000000000009";
    let path = route.path.replace("{id}", id).replace("{projection}", "memories");
    path.replace("{position}", "7").replace("{user_id}", "ann")
}

fn method(route: &Route) -> Method {
    route.method.as_str().parse().expect("a method")
}

async fn created(world: &World) -> (String, Value) {
    let made = world.send(Method::POST, "/api/v1/memories", json!({"content": "Tea at four"})).await;
    (format!("/api/v1/memories/{}", made.body["memory"]["id"].as_str().expect("an id")), made.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_nobody_reads_is_refused_on_every_route() {
    let world = World::new().await;
    let (memory, _) = created(&world).await;
    // Where others write the address, they add what they like.
    for route in api::routes().into_iter().filter(|route| !route.any_query) {
        for query in ["colour=true", "%63olour=true", "colour"] {
            let address = format!("{}?{query}", path(&route));
            let refused = reply(world.request(method(&route), &address)).await;
            assert_eq!(code(&refused), (400, "request.invalid_query"), "{} {address}: {refused:?}", route.method);
            assert_eq!(refused.body["errors"][0]["field"], "colour");
            let stranger = reply(world.anonymous(method(&route), &address)).await;
            let expected = if matches!(route.who, Who::Known | Who::May(_)) { 401 } else { 400 };
            assert_eq!(stranger.status.as_u16(), expected, "{} {address}", route.method);
        }
        for parameter in (route.query)().into_iter().filter(|parameter| parameter.name != "token") {
            // What the description names is read by the handler, which refuses fields that it does not know; and as what it says it is.
            let name = &parameter.name;
            let asked = world.request(method(&route), &format!("{}?{name}=%F0%9F%8D%B5", path(&route)));
            let answer = asked.send().await.expect("an answer");
            assert!(!answer.status().is_server_error(), "{} {name}: {answer:?}", route.path);
            let schema = serde_json::to_value(&parameter.schema).expect("plain JSON").to_string();
            if ["integer", "number", "boolean", "enum", "uuid"].iter().any(|kind| schema.contains(&format!("\"{kind}\""))) {
                assert!(answer.status().is_client_error(), "{} {name} is {schema}: {answer:?}", route.path);
            }
            if answer.status().is_client_error() {
                let text = answer.text().await.expect("a body");
                assert!(!text.contains("unknown field"), "{} {name}: {text}", route.path);
            }
        }
    }
    let dry = reply(world.request(Method::DELETE, &format!("{memory}?dry_run=true"))).await;
    assert_eq!(code(&dry), (400, "request.invalid_query"));
    assert_eq!(world.get(&memory).await.status, StatusCode::OK, "nothing was done");
    assert_eq!(code(&world.get("/api/v1/memories?limit=1&limit=2").await), (400, "request.invalid_query"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_is_said_to_be_needed_where_it_is() {
    let world = World::new().await;
    for route in api::routes().into_iter().filter(|route| route.method.as_str() == "GET" && !route.stays_open) {
        let parameters = (route.query)().into_iter().map(|it| serde_json::to_value(it).expect("plain JSON"));
        let needed: Vec<_> = parameters.filter(|it| it["required"] == true).map(|it| it["name"].clone()).collect();
        let refused = world.get(&path(&route)).await;
        let is_missing = refused.body["code"] == "request.missing_field";
        assert_eq!(is_missing, !needed.is_empty(), "{} needs {needed:?}: {refused:?}", route.path);
        assert!(!is_missing || needed.contains(&refused.body["errors"][0]["field"]), "{} {refused:?}", route.path);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_is_compared_as_http_says() {
    let world = World::new().await;
    let (memory, _) = created(&world).await;
    let patch = async |tag: &str| {
        let request = world.request(Method::PATCH, &memory).header("If-Match", tag);
        reply(request.json(&json!({"content": format!("Tea, {tag}")}))).await
    };
    for (tag, revision) in [("*", 2), ("\"2\"", 3), ("\"9\", \"3\"", 4), ("4", 5), ("W/\"5\", \"5\"", 6)] {
        let patched = patch(tag).await;
        assert_eq!((patched.status, &patched.body["memory"]["revision"]), (StatusCode::OK, &json!(revision)), "{tag}");
    }
    for tag in ["W/\"6\"", "\"5\"", "\"of-another-server\"", "\"06\"", "7"] {
        assert_eq!(code(&patch(tag).await), (412, "memory.revision_mismatch"), "{tag}");
    }
    for tag in ["six", "\"6", "-6", "*, \"6\""] {
        assert_eq!(code(&patch(tag).await), (400, "request.invalid_header"), "{tag}");
    }
    let conditional = async |method: Method, path: &str| reply(world.request(method, path).header("If-Match", "*")).await;
    assert_eq!(conditional(Method::DELETE, &memory).await.status, StatusCode::OK);
    // What is deleted has no state to match, except where bringing it back is meant.
    assert_eq!(conditional(Method::DELETE, &memory).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(conditional(Method::POST, &format!("{memory}/undo")).await.status, StatusCode::OK);
    assert_eq!(conditional(Method::DELETE, &memory).await.status, StatusCode::OK);
    assert_eq!(conditional(Method::POST, &format!("{memory}/restore")).await.status, StatusCode::OK);
    let nobody = "/api/v1/memories/0190f3d2-0000-7000-8000-000000000009";
    let put = world.request(Method::PUT, nobody).header("If-Match", "*").json(&json!({"content": "x"}));
    assert_eq!(reply(put).await.status, StatusCode::PRECONDITION_FAILED);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_the_body() {
    let world = World::new().await;
    let (memory, _) = created(&world).await;
    let gets: Vec<Route> = api::routes().into_iter().filter(|route| route.method.as_str() == "GET").collect();
    for route in &gets {
        let address = if route.path == "/api/v1/memories/{id}" { memory.clone() } else { path(route) };
        let head = reply(world.request(Method::HEAD, &address)).await;
        if !route.answers_head() {
            assert_eq!(head.status, StatusCode::METHOD_NOT_ALLOWED, "{address}");
            continue;
        }
        let get = world.get(&address).await;
        assert_eq!((head.status, head.body), (get.status, json!("")), "{address}");
        let names = |headers: &reqwest::header::HeaderMap| {
            headers.keys().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names(&head.headers), names(&get.headers), "{address}");
        // Of figures the length changes by itself.
        let same: &[&str] = if address == memory { &["content-type", "content-length", "etag"] } else { &["content-type"] };
        for name in same {
            assert_eq!(head.headers.get(*name), get.headers.get(*name), "{address} {name}");
        }
        let refused = reply(world.request(Method::PATCH, route.path.trim_end_matches('}'))).await;
        assert!(refused.status.is_client_error());
    }
    let allowed = reply(world.request(Method::PUT, "/health/live")).await;
    assert_eq!((allowed.status.as_u16(), &allowed.headers["allow"]), (405, &"GET, HEAD".parse().expect("a value")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_sites_may_call_and_others_are_told_nothing() {
    let (ours, other) = ("https://notes.example", "https://evil.example");
    let world = World::that_allows(ours).await;
    let names = "authorization, x-api-key, idempotency-key, if-match, if-none-match, last-event-id, brain-space, content-type";
    let preflight = |origin: &str| {
        let request = world.anonymous(Method::OPTIONS, "/api/v1/memories").header("Origin", origin);
        reply(request.header("Access-Control-Request-Method", "POST").header("Access-Control-Request-Headers", names))
    };
    let allowed = preflight(ours).await;
    assert_eq!((allowed.status, &allowed.headers["access-control-allow-origin"]), (StatusCode::OK, &ours.parse().expect("ok")));
    let refused = preflight(other).await;
    let speaks = |reply: &Reply| reply.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
    assert!(refused.status.is_client_error() && !speaks(&refused), "{refused:?}");
    // What is refused is readable as well.
    for request in [world.request(Method::GET, "/api/v1/memories"), world.anonymous(Method::GET, "/api/v1/memories")] {
        let answer = reply(request.try_clone().expect("no body").header("Origin", ours)).await;
        assert_eq!(answer.headers["access-control-allow-origin"], ours, "{answer:?}");
        let shown = answer.headers["access-control-expose-headers"].to_str().expect("text").to_ascii_lowercase();
        assert!(["etag", "cache-status", "retry-after"].iter().all(|name| shown.contains(name)), "{shown}");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        assert!(!speaks(&reply(request.header("Origin", other)).await));
    }
    world.end().await;
    let world = World::new().await;
    let closed = world.anonymous(Method::OPTIONS, "/api/v1/memories").header("Origin", ours);
    let closed = reply(closed.header("Access-Control-Request-Method", "POST")).await;
    assert!(closed.status == StatusCode::METHOD_NOT_ALLOWED && !speaks(&closed), "{closed:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_opens_a_stream_with_a_live_token_and_never_with_a_key() {
    let world = World::new().await;
    let issued = world.send(Method::POST, "/api/v1/live/token", json!({"ttl_s": 60})).await;
    let token = issued.body["token"].as_str().expect("a token");
    let open = async |request: reqwest::RequestBuilder| request.send().await.expect("an answer").status().as_u16();
    let stream = |query: &str| world.anonymous(Method::GET, &format!("/api/v1/stream{query}"));
    assert_eq!(open(stream(&format!("?token={token}"))).await, 200);
    assert_eq!(open(stream("").bearer_auth(token)).await, 200);
    assert_eq!(open(stream("").bearer_auth(world.key())).await, 200);
    for refused in [stream(&format!("?token={}", world.key())), stream("?token="), stream(""), stream("").bearer_auth("x")] {
        assert_eq!(open(refused).await, 401);
    }
    assert_eq!(open(stream(&format!("?token={token}")).bearer_auth(world.key())).await, 400);
    assert_eq!(open(world.anonymous(Method::GET, &format!("/api/v1/memories?token={token}"))).await, 401);
    assert_eq!(open(world.anonymous(Method::GET, "/api/v1/memories").bearer_auth(token)).await, 401);
    // The stream ends with its token.
    let brief = world.send(Method::POST, "/api/v1/live/token", json!({"ttl_s": 1})).await;
    let brief = brief.body["token"].as_str().expect("a token").to_owned();
    let mut told = stream(&format!("?token={brief}")).send().await.expect("an answer");
    let end = async { while told.chunk().await.expect("in order").is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), end).await.expect("long before the next sign of life");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_and_what_is_sent_is_said_once_and_plainly() {
    let world = World::new().await;
    let key = world.key().to_owned();
    let get = || world.anonymous(Method::GET, "/api/v1/memories");
    let bearer = format!("Bearer {key}");
    assert_eq!(reply(get().header("Authorization", &bearer).header("X-API-Key", &key)).await.status, StatusCode::OK);
    for twice in [
        get().header("Authorization", &bearer).header("Authorization", "Bearer x"),
        get().header("Authorization", &bearer).header("X-API-Key", "x"),
        get().header("X-API-Key", &key).header("X-API-Key", &key),
    ] {
        assert_eq!(code(&reply(twice).await), (400, "request.invalid_header"));
    }
    let post = || world.request(Method::POST, "/api/v1/memories").body(r#"{"content":"x"}"#);
    // The last is what curl -d says of everything.
    let form = "application/x-www-form-urlencoded";
    for good in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json", form] {
        assert_eq!(reply(post().header("Content-Type", good)).await.status, StatusCode::CREATED, "{good}");
    }
    assert_eq!(reply(post().header("Content-Encoding", "identity")).await.status, StatusCode::CREATED);
    for bad in ["text/plain", "multipart/form-data", "json"] {
        let refused = reply(post().header("Content-Type", bad)).await;
        assert_eq!(code(&refused), (415, "request.unsupported_media_type"), "{bad}");
    }
    for bad in ["gzip", "foo", "identity, br"] {
        let refused = reply(post().header("Content-Encoding", bad)).await;
        assert_eq!(code(&refused), (415, "request.unsupported_encoding"), "{bad}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_and_caches_are_told_what_answers_are() {
    let world = World::new().await;
    let (memory, _) = created(&world).await;
    for address in ["/docs", "/health/live", "/metrics", "/nothing", &memory, "/api/v1/memories/x"] {
        let answer = reply(world.request(Method::GET, address)).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{address}");
    }
    let policy = world.get("/docs").await.headers["content-security-policy"].clone();
    assert!(policy.to_str().expect("text").contains("frame-ancestors 'none'"));
    let read = world.get(&memory).await;
    assert_eq!(read.headers["cache-control"], "private, no-cache");
    let known = reply(world.request(Method::GET, &memory).header("If-None-Match", "W/\"1\"")).await;
    assert_eq!((known.status.as_u16(), &known.headers["cache-control"]), (304, &read.headers["cache-control"]));
    assert_eq!(known.headers["etag"], "\"1\"");
    let hook = json!({"url": "https://example.org/hook", "events": ["*"]});
    let made = world.send(Method::POST, "/api/v1/webhooks", hook).await;
    let rotate = format!("/api/v1/webhooks/{}/secret/rotate", made.body["webhook"]["id"].as_str().expect("an id"));
    for answer in [made, world.send(Method::POST, &rotate, json!({})).await] {
        assert!(answer.body["secret"].is_string(), "{answer:?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    world.end().await;
}
