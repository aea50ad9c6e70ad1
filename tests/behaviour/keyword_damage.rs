//! Files of the keyword index are damaged while the brain is down: it starts, does not lie for long, and mends itself from the log.

use std::{fs, path::Path, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Reply, World, within};

const DEADLINE: Duration = Duration::from_secs(30);

async fn search(world: &World, query: &str) -> Reply {
    world.send(Method::POST, "/api/v1/search", json!({"query": query, "mode": "keyword"})).await
}

/// Searches until the note is found; what is answered until then is that nobody knows, never that there is nothing.
async fn until_found(world: &World, query: &str, id: &Value) {
    within(DEADLINE, format!("{query} finds {id} again"), async || {
        let answer = search(world, query).await;
        match answer.status {
            StatusCode::OK if answer.body["results"][0]["memory"]["id"] == *id => return Ok(()),
            StatusCode::OK => assert_eq!(answer.body["results"], json!([]), "{answer:?}"),
            // On a busy machine it may take longer than a search waits.
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {}
            status => panic!("{status}: {answer:?}"),
        }
        Err(answer)
    })
    .await;
}

/// Changes each file of the index that ends so.
fn each(folder: &Path, endings: &[&str], change: impl Fn(Vec<u8>) -> Vec<u8>) {
    let files = walkdir::WalkDir::new(folder.join("keyword")).into_iter().flatten().map(walkdir::DirEntry::into_path);
    let ends_so = |path: &std::path::PathBuf| path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one));
    for path in files.filter(ends_so) {
        fs::write(&path, change(fs::read(&path).expect("readable"))).expect("written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_keyword_index_is_filled_again_by_itself() {
    let mut world = World::new().await;
    let mut first = Value::Null;
    for note in 0..40 {
        let content = format!("the quokka number {note} eats flamingo flowers at the lake");
        let added = world.send(Method::POST, "/api/v1/memories", json!({"content": content})).await;
        assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
        first = added.body["memory"]["id"].clone();
    }
    let query = "\"number 39 eats\"";
    until_found(&world, query, &first).await;

    world.restart_after(|folder| each(folder, &["term", "idx"], |bytes| bytes[..3].to_vec())).await;
    until_found(&world, query, &first).await;

    let garbage = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 3;
        bytes[middle..middle + 20].fill(0xA5);
        bytes
    };
    world.restart_after(|folder| each(folder, &["idx", "term", "pos"], garbage)).await;
    until_found(&world, query, &first).await;
    let deleted = world.send(Method::DELETE, &format!("/api/v1/memories/{}", first.as_str().expect("an id")), Value::Null).await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted:?}");
    let verified = world.send(Method::POST, "/api/v1/replay/keyword/verify", json!({})).await;
    assert_eq!((verified.status, &verified.body["equal"]), (StatusCode::OK, &json!(true)), "{verified:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_finds_damage_under_a_running_brain_and_has_it_mended() {
    let mut world = World::new().await;
    let added = world.send(Method::POST, "/api/v1/memories", json!({"content": "the quokka eats flamingo flowers"})).await;
    let id = added.body["memory"]["id"].clone();
    until_found(&world, "quokka", &id).await;
    world.restart_after(|_| ()).await;
    until_found(&world, "quokka", &id).await;
    each(world.folder(), &["term"], |mut bytes| {
        bytes[10] ^= 0xFF;
        bytes
    });
    let verified = world.send(Method::POST, "/api/v1/replay/keyword/verify", json!({})).await;
    assert_eq!((verified.status, &verified.body["equal"]), (StatusCode::OK, &json!(false)), "{verified:?}");
    assert!(verified.body["difference"]["key"].as_str().is_some_and(|key| key.contains(".term")), "{verified:?}");
    within(DEADLINE, "the index is filled again", async || {
        let verified = world.send(Method::POST, "/api/v1/replay/keyword/verify", json!({})).await;
        if verified.body["equal"] == json!(true) { Ok(()) } else { Err(verified) }
    })
    .await;
    until_found(&world, "flamingo", &id).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_an_earlier_release_is_removed_and_filled_again() {
    let mut world = World::new().await;
    let added = world.send(Method::POST, "/api/v1/memories", json!({"content": "the quokka eats flamingo flowers"})).await;
    let id = added.body["memory"]["id"].clone();
    until_found(&world, "quokka", &id).await;
    let old = world.folder().join("keyword/v2");
    world
        .restart_after(|folder| {
            let mut formats = fs::read_dir(folder.join("keyword")).expect("readable").flatten();
            fs::rename(formats.next().expect("an index").path(), folder.join("keyword/v2")).expect("renamed");
        })
        .await;
    until_found(&world, "flamingo", &id).await;
    assert!(!old.exists(), "the words of all memories would lie about for ever");
    world.end().await;
}
