//! What a person sees of a search: passages and highlights that lie where they are said to, copies shown once, and a command line that sets
//! the words off and says when nothing is relevant.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Reply, World, eventually};

/// Asks until the answer is as new as was asked for: a machine with much to do takes its time.
async fn search(world: &World, body: Value) -> Reply {
    eventually("the search is answered", async || {
        let reply = world.send(Method::POST, "/api/v1/search", body.clone()).await;
        if reply.status == StatusCode::OK { Ok(reply) } else { Err(reply) }
    })
    .await
}

/// Characters `start..end` of a text.
fn slice(text: &str, span: &Value) -> String {
    let place = |name: &str| span[name].as_u64().expect("a place") as usize;
    text.chars().skip(place("start")).take(place("end") - place("start")).collect()
}

/// The highlighted words of a result, with the text that they are in.
fn highlighted(result: &Value) -> Vec<String> {
    let word = |it: &Value| {
        let memory = &result["memory"];
        let text = match it["field"].as_str().expect("a field") {
            "tags" => &memory["tags"][it["index"].as_u64().expect("which tag") as usize],
            field => &memory[field],
        };
        format!("{}: {}", it["field"].as_str().expect("a field"), slice(text.as_str().expect("a text"), it))
    };
    result["highlights"].as_array().expect("highlights").iter().map(word).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn passages_and_highlights_lie_where_they_are_said_to() {
    let world = World::new().await;
    let filler = "Nothing of it matters here. ".repeat(60);
    let notes = [
        json!({"title": "Harbour cranes", "content": format!("{filler}\r\nThe crane (🏗️) was built in 1890.\r\n{filler}"), "tags": ["a", "crane"]}),
        json!({"content": format!("{}会議は東京駅の近くで行われます。{}", "昨日は雨でした。".repeat(100), "明日も雨です。".repeat(100))}),
        json!({"content": "Le re\u{301}sume\u{301} de The\u{301}re\u{300}se est dans le tiroir."}),
        json!({"content": "x".repeat(10_000)}),
        json!({"content": "Our cat Miso sleeps on the radiator in winter. ".repeat(20)}),
    ];
    for note in &notes {
        world.add(note.clone()).await;
    }
    let first = async |query: &str, mode: &str| {
        let wait = (mode == "semantic").then_some("embedded");
        let found = search(&world, json!({"query": query, "mode": mode, "wait": wait})).await;
        let result = found.body["results"][0].clone();
        let (passage, content) = (&result["passage"], result["memory"]["content"].as_str().expect("a content"));
        assert_eq!(passage["text"].as_str().expect("a text").trim_matches('…'), slice(content, passage), "{query}");
        result
    };
    let crane = first("when were the cranes built", "keyword").await;
    assert_eq!(highlighted(&crane), ["title: cranes", "content: crane", "content: built", "tags: crane"]);
    let text = crane["passage"]["text"].as_str().expect("a text");
    assert!(text.starts_with("…The crane (🏗️) was built in 1890.") && text.ends_with('…'), "{text}");
    assert_eq!(crane["matched"], "words");
    let tokyo = first("東京駅", "keyword").await;
    assert_eq!(highlighted(&tokyo), ["content: 東京駅"]);
    assert!(tokyo["passage"]["text"].as_str().expect("a text").starts_with("…会議は東京駅の近く"));
    assert_eq!(highlighted(&first("résumé", "keyword").await), ["content: re\u{301}sume\u{301}"]);
    let long = first(&"x".repeat(80), "keyword").await;
    assert_eq!((highlighted(&long).len(), &long["passage"]["end"]), (1, &json!(300)));
    let meaning = first("where does the pet rest", "semantic").await;
    assert_eq!((&meaning["matched"], &meaning["passage"]["start"]), (&json!("meaning"), &json!(0)), "the beginning");
    assert_eq!(highlighted(&meaning), Vec::<String>::new());
    world.end().await;
}

fn contents(reply: &Reply) -> Vec<(&str, u64)> {
    let results = reply.body["results"].as_array().expect("results").iter();
    results.map(|it| (it["memory"]["content"].as_str().expect("a content"), it["similar"].as_u64().expect("a count"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_shown_once_and_others_take_their_places() {
    let world = World::new().await;
    let copies: Vec<Value> = (0..250).map(|n| json!({"content": format!("Kettle kettle{}", " ".repeat(n) + ".")})).collect();
    for part in copies.chunks(100) {
        let made = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": part})).await;
        assert_eq!(made.status, StatusCode::OK, "{made:?}");
    }
    world.add(json!({"content": "The kettle costs 20."})).await;
    world.add(json!({"content": "The kettle costs 30."})).await;
    let asked = |fold: bool| json!({"query": "kettle", "mode": "keyword", "limit": 3, "fold": fold});
    let found = search(&world, asked(true)).await;
    assert_eq!(contents(&found).iter().map(|it| it.1).collect::<Vec<_>>(), [249, 0, 0], "{found:?}");
    assert_eq!(found.body["results"][0]["similar_ids"].as_array().map(Vec::len), Some(10));
    let all = search(&world, asked(false)).await;
    assert!(contents(&all).iter().all(|(content, similar)| content.starts_with("Kettle") && *similar == 0), "{all:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_ends_with_its_copies() {
    let world = World::that_audits().await;
    let add = async |content: &str| world.add(json!({"content": content})).await;
    let ask = async || search(&world, json!({"query": "spare key", "mode": "keyword", "limit": 2})).await;
    // Out of memory, as soon as it is there.
    let kept = async || {
        eventually("the answer is kept", async || {
            let found = ask().await;
            let status = found.headers["cache-status"].to_str().expect("text").to_owned();
            if status.starts_with("brain; hit") { Ok(found) } else { Err(status) }
        })
        .await
    };
    let first = add("The spare key hangs in the shed").await;
    let second = add("The spare key hangs in the shed.").await;
    add("A spare key").await;
    add("Nothing to see").await;
    let shown = |found: &Reply| contents(found).iter().map(|(_, similar)| *similar).sum::<u64>();
    assert_eq!((contents(&kept().await).len(), shown(&kept().await)), (2, 1));
    let third = add("the spare key  hangs in the shed").await;
    assert_eq!(shown(&ask().await), 2, "who is folded away has come");
    kept().await;
    let path = |id: &str| format!("/api/v1/memories/{id}");
    world.send(Method::PATCH, &path(&second), json!({"content": "The kettle is in the shed."})).await;
    assert_eq!(shown(&ask().await), 1, "who was folded away says something else");
    kept().await;
    world.send(Method::DELETE, &path(&third), json!(null)).await;
    assert_eq!(shown(&ask().await), 0, "who was folded away is gone");
    kept().await;
    world.send(Method::POST, &format!("{}/restore", path(&third)), json!(null)).await;
    kept().await;
    world.send(Method::DELETE, &path(&first), json!(null)).await;
    let found = ask().await;
    assert!(
        shown(&found) == 0 && found.body.to_string().contains("the spare key  hangs"),
        "the copy stands for itself: {found:?}"
    );
    let metrics = world.get("/metrics").await.body;
    assert!(!metrics.as_str().expect("text").contains("brain_cache_stale{"), "{metrics}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_what_was_found_and_says_when_nothing_is_relevant() {
    let world = World::new().await;
    let body = json!({"content": "The kettle\u{1b}]0;x\u{7} is old.", "title": "Kitchen", "source": {"uri": "notes/kitchen.md"}});
    world.add(body.clone()).await;
    world.add(body).await;
    let run = async |arguments: &[&str]| {
        let output = world.brain(arguments).await;
        assert!(output.status.success(), "{output:?}");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (text(output.stdout), text(output.stderr))
    };
    let (rows, _) = run(&["search", "kettle", "--mode", "keyword"]).await;
    assert_eq!(rows.lines().count(), 1, "copies are folded: {rows}");
    assert!(!rows.contains(['\u{1b}', '\u{7}']) && rows.contains("\tKitchen\tnotes/kitchen.md\tThe kettle"), "{rows:?}");
    assert_eq!(run(&["search", "kettle", "--mode", "keyword", "--copies"]).await.0.lines().count(), 2);
    let (json, _) = run(&["search", "kettle", "--mode", "keyword", "--json"]).await;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["results"][0]["similar"], &json["results"][0]["highlights"][0]["start"]), (&json!(1), &json!(4)));
    assert_eq!(run(&["search", "zzqx", "--mode", "keyword"]).await, (String::new(), "nothing found\n".to_owned()));
    world.end().await;
}
