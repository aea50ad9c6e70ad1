//! Who holds connections: a peer that does not read is let go, and who has shown no key does not hold the door.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::harness::{World, alone::Alone, reachable};

fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(url.trim_start_matches("http://")).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_read_is_let_go() {
    let world = World::new().await;
    let mut stream = connect(world.url());
    let ended = spawn_blocking(move || {
        // More than any buffer between us holds; nothing of it is read.
        let started = Instant::now();
        stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a limit");
        let request = b"GET /docs HTTP/1.1\r\nHost: localhost\r\n\r\n";
        while started.elapsed() < Duration::from_secs(90) {
            match stream.write_all(request) {
                Err(gone) if !matches!(gone.kind(), std::io::ErrorKind::WouldBlock) => return Some(started.elapsed()),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        None
    });
    let ended = ended.await.expect("no panic").expect("it is let go");
    assert!(ended > Duration::from_secs(10), "{ended:?}: a pause is nothing unusual");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_no_key_does_not_hold_the_door() {
    let place = reachable();
    // 400 places, of which half may be held without a key.
    let brain = Alone::with_descriptors(&place.path().join("data"), "127.0.0.1:0", "600").await;
    let url = brain.url.clone();
    let held = spawn_blocking(move || {
        let mut held = vec![];
        for _ in 0..350 {
            let mut stream = connect(&url);
            stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("written");
            let mut answer = [0; 1024];
            let bytes = stream.read(&mut answer).expect("an answer");
            let text = String::from_utf8_lossy(&answer[..bytes]).to_lowercase();
            assert!(text.starts_with("http/1.1 200"), "{text}");
            if !text.contains("connection: close") {
                held.push(stream);
            }
        }
        held
    });
    let held = held.await.expect("no panic");
    assert!((150..=201).contains(&held.len()), "{} connections are held", held.len());
    let started = Instant::now();
    let added = brain.send(Method::POST, "/api/v1/memories", json!({"content": "tea"})).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    brain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monitoring_port_of_the_log_tells_nothing_to_who_does_not_know_its_path() {
    let world = World::new().await;
    let known = world.monitor_url();
    let status = async |url: String| reqwest::get(url).await.expect("nats-server answers").status();
    assert_eq!(status(format!("{known}/healthz")).await, StatusCode::OK);
    let (open, _) = known.rsplit_once('/').expect("a path");
    for page in ["", "/", "/varz", "/connz", "/jsz", "/subsz", "/healthz"] {
        assert_eq!(status(format!("{open}{page}")).await, StatusCode::NOT_FOUND, "{page}");
    }
}
