//! Refresh tokens: good once, with a second chance for a lost answer, and the end of all when a thief shows one.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{CLI, ask, error, me, refresh, text, tokens, world};
use crate::harness::{eventually, reply, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_given_again_and_a_thief_ends_the_family_and_its_sockets() {
    let mut world = world().await;
    let given = tokens(&world, "memory:read memory:write audit:read", "default").await;
    let (first, token) = (text(&given, "refresh_token"), text(&given, "access_token"));
    let answers = futures::future::join_all((0..8).map(|_| refresh(&world, first))).await;
    let second = text(&answers[0].body, "refresh_token").to_owned();
    assert!(answers.iter().all(|it| it.status == StatusCode::OK && text(&it.body, "refresh_token") == second), "{answers:?}");
    assert!(second != first && answers.iter().all(|it| text(&it.body, "access_token") != token));
    world.restart().await;
    let again = refresh(&world, first).await;
    assert_eq!((again.status, text(&again.body, "refresh_token")), (StatusCode::OK, second.as_str()), "also by another process");
    let narrow = [("grant_type", "refresh_token"), ("refresh_token", &second), ("client_id", CLI), ("scope", "memory:read")];
    let third = ask(&world, "/oauth/token", &narrow).await;
    assert_eq!((third.status.as_u16(), &third.body["scope"]), (200, &json!("memory:read")));
    assert_eq!(me(&world, text(&third.body, "access_token")).await.body["scopes"], json!(["memory:read"]));
    let more = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&third.body, "refresh_token")),
        ("client_id", CLI),
        ("scope", "space:admin"),
    ];
    assert_eq!(error(&ask(&world, "/oauth/token", &more).await), (400, "invalid_scope"));
    // A token made up for this family ends nothing.
    let forged = format!("{}AAAA", &first[..first.len() - 4]);
    assert_eq!(error(&refresh(&world, &forged).await), (400, "invalid_grant"));
    assert_eq!(me(&world, token).await.status, StatusCode::OK);
    let closed = super::ends::socket(&world, token).await;
    assert_eq!(error(&refresh(&world, first).await), (400, "invalid_grant"), "two replacements later it is a theft");
    let (_, code) = soon("the socket is closed", closed).await;
    assert!(code >= 3_000, "{code}");
    assert_eq!(me(&world, token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(error(&refresh(&world, text(&third.body, "refresh_token")).await), (400, "invalid_grant"));
    let traced = async || {
        let page = world.get("/api/v1/audit?types=principal.token_reused").await;
        let entry = page.body["entries"][0].clone();
        if entry["address"] == "127.0.0.1" { Ok(()) } else { Err(page) }
    };
    eventually("the audit has a trace", traced).await;
    world.restart().await;
    assert_eq!(me(&world, token).await.status, StatusCode::UNAUTHORIZED, "it stays ended");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_chance_is_over_after_ten_seconds() {
    let world = world().await;
    let given = tokens(&world, "memory:read", "default").await;
    let first = text(&given, "refresh_token");
    let second = refresh(&world, first).await;
    assert_eq!(second.status, StatusCode::OK);
    // The one wait that no position tells the end of.
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    assert_eq!(error(&refresh(&world, first).await), (400, "invalid_grant"));
    assert_eq!(error(&refresh(&world, text(&second.body, "refresh_token")).await), (400, "invalid_grant"), "and all is over");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_given_back_ends_what_it_is_of() {
    let world = world().await;
    for which in ["refresh_token", "access_token"] {
        let given = tokens(&world, "memory:read", "default").await;
        let token = text(&given, "access_token");
        let closed = super::ends::socket(&world, token).await;
        let began = tokio::time::Instant::now();
        assert_eq!(
            error(&ask(&world, "/oauth/revoke", &[("token", text(&given, which)), ("client_id", "x")]).await),
            (400, "invalid_client")
        );
        let revoked = ask(&world, "/oauth/revoke", &[("token", text(&given, which)), ("client_id", CLI)]).await;
        assert_eq!(revoked.status, StatusCode::OK, "{revoked:?}");
        assert_eq!(me(&world, token).await.status, StatusCode::UNAUTHORIZED);
        let (at, code) = soon("the socket is closed", closed).await;
        println!("a socket was closed {:?} after the revocation of its {which} was asked for (code {code})", at - began);
        assert!(code >= 3_000 && at - began < Duration::from_secs(2), "{:?}", at - began);
        assert_eq!(error(&refresh(&world, text(&given, "refresh_token")).await), (400, "invalid_grant"));
        let again = ask(&world, "/oauth/revoke", &[("token", text(&given, which)), ("client_id", CLI)]).await;
        assert_eq!(again.status, StatusCode::OK, "what is over can be given back");
    }
    let nobody = reply(world.anonymous(Method::GET, "/api/v1/delegations")).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    world.end().await;
}
