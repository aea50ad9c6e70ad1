//! What `brain up` owes the machine that it runs on: who may look into its folder, and what it says at the start.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{
    alone::{Alone, fail_to_start, said},
    reachable,
};

/// What the group or others may do anything with, below a folder.
fn open_to_others(folder: &Path) -> Vec<String> {
    let below = walkdir::WalkDir::new(folder).min_depth(1).into_iter().flatten();
    let open = below.filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0));
    open.map(|entry| entry.path().display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_can_look_into_the_data_folder_also_not_into_an_old_one() {
    let place = reachable();
    let folder = place.path().join("data");
    let brain = Alone::start(&folder, "127.0.0.1:0").await;
    let added = brain.send(Method::POST, "/api/v1/memories", json!({"content": "bank pin"})).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let found = format!("/api/v1/memories?min_position={}", added.body["position"]);
    assert_eq!(brain.send(Method::GET, &found, json!({})).await.status, StatusCode::OK);
    assert_eq!(open_to_others(&folder), Vec::<String>::new());
    let root_mode = fs::metadata(&folder).expect("is there").permissions().mode() & 0o7777;
    assert_eq!(root_mode, if nix::unistd::geteuid().is_root() { 0o710 } else { 0o700 });
    brain.stop().await;

    // As an earlier version left it.
    for entry in walkdir::WalkDir::new(folder.join("keyword")).into_iter().flatten() {
        let mode = if entry.file_type().is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(entry.path(), Permissions::from_mode(mode)).expect("its own");
    }
    assert!(!open_to_others(&folder).is_empty());
    let brain = Alone::start(&folder, "127.0.0.1:0").await;
    assert_eq!(open_to_others(&folder), Vec::<String>::new());
    brain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_said_before_anything_is_made() {
    let place = reachable();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = taken.local_addr().expect("an address").to_string();
    let folder = place.path().join("data");
    assert!(!fail_to_start(&folder, &listen).await.success());
    assert!(said(&folder).contains(&format!("cannot listen on {listen}")), "{}", said(&folder));
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_to_the_network_is_warned_and_lost_secrets_are_said_at_once() {
    let place = reachable();
    let folder = place.path().join("data");
    let brain = Alone::start(&folder, "0.0.0.0:0").await;
    assert!(said(&folder).contains("WARNING: 0.0.0.0:0 is open to the network"), "{}", said(&folder));
    assert!(brain.url.starts_with("http://127.0.0.1:"), "{}", brain.url);
    assert_eq!(brain.send(Method::GET, "/health/ready", json!({})).await.status, StatusCode::OK);
    brain.stop().await;
    fs::remove_file(folder.join("secrets.json")).expect("was there");
    let started = std::time::Instant::now();
    assert!(!fail_to_start(&folder, "127.0.0.1:0").await.success());
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(said(&folder).contains("secrets.json is gone, but the Postgres cluster in"), "{}", said(&folder));
}
