//! An event that no read model can hold stops nothing but its aggregate, and that only until a later one heals it. Old logs that hold such
//! events start and serve.

use reqwest::{Method, StatusCode};
use second_brain::{
    domain::ids::{CommandId, EventId, Revision, SpaceId, StreamSeq},
    journal::Envelope,
    ports::{EventAppender, EventLog},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::World;

const PROJECTIONS: [&str; 8] =
    ["memories", "memory_history", "graph", "edge_history", "positions", "command_log", "webhooks", "keyword"];

fn path(n: usize) -> String {
    format!("/api/v1/memories/0190f3d2-0000-7000-8000-{n:012}")
}

/// An event as it stands, for making others like it.
async fn model(world: &World, log: &dyn EventLog) -> Envelope {
    let made = world.send(Method::POST, "/api/v1/memories", json!({"content": "a model"})).await;
    let id = made.body["memory"]["id"].as_str().expect("an id").to_owned();
    log.last(&SpaceId::default_space(), "memory", &id).await.expect("the log answers").expect("an event").event
}

/// The first event of memory `n`, with fields that nobody checked, as other releases may have written it.
async fn append(log: &dyn EventAppender, model: &Envelope, n: usize, fields: Value) -> u64 {
    let mut event = model.clone();
    event.aggregate_id = path(n).rsplit('/').next().expect("an id").to_owned();
    event.revision = Revision(1);
    event.command_id = CommandId(Uuid::from_u128(n as u128 + 1_000));
    event.id = EventId(Uuid::from_u128(n as u128 + 1_000));
    let data = event.data.as_object_mut().expect("an object");
    data.extend(fields.as_object().expect("an object").clone());
    data.insert("content".into(), format!("memory {n}").into());
    log.append(&event, StreamSeq(0)).await.expect("appended").0
}

async fn verified(world: &World, projection: &str) -> Value {
    world.send(Method::POST, &format!("/api/v1/replay/{projection}/verify"), json!(null)).await.body
}

async fn assert_whole(world: &World) {
    for projection in PROJECTIONS {
        let body = verified(world, projection).await;
        assert_eq!((&body["equal"], &body["parked"]), (&json!(true), &json!(0)), "{body}");
    }
    assert_eq!(world.get("/health/ready").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_dates_that_no_table_holds_starts_serves_and_is_filled_again() {
    let mut world = World::new().await;
    let (log, appender) = (world.log().await, world.appender().await);
    let model = model(&world, &*log).await;
    let mut last = 0;
    for (n, date) in ["0000-12-24T00:00:00Z", "-0300-01-01T00:00:00Z", "+12345-01-01T00:00:00Z", "0000-12-31T23:00:00Z"]
        .into_iter()
        .enumerate()
    {
        for field in ["occurred_at", "created_at"] {
            last = append(&*appender, &model, 10 * n + usize::from(field == "created_at"), json!({field: date})).await;
        }
    }
    let list = format!("/api/v1/memories?limit=200&min_position={last}");
    assert_eq!(world.get(&list).await.body["memories"].as_array().map(Vec::len), Some(9));
    assert_eq!(world.get(&path(0)).await.body["occurred_at"], json!("0001-01-01T00:00:00Z"));
    assert_eq!(world.get(&path(21)).await.body["created_at"], json!("9999-12-31T23:59:59.999999Z"));
    assert_whole(&world).await;
    let patched = world.send(Method::PATCH, &path(1), json!({"tags": ["changed"]})).await;
    assert_eq!(patched.status, StatusCode::OK, "{patched:?}");
    assert_eq!(world.get(&path(1)).await.body, patched.body["memory"]);
    world.restart_without_read_models().await;
    assert_eq!(world.get(&path(1)).await.body, patched.body["memory"]);
    assert_eq!(world.get(&list).await.body["memories"].as_array().map(Vec::len), Some(9));
    assert_whole(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_put_aside_by_the_aggregate_however_much_of_it_comes() {
    let mut world = World::new().await;
    let (log, appender) = (world.log().await, world.appender().await);
    let model = model(&world, &*log).await;
    let mut last = 0;
    for n in 0..40 {
        let fields = match n % 4 {
            0 => json!({"occurred_at": "the day before"}),
            1 => json!({"metadata": {"a": "\u{0}"}}),
            2 => json!({"importance": {"not": "a number"}}),
            _ => json!({"tags": ["good"]}),
        };
        last = append(&*appender, &model, n, fields).await;
    }
    let list = format!("/api/v1/memories?limit=200&min_position={last}");
    assert_eq!(world.get(&list).await.body["memories"].as_array().map(Vec::len), Some(11));
    let parked = world.get(&path(0)).await;
    assert_eq!(
        (parked.status.as_u16(), &parked.body["code"], &parked.body["retryable"]),
        (503, &json!("projection.parked"), &json!(false))
    );
    assert!(!parked.headers.contains_key("retry-after"), "waiting does not help");
    assert_eq!(world.get("/health/ready").await.status, StatusCode::OK);
    let body = verified(&world, "memories").await;
    assert_eq!((&body["equal"], &body["parked"], &body["unequal_partitions"]), (&json!(false), &json!(30), &json!(0)), "{body}");

    // A later event that can be applied heals its memory.
    let patched = world.send(Method::PATCH, &path(1), json!({"metadata": {}})).await;
    assert_eq!(world.get(&path(1)).await.body, patched.body["memory"]);
    // Where the log does not say what there was, a change of a part means nothing, and a whole one does.
    let refused = world.send(Method::PATCH, &path(2), json!({"content": "healed"})).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"], &refused.body["retryable"]),
        (500, &json!("log.poison"), &json!(false))
    );
    let put = world.send(Method::PUT, &path(2), json!({"content": "healed"})).await;
    assert_eq!((put.status, world.get(&path(2)).await.body), (StatusCode::OK, put.body["memory"].clone()), "{put:?}");
    // Everything is filled again from the poisoned log.
    world.restart_without_read_models().await;
    assert_eq!(world.get(&list).await.body["memories"].as_array().map(Vec::len), Some(13));
    assert_eq!(world.get("/health/ready").await.status, StatusCode::OK);
    let rebuilt = world.brain(&["replay", "rebuild", "memories"]).await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let shown = world.brain(&["replay", "parked", "memories"]).await;
    let shown = String::from_utf8(shown.stdout).expect("UTF-8");
    assert!(shown.contains("brain replay skip memories default memory") && shown.contains("brain update"), "{shown}");

    // An operator can do without: what is let go stands in nobody's way.
    let which = json!({"space": "default", "aggregate": "memory", "id": path(0).rsplit('/').next()});
    let skipped = world.send(Method::POST, "/api/v1/replay/memories/skip", which).await;
    assert_eq!((skipped.status, &skipped.body["skipped"]), (StatusCode::OK, &json!(1)));
    assert_eq!(world.get(&path(0)).await.body["code"], json!("memory.not_found"));
    let body = verified(&world, "memories").await;
    assert_eq!((&body["parked"], &body["skipped"]), (&json!(27), &json!(1)), "{body}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_reads_on_around_an_event_that_it_could_not_hold() {
    let world = World::new().await;
    world.sql("ALTER TABLE memory_history_v1.states ADD CONSTRAINT no_bad CHECK (content <> 'bad')").await;
    let before = world.send(Method::PUT, &path(1), json!({"content": "before"})).await.body["position"].clone();
    let bad = world.send(Method::PATCH, &path(1), json!({"content": "bad"})).await.body["position"].clone();
    let after = world.send(Method::PATCH, &path(1), json!({"content": "after"})).await.body["position"].clone();
    let at = async |position: &Value| world.get(&format!("{}?as_of={position}", path(1))).await.body;
    assert_eq!(world.get(&path(1)).await.body["content"], json!("after"), "the present was never in doubt");
    assert_eq!((&at(&before).await["content"], &at(&after).await["content"]), (&json!("before"), &json!("after")));
    assert_eq!(at(&bad).await["code"], json!("projection.parked"), "what is not known is not made up");
    assert_eq!(verified(&world, "memory_history").await["parked"], json!(1));
    world.sql("ALTER TABLE memory_history_v1.states DROP CONSTRAINT no_bad").await;
    let which = json!({"space": "default", "aggregate": "memory", "id": path(1).rsplit('/').next()});
    let retried = world.send(Method::POST, "/api/v1/replay/memory_history/retry", which).await;
    assert_eq!(retried.body, json!({"applied": 3, "parked": 0}));
    assert_eq!(at(&bad).await["content"], json!("bad"));
    assert_whole(&world).await;
    world.end().await;
}
