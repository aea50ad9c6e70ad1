//! A memory's life over HTTP: written, read at once, changed, deleted, restored, listed; and the log alone rebuilds it.

use std::io::Read;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{World, reply};

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_is_written_and_read_at_its_position() {
    let world = World::new().await;
    let made = world.send(Method::POST, "/api/v1/memories", json!({"content": " Tea is at four\u{0} ", "tags": ["habit"]})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let (id, position) = (made.body["memory"]["id"].as_str().expect("an id"), &made.body["position"]);
    let read = world.get(&format!("/api/v1/memories/{id}?min_position={position}")).await;
    assert_eq!(read.status, StatusCode::OK);
    assert_eq!(read.body, made.body["memory"]);
    assert_eq!(read.body["content"], "Tea is at four");
    assert_eq!(read.headers["etag"], "\"1\"");
    insta::assert_json_snapshot!(read.body, {".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]"}, @r#"
    {
      "agent_id": null,
      "content": "Tea is at four",
      "created_at": "[time]",
      "id": "[id]",
      "importance": 0.5,
      "memory_type": "semantic",
      "metadata": {},
      "occurred_at": null,
      "revision": 1,
      "run_id": null,
      "source": {
        "id": null,
        "kind": null,
        "position": null,
        "uri": null
      },
      "tags": [
        "habit"
      ],
      "title": null,
      "updated_at": "[time]",
      "user_id": null
    }
    "#);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_are_compressed_for_who_asks_and_short_ones_are_not() {
    let world = World::new().await;
    let content = "Tea is at four. ".repeat(200);
    let long = world.send(Method::POST, "/api/v1/memories", json!({"content": content})).await.body["memory"]["id"].clone();
    let short = world.send(Method::POST, "/api/v1/memories", json!({"content": "Tea"})).await.body["memory"]["id"].clone();
    let get = |id: &Value| world.request(Method::GET, &format!("/api/v1/memories/{}", id.as_str().expect("an id")));
    let ask = async |id: &Value, encoding: Option<&str>| {
        let request = encoding.into_iter().fold(get(id), |request, name| request.header("Accept-Encoding", name));
        let answer = request.send().await.expect("answers");
        let headers = ["content-encoding", "vary", "cache-status"]
            .map(|name| answer.headers().get(name).map_or("", |value| value.to_str().expect("ASCII")).to_owned());
        (headers, answer.bytes().await.expect("a body"))
    };
    let packed = ask(&long, Some("gzip;q=0.5, br")).await;
    // Kept by then, and given as it is kept or unpacked.
    let plain = ask(&long, None).await;
    for accepted in ["gzip", "gzip, deflate, br, zstd", "deflate;q=0.1, gzip"] {
        let again = ask(&long, Some(accepted)).await;
        assert!(again.0[2].starts_with("brain; hit"), "{:?}", again.0);
        assert_eq!((&again.0[..2], &again.1), (&packed.0[..2], &packed.1), "{accepted}");
    }
    for refused in ["identity", "br", "gzip;q=0"] {
        assert_eq!(ask(&long, Some(refused)).await.1, plain.1, "{refused}");
    }
    assert_eq!((&packed.0[0][..], &packed.0[1][..]), ("gzip", "accept-encoding"));
    assert_eq!((&plain.0[0][..], &plain.0[1][..]), ("", "accept-encoding"));
    let mut unpacked = vec![];
    flate2::read::GzDecoder::new(&packed.1[..]).read_to_end(&mut unpacked).expect("gzip");
    assert_eq!(unpacked, plain.1);
    assert!(packed.1.len() * 10 < plain.1.len(), "{} of {}", packed.1.len(), plain.1.len());
    let known = get(&long).header("Accept-Encoding", "gzip").header("If-None-Match", "\"1\"").send().await.expect("answers");
    assert_eq!((known.status(), known.headers().get("content-encoding")), (StatusCode::NOT_MODIFIED, None));
    assert_eq!(ask(&short, Some("gzip")).await.1, ask(&short, None).await.1);
    // What is held is less than what was given, all that belongs to it included.
    let kept = world.get("/api/v1/caches").await.body;
    let [content, packed, beside] = ["content_bytes", "packed_bytes", "overhead_bytes"].map(|name| kept[name].as_u64());
    assert!(packed.expect("a number") + beside.expect("a number") < content.expect("a number"), "{kept}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_changes_is_deleted_and_comes_back() {
    let world = World::new().await;
    let made = world.send(Method::POST, "/api/v1/memories", json!({"content": "Tea"})).await;
    let path = format!("/api/v1/memories/{}", made.body["memory"]["id"].as_str().expect("an id"));

    let stale = reply(world.request(Method::PATCH, &path).header("If-Match", "\"7\"").json(&json!({"content": "Milk"}))).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{stale:?}");
    let changed =
        reply(world.request(Method::PATCH, &path).header("If-Match", "\"1\"").json(&json!({"content": "Coffee"}))).await;
    assert_eq!((changed.status, &changed.body["memory"]["revision"]), (StatusCode::OK, &json!(2)), "{changed:?}");
    assert_eq!(world.get(&path).await.body["content"], "Coffee");

    let gone = world.send(Method::DELETE, &path, json!(null)).await;
    assert_eq!(gone.status, StatusCode::OK, "{gone:?}");
    let again = world.send(Method::DELETE, &path, json!(null)).await;
    assert_eq!((again.status, &again.body["position"]), (StatusCode::OK, &gone.body["position"]), "again appends nothing");
    let read = world.get(&path).await;
    assert_eq!((read.status, &read.body["code"]), (StatusCode::GONE, &json!("memory.deleted")));
    let patched = world.send(Method::PATCH, &path, json!({"content": "x"})).await;
    assert_eq!((patched.status, &patched.body["code"]), (StatusCode::CONFLICT, &json!("memory.deleted")));

    let back = world.send(Method::POST, &format!("{path}/restore"), json!(null)).await;
    assert_eq!((back.status, &back.body["memory"]["content"]), (StatusCode::OK, &json!("Coffee")), "{back:?}");
    assert_eq!(world.get(&path).await.status, StatusCode::OK);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn put_appends_only_what_differs() {
    let world = World::new().await;
    let path = "/api/v1/memories/0190f3d2-0000-7000-8000-000000000001";
    let body = json!({"content": "Tea", "metadata": {"cups": 2, "nested": {"sugar": 0.5}}});
    let made = world.send(Method::PUT, path, body.clone()).await;
    let same = world.send(Method::PUT, path, body).await;
    assert_eq!(same.body, made.body);
    let other = world.send(Method::PUT, path, json!({"content": "Milk"})).await;
    assert_eq!(other.body["memory"]["revision"], 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_pages_without_gap_or_repeat() {
    let world = World::new().await;
    let items: Vec<_> =
        (0..7).map(|n| json!({"content": format!("note {n}"), "tags": [if n % 2 == 0 { "even" } else { "odd" }]})).collect();
    let batch = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": items})).await;
    assert_eq!(batch.status, StatusCode::OK, "{batch:?}");
    let position = &batch.body["position"];
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/api/v1/memories?limit=3&min_position={position}{cursor}")).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        seen.extend(page.body["memories"].as_array().expect("a list").iter().map(|one| one["content"].to_string()));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        assert!(seen.len() <= 7, "there is always another page: {seen:?}");
    }
    seen.sort();
    assert_eq!(seen, (0..7).map(|n| format!("\"note {n}\"")).collect::<Vec<_>>());
    let even = world.get("/api/v1/memories?tag=even").await;
    assert_eq!(even.body["memories"].as_array().map(Vec::len), Some(4));
    let foreign = world.get(&format!("/api/v1/memories?tag=odd{cursor}")).await;
    assert_eq!((foreign.status, &foreign.body["code"]), (StatusCode::BAD_REQUEST, &json!("list.bad_cursor")));
    world.end().await;
}
