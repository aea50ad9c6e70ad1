//! How delegations end otherwise: by their person, and with their person's place here; sockets and streams end with them.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use super::{allow, begin, error, me, poll, refresh, text, tokens, world};
use crate::{
    harness::{World, socket, soon, within},
    login::Scene,
};

/// Opens a socket by an access token; answers when it is closed, and with which code.
pub async fn socket(world: &World, token: &str) -> impl Future<Output = (Instant, u16)> + use<> {
    let (connected, closed) = socket::open(world.url(), token).await;
    assert!(connected.contains("\"expires\""), "{connected}");
    closed
}

#[tokio::test(flavor = "multi_thread")]
async fn its_person_ends_it_and_its_socket_and_stream_with_it() {
    let world = world().await;
    let given = tokens(&world, "memory:read", "default").await;
    let token = text(&given, "access_token");
    let closed = socket(&world, token).await;
    let mut stream = world.anonymous(Method::GET, "/api/v1/stream").bearer_auth(token).send().await.expect("opens");
    assert_eq!(stream.status(), StatusCode::OK);
    let list = world.get("/api/v1/delegations").await.body;
    let id = text(&list["delegations"][0], "id").to_owned();
    let began = Instant::now();
    let ended = world.send(Method::DELETE, &format!("/api/v1/delegations/{id}"), json!(null)).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT, "{ended:?}");
    assert_eq!(me(&world, token).await.status, StatusCode::UNAUTHORIZED);
    let (at, code) = soon("the socket is closed", closed).await;
    assert!(code >= 3_000 && at - began < Duration::from_secs(2), "{code} {:?}", at - began);
    let to_its_end = async || -> Result<(), ()> {
        while let Ok(Some(_)) = stream.chunk().await {}
        Ok(())
    };
    within(Duration::from_secs(5), "the stream ends", to_its_end).await;
    assert_eq!(error(&refresh(&world, text(&given, "refresh_token")).await), (400, "invalid_grant"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_out_has_no_clients_any_more_also_when_they_are_in_again() {
    let Some(scene) = Scene::new(false).await else { return };
    let (world, ann) = (&scene.world, scene.visitor("ann").await);
    // Who is not logged in comes by the one provider, or chooses one, and back to the very page.
    let begun = begin(world, "memory:read memory:write space:admin").await;
    let nobody = crate::login::browser::Browser::of("ann").get(text(&begun, "verification_uri_complete")).await;
    assert!(nobody.text.contains("/auth/home?return_to=%2Foauth%2Fdevice%3Fuser_code%3D"), "{nobody:?}");
    allow(&ann, &begun, "default").await;
    let given = poll(world, &begun).await.body;
    let token = text(&given, "access_token");
    let who = me(world, token).await.body;
    assert_eq!(who["scopes"], json!(["memory:read", "memory:write"]), "an editor administers nothing");
    let id = text(&who, "id").to_owned();
    let closed = socket(world, token).await;
    let set = async |how: &str| world.send(Method::POST, &format!("/api/v1/principals/{id}/{how}"), json!(null)).await.status;
    assert_eq!(set("disable").await, StatusCode::OK);
    let (_, code) = soon("the socket is closed", closed).await;
    assert!(code >= 3_000, "{code}");
    assert_eq!(me(world, token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(set("enable").await, StatusCode::OK);
    assert_eq!(me(world, token).await.status, StatusCode::UNAUTHORIZED, "it has ended");
    assert_eq!(error(&refresh(world, text(&given, "refresh_token")).await), (400, "invalid_grant"));
    // The same for one who is removed, however many spaces the token was for.
    let ann = scene.visitor("ann").await;
    let begun = begin(world, "memory:read").await;
    allow(&ann, &begun, "*").await;
    let given = poll(world, &begun).await.body;
    assert_eq!(me(world, text(&given, "access_token")).await.status, StatusCode::OK);
    let removed = world.send(Method::DELETE, &format!("/api/v1/members/{id}"), json!(null)).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(me(world, text(&given, "access_token")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(error(&refresh(world, text(&given, "refresh_token")).await), (400, "invalid_grant"));
    scene.end().await;
}
