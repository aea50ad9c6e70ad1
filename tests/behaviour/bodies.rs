//! What a client can make large is bounded before it is built, and whoever sends slowly keeps nobody out.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::harness::{World, reply};

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_body_may_hold_is_refused_before_it_is_built() {
    let world = World::new().await;
    let post = |path: &str, body: String| {
        let request = world.request(Method::POST, path).header("Content-Type", "application/json").body(body);
        reply(request)
    };
    let batch = "/api/v1/memories/batch";
    let empty = |count: usize| format!(r#"{{"memories":[{}]}}"#, vec!["[]"; count].join(","));
    let refused = post(batch, empty(1_001)).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("request.too_many_items")), "{refused:?}");
    assert_eq!(
        refused.body["errors"][0],
        json!({
            "code": "request.too_many_items", "detail": "there are 1001 memories; the limit is 1000", "field": "memories",
            "limit": 1_000, "value": 1_001,
        })
    );
    let refused = post(batch, empty(5_000_000)).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (413, &json!("request.too_many_values")), "{refused:?}");
    let many = format!(r#"{{"content":"x","metadata":{{"a":[{}]}}}}"#, vec!["0"; 100_000].join(","));
    let refused = post("/api/v1/memories", many).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (413, &json!("request.too_many_values")), "{refused:?}");
    for (body, code, field) in [
        (r#"{"memories":[{"content":"x"}],"colour":1}"#, "request.unknown_field", Some("colour")),
        (r#"{"memories":7}"#, "request.invalid_field", Some("body")),
        ("[[]]", "request.invalid_json", None),
        (r#"{"memories":[}"#, "request.invalid_json", None),
    ] {
        let refused = post(batch, body.into()).await;
        assert_eq!((refused.status.as_u16(), refused.body["code"].as_str()), (400, Some(code)), "{refused:?}");
        assert_eq!(refused.body["errors"][0]["field"].as_str(), field);
    }
    let clauses = json!({"query": "x", "mode": "keyword", "filters": {"and": vec![json!({"not": {"not": {}}}); 80]}});
    let refused = world.send(Method::POST, "/api/v1/search", clauses).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("search.bad_filter")), "{refused:?}");
    // A large body that is in order is read apart from the others, and done.
    let whole: Vec<Value> = (0..1_000).map(|n| json!({"content": format!("{n} {}", "tea ".repeat(100))})).collect();
    let done = world.send(Method::POST, batch, json!({"memories": whole})).await;
    assert_eq!(done.status, StatusCode::OK);
    assert!(done.body["results"].as_array().expect("results").iter().all(|one| one["status"] == 201));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_given_up_and_holds_no_seat() {
    let world = World::new().await;
    let address = world.url().trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /api/v1/memories HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Length: 1000\r\n\r\n{{",
        world.key()
    );
    let began = Instant::now();
    let mut slow = vec![];
    for _ in 0..100 {
        let mut stream = TcpStream::connect(&address).await.expect("connects");
        stream.write_all(head.as_bytes()).await.expect("written");
        slow.push(stream);
    }
    let metrics = async || world.get("/metrics").await.body.as_str().unwrap_or_default().to_owned();
    let seats = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("brain_queue_seconds_count{what=\"writes\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let before = seats(&metrics().await);
    let quick = world.send(Method::POST, "/api/v1/memories", json!({"content": "in time"})).await;
    assert_eq!(quick.status, StatusCode::CREATED, "{quick:?}");
    // Other tests of the process write as well; a hundred seats at once they do not take.
    assert!(seats(&metrics().await) < before + 100, "who sends slowly has no seat");
    let mut dripping = slow.pop().expect("one of them");
    let answer = async {
        let mut text = String::new();
        let mut part = [0; 1_024];
        loop {
            tokio::select! {
                read = dripping.read(&mut part) => match read.expect("in order") {
                    0 => return text,
                    bytes => text.push_str(&String::from_utf8_lossy(&part[..bytes])),
                },
                () = tokio::time::sleep(Duration::from_secs(1)), if text.is_empty() => {
                    dripping.write_all(b" ").await.expect("written");
                }
            }
        }
    };
    let text = timeout(Duration::from_secs(60), answer).await.expect("an answer");
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("request.timeout"), "{text}");
    assert!(began.elapsed() >= Duration::from_secs(29), "after the time that a body has");
    world.end().await;
}
