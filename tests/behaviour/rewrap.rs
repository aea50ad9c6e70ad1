//! Data keys under another version of the master key: none is lost, none comes back, and of what they were before no byte is left.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::World;

const MEMORIES: &str = "/api/v1/memories";

async fn add(world: &World, n: usize) -> (String, String) {
    let text = format!("what nobody may read, number {n}");
    let added = world.send(Method::POST, MEMORIES, json!({"content": text, "sensitive": true})).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    (added.body["memory"]["id"].as_str().expect("an id").to_owned(), text)
}

async fn erase(world: &World, id: &str) {
    let erased = world.send(Method::DELETE, &format!("{MEMORIES}/{id}?erase=true"), json!(null)).await;
    assert!(erased.status.is_success(), "{erased:?}");
}

/// How many of these words lie in the files of the stream of data keys.
fn found_in_files(world: &World, words: &BTreeMap<String, Vec<u8>>) -> usize {
    let blocks = walkdir::WalkDir::new(world.servers_folder()).into_iter().flatten();
    let blocks = blocks.filter(|entry| {
        let path = entry.path().display().to_string();
        path.contains("_KEYS_1/") && entry.file_type().is_file()
    });
    let bytes: Vec<u8> = blocks.flat_map(|entry| std::fs::read(entry.path()).unwrap_or_default()).collect();
    let is_there = |word: &&Vec<u8>| !word.is_empty() && bytes.windows(word.len()).any(|window| window == word.as_slice());
    words.values().filter(is_there).count()
}

async fn call(world: &World, wish: &str, body: Value) -> Value {
    let reply = world.send(Method::POST, &format!("/api/v1/vault/{wish}"), body).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply.body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrap_loses_no_key_brings_none_back_and_leaves_nothing_of_the_old() {
    let mut world = World::with_own_servers().await;
    let mut kept: BTreeMap<String, String> = stream::iter(0..40).map(|n| add(&world, n)).buffered(8).collect().await;
    let mut erased: Vec<String> = kept.keys().take(3).cloned().collect();
    for id in &erased {
        kept.remove(id);
        erase(&world, id).await;
        world.receipt(id).await;
    }
    let before: BTreeMap<String, Vec<u8>> = world.data_keys().await;
    let live = |keys: &BTreeMap<String, Vec<u8>>| keys.values().filter(|key| !key.is_empty()).count();
    assert_eq!((before.len(), live(&before)), (40, 37));
    assert_eq!(found_in_files(&world, &before), 37, "the search finds what is there");

    assert_eq!(call(&world, "rotate", json!(null)).await["version"], 2);
    let refused = world.send(Method::POST, "/api/v1/vault/destroy", json!({"version": 1})).await;
    assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains("37 data keys")), "{refused:?}");
    // Meanwhile keys are made and destroyed.
    let gone: Vec<String> = kept.keys().take(3).cloned().collect();
    let making = stream::iter(40..80).map(|n| add(&world, n)).buffered(8).collect::<Vec<_>>();
    let erasing = async {
        for id in &gone {
            erase(&world, id).await;
        }
    };
    let (rewrapped, made, ()) = tokio::join!(call(&world, "rewrap", json!(null)), making, erasing);
    assert!(rewrapped["rewrapped"]["data keys"].as_u64().is_some_and(|count| (30..=37).contains(&count)), "{rewrapped}");
    kept.extend(made);
    for id in gone {
        world.receipt(&id).await;
        kept.remove(&id);
        erased.push(id);
    }
    let after = world.data_keys().await;
    assert_eq!((after.len(), live(&after)), (80, 74));
    assert!(after.values().all(|key| key.is_empty() || key.starts_with(b"2.")), "{after:?}");
    assert_eq!(found_in_files(&world, &before), 0, "nothing of the old ones is left");
    assert_eq!(call(&world, "rewrap", json!(null)).await["rewrapped"]["data keys"], 0, "there is nothing left to do");
    assert_eq!(call(&world, "destroy", json!({"version": 1})).await["version"], 1);

    world.restart().await;
    for (id, text) in &kept {
        let read = world.get_until(&format!("{MEMORIES}/{id}"), StatusCode::OK).await;
        assert_eq!(read.body["content"], json!(text), "{read:?}");
    }
    for id in &erased {
        assert_eq!(world.get(&format!("{MEMORIES}/{id}")).await.status, StatusCode::GONE);
        let again = world.send(Method::PUT, &format!("{MEMORIES}/{id}"), json!({"content": "again", "sensitive": true})).await;
        assert!(!again.status.is_success(), "a key that was destroyed stays so: {again:?}");
    }
    world.end().await;
}

/// As a crash before the end leaves it: some keys stand under the new version, and both lie in the files.
#[tokio::test(flavor = "multi_thread")]
async fn a_rewrap_that_broke_off_is_done_again() {
    let mut world = World::with_own_servers().await;
    let kept: BTreeMap<String, String> = stream::iter(0..2_000).map(|n| add(&world, n)).buffered(64).collect().await;
    let before = world.data_keys().await;
    call(&world, "rotate", json!(null)).await;
    // The answer is not waited for, so the work ends in the middle, as it does with its process.
    let broken = world.request(Method::POST, "/api/v1/vault/rewrap").timeout(std::time::Duration::from_millis(150));
    assert!(broken.send().await.is_err(), "it takes longer");
    world.restart().await;
    let between = world.data_keys().await;
    assert_eq!(between.len(), before.len());
    call(&world, "rewrap", json!(null)).await;
    let after = world.data_keys().await;
    assert!(after.len() == before.len() && after.values().all(|key| key.starts_with(b"2.")));
    assert_eq!(found_in_files(&world, &before.into_iter().take(50).collect()), 0);
    for (id, text) in kept.iter().take(20) {
        assert_eq!(world.get_until(&format!("{MEMORIES}/{id}"), StatusCode::OK).await.body["content"], json!(text));
    }
    world.end().await;
}
