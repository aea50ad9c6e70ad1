//! A vault of linked notes, imported with the command line as a person would.

use std::{fs, path::Path};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::World;

fn write(folder: &Path, notes: &[(&str, &str)]) {
    for (name, text) in notes {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        fs::write(path, text).expect("a note");
    }
}

async fn import(world: &World, folder: &Path) -> Value {
    let output = world.brain(&["import", "--json", &folder.to_string_lossy()]).await;
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn counts(report: &Value) -> [u64; 6] {
    ["created", "unchanged", "linked", "links_unchanged", "unlinked", "links_open"]
        .map(|name| report[name].as_u64().expect("a count"))
}

#[tokio::test(flavor = "multi_thread")]
async fn links_become_relationships_whichever_note_comes_first() {
    let world = World::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("vault");
    write(
        &vault,
        &[
            ("a.md", "See [[Zebra]] and [the plan](deep/plan.md) and [[nowhere]]."),
            ("deep/plan.md", "Back to [a](../a.md); `[[Zebra]]` is code."),
            ("zebra.md", "Stripes."),
        ],
    );
    assert_eq!(counts(&import(&world, &vault).await), [3, 0, 3, 0, 0, 1]);
    assert_eq!(counts(&import(&world, &vault).await), [0, 3, 0, 3, 0, 1]);
    let memories = world.get("/api/v1/memories").await.body["memories"].clone();
    let a = memories.as_array().unwrap().iter().find(|it| it["content"].as_str().unwrap().starts_with("See")).unwrap();
    let question = format!("/api/v1/graph/neighbors?id={}&direction=out", a["id"].as_str().unwrap());
    let neighbors = world.get(&question).await.body;
    let labels: Vec<_> =
        neighbors["neighbors"].as_array().unwrap().iter().map(|it| it["node"]["label"].as_str().unwrap()).collect();
    assert_eq!(labels.len(), 2);
    assert!(labels.contains(&"zebra") && labels.contains(&"plan"));

    write(&vault, &[("a.md", "See [[Zebra]] only, and [[nowhere]]."), ("nowhere.md", "Here I am.")]);
    let again = import(&world, &vault).await;
    assert_eq!((counts(&again), &again["changed"]), ([1, 2, 1, 2, 1, 0], &json!(1)));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_has_no_gaps_and_says_where_to_go_on() {
    let world = World::new().await;
    let start = world.get("/api/v1/events").await.body["position"].as_u64().expect("a position");
    for n in 0..25 {
        let reply = world.send(reqwest::Method::POST, "/api/v1/memories", json!({"content": format!("note {n}")})).await;
        assert_eq!(reply.status, StatusCode::CREATED);
    }
    let (mut after, mut seen) = (start, vec![]);
    loop {
        let page = world.get(&format!("/api/v1/events?after={after}&limit=7")).await.body;
        seen.extend(page["events"].as_array().unwrap().iter().map(|it| it["sequence"].as_str().unwrap().parse::<u64>().unwrap()));
        after = page["position"].as_u64().unwrap();
        if page["more"] == json!(false) {
            break;
        }
        assert!(seen.len() <= 25, "there is always more: {seen:?}");
    }
    assert_eq!(seen, (start + 1..=start + 25).collect::<Vec<_>>());
    let event = world.get(&format!("/api/v1/events?after={start}&limit=1")).await.body["events"][0].clone();
    assert_eq!(
        (&event["specversion"], &event["type"], &event["source"]),
        (&json!("1.0"), &json!("memory.created"), &json!("/spaces/default"))
    );
    assert_eq!((&event["data"]["memory"]["content"], &event["time"]), (&json!("note 0"), &event["timestamp"]));
    let none = world.get(&format!("/api/v1/events?after={start}&types=memory.deleted")).await.body;
    assert_eq!(none, json!({"events": [], "position": start + 25, "more": false}));

    let question = format!("/api/v1/events?after={after}&wait_s=20");
    let waiting = world.get(&question);
    let writing = world.send(reqwest::Method::POST, "/api/v1/memories", json!({"content": "at last"}));
    let (page, _) = tokio::join!(waiting, writing);
    assert_eq!(page.body["events"][0]["data"]["memory"]["content"], json!("at last"));
    let stranger = world.stranger().await;
    let theirs = crate::harness::reply(world.anonymous(reqwest::Method::GET, "/api/v1/events").bearer_auth(&stranger)).await;
    assert_eq!(theirs.body["events"], json!([]), "another space hears nothing of this one");
    for (query, code) in [
        ("after=999999", "read.position_beyond_log"),
        ("types=key.*", "events.bad_parameter"),
        ("wait_s=31", "events.bad_parameter"),
        ("limit=0", "read.bad_limit"),
    ] {
        assert_eq!(world.get(&format!("/api/v1/events?{query}")).await.body["code"], json!(code), "{query}");
    }
    let followed = world.brain(&["events", "--json", "--follow", "--limit", "3", "--after", &start.to_string()]).await;
    assert_eq!(String::from_utf8_lossy(&followed.stdout).lines().count(), 3);
    world.end().await;
}
