//! No number breaks anything: every numeric parameter, header and field of the OpenAPI document, at the edges of its type, on every route.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Answer, Sink, World};

/// The ends of the types that numbers are read into, and what is no number.
const EDGES: [&str; 19] = [
    "-1",
    "0",
    "1",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740992",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "",
    "abc",
    "+1",
    "007",
    "NaN",
    "-0.5",
];
/// What each route that takes a body is content with.
const BODIES: [(&str, &str); 5] = [
    ("MemoryInput", r#"{"content": "Tea at four"}"#),
    ("SearchInput", r#"{"query": "tea", "mode": "keyword"}"#),
    ("RelationshipInput", r#"{"source_id": "SOURCE", "target_id": "TARGET", "relationship_type": "supports"}"#),
    ("WebhookInput", r#"{"url": "https://example.org/hook", "events": ["webhook.enabled"]}"#),
    ("RecoverInput", r#"{"since": "2030-01-01T00:00:00Z"}"#),
];

struct Walk<'a> {
    world: &'a World,
    document: Value,
    ids: [String; 3],
    asked: usize,
}

fn is_numeric(schema: &Value) -> bool {
    let is = |kind: &Value| kind == "integer" || kind == "number";
    let kind = &schema["type"];
    is(kind)
        || kind.as_array().is_some_and(|kinds| kinds.iter().any(is))
        || schema["anyOf"].as_array().is_some_and(|any| any.iter().any(is_numeric))
}

impl Walk<'_> {
    /// A path that leads somewhere.
    fn path(&self, template: &str) -> String {
        let [memory, other, webhook] = &self.ids;
        let id = if template.contains("/webhooks/") { webhook } else { memory };
        let path = template.replace("{id}", id).replace("{position}", "1").replace("{projection}", "none");
        let path = path.replace("{user_id}", "ann");
        match template {
            "/api/v1/graph/neighbors" => format!("{path}?id={memory}"),
            "/api/v1/graph/path" => format!("{path}?source={memory}&target={other}"),
            "/api/v1/memories/{id}/diff" => format!("{path}?from=1&to=1"),
            _ => path,
        }
    }

    async fn answers(&mut self, what: &str, request: RequestBuilder) {
        self.asked += 1;
        let answer = request.timeout(Duration::from_secs(30)).send().await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let status = answer.status();
        // Only where waiting is what was asked for may it have been in vain.
        assert!(!status.is_server_error(), "{what}: {status} {:?}", answer.text().await);
        if !status.is_success() && status.as_u16() != 304 {
            let media = answer.headers().get("content-type").cloned();
            let media = media.as_ref().and_then(|it| it.to_str().ok()).unwrap_or_default();
            // A login shows a person a page.
            let wanted = if what.starts_with("GET /auth/") { "text/html; charset=utf-8" } else { "application/problem+json" };
            assert_eq!(media, wanted, "{what}: {status}");
        }
    }

    async fn operation(&mut self, template: &str, method: &Method, operation: &Value) {
        let path = self.path(template);
        let body = self.body(operation);
        let send = |world: &World, path: &str, body: Option<&str>| {
            let request = world.request(method.clone(), path);
            body.map_or(request.try_clone().expect("no stream"), |body| {
                request.header("Content-Type", "application/json").body(body.to_owned())
            })
        };
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (place, name) = (parameter["in"].as_str().unwrap_or_default(), parameter["name"].as_str().unwrap_or_default());
            if place == "query" && !is_numeric(&parameter["schema"]) {
                continue;
            }
            for edge in EDGES {
                let what = format!("{method} {template} {place} {name}={edge}");
                let request = match place {
                    "header" => send(self.world, &path, body.as_deref()).header(name, edge),
                    "path" if edge.is_empty() => continue,
                    "path" => send(self.world, &self.path(&template.replace(&format!("{{{name}}}"), edge)), body.as_deref()),
                    _ => {
                        let kept: Vec<&str> =
                            path.split(['?', '&']).skip(1).filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
                        let bare = path.split('?').next().unwrap_or_default();
                        let query = kept.into_iter().map(str::to_owned).chain([format!("{name}={}", edge.replace('+', "%2B"))]);
                        send(self.world, &format!("{bare}?{}", query.collect::<Vec<_>>().join("&")), body.as_deref())
                    }
                };
                self.answers(&what, request).await;
            }
        }
        let Some(body) = body else { return };
        for (name, _) in self.fields(operation).into_iter().filter(|(_, schema)| is_numeric(schema)) {
            for edge in EDGES {
                let mut wish: Value = serde_json::from_str(&body).expect("JSON");
                // Numbers that a double holds and words, and numbers beyond it as they are written.
                wish[&name] = serde_json::from_str(edge).unwrap_or_else(|_| json!(edge));
                let what = format!("{method} {template} {name}={edge}");
                self.answers(&what, send(self.world, &path, Some(&wish.to_string()))).await;
            }
        }
    }

    fn schema<'a>(&'a self, operation: &'a Value) -> Option<(&'a str, &'a Value)> {
        let pointer = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()?;
        Some((pointer.rsplit('/').next()?, self.document.pointer(pointer.trim_start_matches('#'))?))
    }

    fn fields(&self, operation: &Value) -> Vec<(String, Value)> {
        let fields = self.schema(operation).and_then(|(_, schema)| schema["properties"].as_object());
        fields.into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())).collect()
    }

    fn body(&self, operation: &Value) -> Option<String> {
        let (name, _) = self.schema(operation)?;
        let body = BODIES.iter().find(|(known, _)| *known == name).map_or("{}", |(_, body)| body);
        Some(body.replace("SOURCE", &self.ids[0]).replace("TARGET", &self.ids[1]))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_breaks_anything() {
    let world = World::new().await;
    let sink = Sink::new(|_| Answer::Status(204)).await;
    let hook = json!({"url": sink.url, "events": ["webhook.disabled"]});
    let hook = world.send(Method::POST, "/api/v1/webhooks", hook).await.body["webhook"]["id"].clone();
    let mut ids = vec![];
    for content in ["Tea at four", "Cake at five"] {
        ids.push(world.send(Method::POST, "/api/v1/memories", json!({"content": content})).await.body["memory"]["id"].clone());
    }
    let id = |value: &Value| value.as_str().expect("an id").to_owned();
    let document = world.get("/api/v1/openapi.json").await.body;
    let mut walk = Walk { world: &world, document: document.clone(), ids: [id(&ids[0]), id(&ids[1]), id(&hook)], asked: 0 };
    for (template, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            // What deletes what the others need, and what rebuilds, has no number.
            if method == "delete" || template.ends_with("/disable") || template.contains("/replay/{projection}") {
                continue;
            }
            let method = method.to_uppercase().parse().expect("a method");
            walk.operation(template, &method, operation).await;
        }
    }
    assert!(walk.asked > 800, "{} requests are too few to be all", walk.asked);
    // It has not fallen over, and nothing is stuck.
    assert!(world.get("/health/ready").await.status.is_success());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_position_and_no_text_is_refused_in_words() {
    let world = World::new().await;
    let hook = json!({"url": "https://example.org/hook", "events": ["webhook.enabled"]});
    let made = world.send(Method::POST, "/api/v1/webhooks", hook).await;
    let path = format!("/api/v1/webhooks/{}", made.body["webhook"]["id"].as_str().expect("an id"));
    let null = json!({"space": "default", "aggregate": "memory", "id": "a\u{0}"});
    for (refused, status, code) in [
        (world.get(&format!("{path}/deliveries/abc")).await, 400, "request.invalid_id"),
        (world.get(&format!("{path}/deliveries/9223372036854775808")).await, 404, "webhook.delivery_not_found"),
        (world.get(&format!("{path}/deliveries/18446744073709551615")).await, 404, "webhook.delivery_not_found"),
        (world.get(&format!("{path}/deliveries?type=%00")).await, 400, "request.invalid_query"),
        (world.get("/api/v1/ws").await, 426, "request.upgrade_required"),
        (world.send(Method::POST, "/api/v1/replay/memories/retry", null).await, 400, "request.invalid_field"),
    ] {
        assert_eq!((refused.status.as_u16(), &refused.body["code"]), (status, &json!(code)), "{refused:?}");
        assert_eq!(refused.headers["content-type"], "application/problem+json");
    }
    for position in [0, 1 << 53, u64::MAX] {
        let retried = world.send(Method::POST, "/api/v1/replay/access/retry", json!({"position": position})).await;
        assert_eq!((retried.status.as_u16(), &retried.body["applied"]), (200, &json!(0)), "{position}: {retried:?}");
    }
    world.end().await;
}
