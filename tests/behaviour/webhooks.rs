//! Webhooks: every event reaches whoever asked for it, at least once and signed, whatever the endpoint or brain does in between.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::Timelike;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use second_brain::{adapters::system::SystemClock, ports::Clock};

use crate::harness::{Answer, Reply, Sink, World, eventually};

/// Registers an endpoint; answers its path and the secret.
async fn register(world: &World, mut wish: Value, url: &str) -> (String, String) {
    wish["url"] = url.into();
    let made = world.send(Method::POST, "/api/v1/webhooks", wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let id = made.body["webhook"]["id"].as_str().expect("an id");
    (format!("/api/v1/webhooks/{id}"), made.body["secret"].as_str().expect("a secret").to_owned())
}

async fn add(world: &World, body: Value) -> Value {
    let added = world.send(Method::POST, "/api/v1/memories", body).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    added.body
}

/// Waits until the condition holds for what the path answers.
async fn until(world: &World, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(format!("{path} answers what is awaited"), async || {
        let answer = world.get(path).await.body;
        if holds(&answer) { Ok(answer) } else { Err(answer) }
    })
    .await
}

fn states(page: &Value) -> Vec<&str> {
    page["deliveries"].as_array().into_iter().flatten().filter_map(|delivery| delivery["state"].as_str()).collect()
}

fn signature(secret: &str, request: &crate::harness::Request) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
    let (id, at) = (&request.headers["webhook-id"], &request.headers["webhook-timestamp"]);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    mac.update(format!("{id}.{at}.{}", request.body).as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_signed_and_is_accounted_for() {
    let world = World::new().await;
    let sink = Sink::new(|_| Answer::Status(204)).await;
    let wish = json!({"events": ["memory.*"], "headers": {"X-Token": "tea"}, "asymmetric": true});
    let (path, secret) = register(&world, wish, &sink.url).await;
    let added = add(&world, json!({"content": "Tea at four"})).await;
    let request = sink.wait_for(1).await.remove(0);
    assert_eq!(request.headers["x-token"], "tea");
    let signatures: Vec<&str> = request.headers["webhook-signature"].split(' ').collect();
    assert_eq!(signatures[0], signature(&secret, &request));
    assert!(signatures[1].starts_with("v1a,") && request.headers["x-webhook-signature"].starts_with("sha256="));
    let event: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(event["id"], request.headers["webhook-id"].as_str());
    assert_eq!((&event["type"], &event["data"]["memory"]["content"]), (&json!("memory.created"), &json!("Tea at four")));
    let page = until(&world, &format!("{path}/deliveries"), |page| states(page) == ["delivered"]).await;
    assert_eq!(page["deliveries"][0]["position"], added["position"]);
    let one = world.get(&format!("{path}/deliveries/{}", added["position"])).await.body;
    assert_eq!((&one["attempts"][0]["number"], &one["attempts"][0]["status"]), (&json!(1), &json!(204)));
    let health = world.get(&format!("{path}/health")).await.body;
    assert_eq!((&health["success_rate"], &health["pending"], &health["breaker"]), (&json!(1.0), &json!(0), &json!("closed")));
    let view = world.get(&path).await.body;
    assert_eq!(view["headers"], json!(["X-Token"]), "values are between brain and the endpoint");
    assert!(view["secrets"][0]["public_key"].as_str().expect("a key").starts_with("whpk_"));
    let tested = world.send(Method::POST, &format!("{path}/test"), json!(null)).await.body;
    assert_eq!(tested["status"], 204);
    assert_eq!(serde_json::from_str::<Value>(&sink.wait_for(2).await[1].body).expect("JSON")["type"], "webhook.test");
    // Neither secret nor header value stands in what everybody with the feed can read.
    let feed = world.get("/api/v1/events").await.body.to_string();
    assert!(!feed.contains("tea") && !feed.contains("webhook"), "{feed}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_under_the_same_id() {
    let world = World::new().await;
    let mut answers = [Answer::Status(500), Answer::Reset, Answer::With(302, "location: http://127.0.0.1:1/".into())].into_iter();
    let sink = Sink::new(move |_| answers.next().unwrap_or(Answer::Status(200))).await;
    let retry = json!({"max_retries": 5, "base_delay_s": 0.1});
    let (path, _) = register(&world, json!({"events": ["*"], "retry_config": retry}), &sink.url).await;
    let added = add(&world, json!({"content": "Tea at four"})).await;
    let requests = sink.wait_for(4).await;
    assert!(requests.iter().all(|one| one.headers["webhook-id"] == requests[0].headers["webhook-id"]));
    assert!(requests.iter().all(|one| one.body == requests[0].body));
    let one = format!("{path}/deliveries/{}", added["position"]);
    let one = until(&world, &one, |one| one["delivery"]["state"] == "delivered").await;
    let errors: Vec<_> = one["attempts"].as_array().expect("attempts").iter().map(|attempt| attempt["error"].clone()).collect();
    assert_eq!(errors[0], "status");
    assert!(errors[1] == "broken" || errors[1] == "connect", "{errors:?}");
    assert_eq!((&errors[2], &errors[3]), (&json!("redirect"), &json!(null)));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_means_what_the_standard_says() {
    let world = World::new().await;
    let events = || json!({"events": ["memory.created"], "retry_config": {"max_retries": 3, "base_delay_s": 0.1}});
    let (refusing, gone) = (Sink::new(|_| Answer::Status(422)).await, Sink::new(|_| Answer::Status(410)).await);
    let mut first = true;
    let busy =
        Sink::new(
            move |_| if std::mem::take(&mut first) { Answer::With(429, "retry-after: 2".into()) } else { Answer::Status(200) },
        );
    let busy = busy.await;
    // The second that a date names, whenever in the one before it was asked.
    let (wall, clock) = (SystemClock.now(), std::time::Instant::now());
    let date = (wall + chrono::TimeDelta::seconds(3)).with_nanosecond(0).expect("a time");
    let header = date.format("retry-after: %a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut first = true;
    let dated =
        Sink::new(move |_| if std::mem::take(&mut first) { Answer::With(503, header.clone()) } else { Answer::Status(200) });
    let dated = dated.await;
    let (refused, _) = register(&world, events(), &refusing.url).await;
    let (vanished, _) = register(&world, events(), &gone.url).await;
    let (delayed, _) = register(&world, events(), &busy.url).await;
    let (postponed, _) = register(&world, events(), &dated.url).await;
    add(&world, json!({"content": "Tea at four"})).await;
    until(&world, &format!("{refused}/deliveries"), |page| states(page) == ["failed"]).await;
    assert_eq!(refusing.seen().len(), 1, "a 4xx will not get better");
    let off = until(&world, &vanished, |view| view["active"] == false).await;
    assert_eq!(off["disabled_reason"], "gone");
    until(&world, &format!("{delayed}/deliveries"), |page| states(page) == ["delivered"]).await;
    let [early, late] = busy.seen().try_into().expect("two requests");
    assert!(late.at - early.at >= Duration::from_secs(2), "never before the endpoint asked for");
    until(&world, &format!("{postponed}/deliveries"), |page| states(page) == ["delivered"]).await;
    let [_, late] = dated.seen().try_into().expect("two requests");
    assert!(wall + (late.at - clock) >= date, "never before the date");
    // Switched on again, it goes on with what was pending.
    gone.answer(|_| Answer::Status(200));
    let on = world.send(Method::POST, &format!("{vanished}/enable"), json!(null)).await;
    assert_eq!(on.status, StatusCode::OK, "{on:?}");
    until(&world, &format!("{vanished}/deliveries"), |page| states(page) == ["delivered"]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_for_too_long_is_switched_off_and_can_be_switched_on() {
    let world = World::that_disables_after(Duration::from_secs(1)).await;
    let sink = Sink::new(|_| Answer::Status(500)).await;
    let retry = json!({"max_retries": 20, "base_delay_s": 0.2});
    let (path, _) = register(&world, json!({"events": ["*"], "retry_config": retry}), &sink.url).await;
    let watching = Sink::new(|_| Answer::Status(200)).await;
    register(&world, json!({"events": ["webhook.disabled"]}), &watching.url).await;
    add(&world, json!({"content": "Tea at four"})).await;
    let off = until(&world, &path, |view| view["active"] == false).await;
    assert_eq!(off["disabled_reason"], "failing");
    assert!(watching.wait_for(1).await[0].body.contains("failing"), "who wants to know is told");
    let asked = sink.seen().len();
    sink.answer(|_| Answer::Status(200));
    let on = world.send(Method::POST, &format!("{path}/enable"), json!(null)).await;
    assert_eq!(on.status, StatusCode::OK, "{on:?}");
    sink.wait_for(asked + 1).await;
    until(&world, &format!("{path}/deliveries?type=memory.created"), |page| states(page) == ["delivered"]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_costs_no_more_than_its_beginning() {
    let world = World::new().await;
    let (drip, flood) = (Sink::new(|_| Answer::Drip).await, Sink::new(|_| Answer::Flood).await);
    let wish = || json!({"events": ["*"], "retry_config": {"max_retries": 0, "timeout_s": 1}});
    let (dripping, _) = register(&world, wish(), &drip.url).await;
    let (flooding, _) = register(&world, wish(), &flood.url).await;
    let silent = Sink::new(|_| Answer::Silence).await;
    let (silence, _) = register(&world, wish(), &silent.url).await;
    let added = add(&world, json!({"content": "Tea at four"})).await;
    // The status was said, so it counts; what follows is cut off.
    until(&world, &format!("{flooding}/deliveries"), |page| states(page) == ["delivered"]).await;
    until(&world, &format!("{dripping}/deliveries"), |page| states(page) == ["delivered"]).await;
    until(&world, &format!("{silence}/deliveries"), |page| states(page) == ["failed"]).await;
    let one = world.get(&format!("{silence}/deliveries/{}", added["position"])).await.body;
    assert_eq!(one["attempts"][0]["error"], "timeout");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_gets_what_it_asked_for_from_when_it_asked() {
    let world = World::new().await;
    let sink = Sink::new(|_| Answer::Status(200)).await;
    let early = add(&world, json!({"content": "before", "tags": ["tea"]})).await;
    let wish = json!({"events": ["memory.*"], "filter": {"tags": ["tea"]}, "payload": "thin", "ordered": true});
    let (path, _) = register(&world, wish, &sink.url).await;
    let tea = add(&world, json!({"content": "with tea", "tags": ["tea"]})).await;
    add(&world, json!({"content": "with cake", "tags": ["cake"]})).await;
    let id = tea["memory"]["id"].as_str().expect("an id").to_owned();
    let left = world.send(Method::PATCH, &format!("/api/v1/memories/{id}"), json!({"tags": ["cake"]})).await;
    let far = world.send(Method::PATCH, &format!("/api/v1/memories/{id}"), json!({"tags": ["pie"]})).await;
    assert!(left.status.is_success() && far.status.is_success());
    let seen = sink.wait_for(2).await;
    let types = |seen: &[crate::harness::Request]| {
        let of = |one: &crate::harness::Request| serde_json::from_str::<Value>(&one.body).expect("JSON")["type"].clone();
        seen.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(types(&seen), ["memory.created", "memory.updated"], "it hears that the memory left the tag, and no more");
    assert!(!seen[0].body.contains("with tea"), "thin says nothing of the content");
    // What it missed is delivered when somebody asks for it, and nothing twice.
    let replayed = world.send(Method::POST, &format!("{path}/replay"), json!({"after": 0})).await;
    assert_eq!(replayed.status, StatusCode::ACCEPTED, "{replayed:?}");
    sink.wait_for(3).await;
    until(&world, &format!("{path}/health"), |health| health["redelivering"] == false && health["pending"] == 0).await;
    let page = world.get(&format!("{path}/deliveries")).await.body;
    assert_eq!(states(&page), ["delivered"; 3]);
    assert_eq!(page["deliveries"][2]["position"], early["position"]);
    // A span without any event has an end as well.
    let nothing = world.send(Method::POST, &format!("{path}/replay"), json!({"after": far.body["position"]})).await;
    assert_eq!(nothing.status, StatusCode::ACCEPTED, "{nothing:?}");
    until(&world, &format!("{path}/health"), |health| health["redelivering"] == false).await;
    let again = world.send(Method::POST, &format!("{path}/deliveries/{}/resend", early["position"]), json!(null)).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    let seen = sink.wait_for(4).await;
    assert_eq!(seen[3].headers["webhook-id"], seen[2].headers["webhook-id"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_no_delivery() {
    let mut world = World::new().await;
    let sink = Sink::new(|_| Answer::Status(503)).await;
    let retry = json!({"max_retries": 20, "base_delay_s": 0.2});
    let (path, _) = register(&world, json!({"events": ["*"], "retry_config": retry}), &sink.url).await;
    for n in 0..20 {
        add(&world, json!({"content": format!("note {n}")})).await;
    }
    until(&world, &format!("{path}/health"), |health| health["attempts"].as_u64() >= Some(3)).await;
    world.restart().await;
    sink.answer(|_| Answer::Status(200));
    until(&world, &format!("{path}/health"), |health| health["pending"] == 0 && health["attempts"].as_u64() > Some(20)).await;
    let page = world.get(&format!("{path}/deliveries")).await.body;
    assert_eq!(states(&page), ["delivered"; 20]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_signs_beside_the_old_one_until_that_is_revoked() {
    let world = World::new().await;
    let sink = Sink::new(|_| Answer::Status(200)).await;
    let (path, old) = register(&world, json!({"events": ["*"]}), &sink.url).await;
    let rotated = world.send(Method::POST, &format!("{path}/secret/rotate"), json!({})).await;
    let new = rotated.body["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(new, old);
    add(&world, json!({"content": "one"})).await;
    let first = sink.wait_for(1).await.remove(0);
    let both = format!("{} {}", signature(&new, &first), signature(&old, &first));
    assert_eq!(first.headers["webhook-signature"], both);
    let revoked = world.send(Method::POST, &format!("{path}/secret/revoke"), json!({})).await;
    assert_eq!(revoked.status, StatusCode::OK);
    add(&world, json!({"content": "two"})).await;
    let second = sink.wait_for(2).await.remove(1);
    assert_eq!(second.headers["webhook-signature"], signature(&new, &second));
    let shown = world.get(&format!("{path}/secret")).await.body;
    assert_eq!(shown["secrets"], json!([new]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_endpoint_is_refused_by_name() {
    let world = World::new().await;
    let refused = async |wish: Value| {
        let Reply { status, body, .. } = world.send(Method::POST, "/api/v1/webhooks", wish).await;
        (status.as_u16(), body["code"].as_str().unwrap_or_default().to_owned())
    };
    let wish = |url: &str| json!({"url": url, "events": ["*"]});
    for url in ["https://10.0.0.1/", "https://169.254.169.254/latest", "http://example.org/", "https://example.org:22/"] {
        assert_eq!(refused(wish(url)).await, (422, "webhook.url_forbidden".into()), "{url}");
    }
    assert_eq!(refused(wish("nonsense")).await, (400, "webhook.url_invalid".into()));
    let url = "https://example.org/";
    assert_eq!(refused(json!({"url": url, "events": ["memory.eaten"]})).await, (400, "webhook.unknown_event".into()));
    assert_eq!(refused(json!({"url": url, "events": []})).await, (400, "webhook.no_events".into()));
    assert_eq!(refused(json!({"events": ["*"]})).await, (400, "request.missing_field".into()));
    let short = json!({"url": url, "events": ["*"], "secret": "whsec_c2hvcnQ="});
    assert_eq!(refused(short).await, (400, "webhook.secret_invalid".into()));
    let planned = json!({"url": url, "events": ["graph.built", "export.completed"], "active": false});
    assert_eq!(refused(planned).await.0, 201, "types that will come can be asked for now");
    let stranger = world.stranger().await;
    let list = world.anonymous(Method::GET, "/api/v1/webhooks").bearer_auth(&stranger);
    assert_eq!(crate::harness::reply(list).await.body["webhooks"], json!([]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_was_changed_at_once_stays_as_it_was_changed() {
    let mut world = World::new().await;
    let (silent, told) = (Sink::new(|_| Answer::Status(200)).await, Sink::new(|_| Answer::Status(200)).await);
    let (off, _) = register(&world, json!({"events": ["*"], "active": false}), &silent.url).await;
    let (on, _) = register(&world, json!({"events": ["*"]}), &told.url).await;
    // Without its tables the dispatcher learns of the registration and of the change at once.
    world.restart_without_read_models().await;
    until(&world, &on, |view| view["active"] == true).await;
    add(&world, json!({"content": "first"})).await;
    told.wait_for(1).await;
    add(&world, json!({"content": "second"})).await;
    told.wait_for(2).await;
    let page = world.get(&format!("{off}/deliveries")).await.body;
    assert_eq!(states(&page), [] as [&str; 0], "nothing waits for an endpoint that is switched off");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_has_had_is_not_sent_again_by_a_brain_without_tables() {
    let mut world = World::new().await;
    let mut asked = 0;
    // The second one is refused until the brain has lost its tables.
    let sink = Sink::new(move |_| {
        asked += 1;
        if asked == 2 { Answer::Status(503) } else { Answer::Status(200) }
    });
    let sink = sink.await;
    let retry = json!({"max_retries": 5, "base_delay_s": 3600});
    register(&world, json!({"events": ["memory.created"], "retry_config": retry}), &sink.url).await;
    let first = add(&world, json!({"content": "first"})).await["position"].as_u64().expect("a position");
    sink.wait_for(1).await;
    eventually(format!("the log is told that webhooks have had {first}"), async || {
        let settled = world.settled().await;
        if settled < first { Err(settled) } else { Ok(()) }
    })
    .await;
    add(&world, json!({"content": "second"})).await;
    sink.wait_for(2).await;
    world.restart_without_read_models().await;
    let requests = sink.wait_for(3).await;
    assert_eq!(requests[2].headers["webhook-id"], requests[1].headers["webhook-id"], "what was not delivered is");
    add(&world, json!({"content": "third"})).await;
    let requests = sink.wait_for(4).await;
    let again = requests.iter().filter(|one| one.headers["webhook-id"] == requests[0].headers["webhook-id"]).count();
    assert_eq!(again, 1, "what was delivered is not sent again");
    world.end().await;
}
