//! What tests of memories do again and again: make one, wait until nothing of it is left to destroy, hold the tables against the log.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Reply, World, eventually};

/// 24 letters by chance, which nobody else says: a word for the index as well.
pub fn canary() -> String {
    let chance = u128::from_be_bytes(*uuid::Uuid::new_v4().as_bytes());
    let letter = |place: u32| char::from(b'a' + (chance / 26u128.pow(place) % 26) as u8);
    (0..24).map(letter).collect()
}

/// The status of an answer, and the code of what was refused.
pub fn code(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.body["code"].as_str().unwrap_or_default())
}

impl World {
    /// Makes a memory; answers its id.
    pub async fn add(&self, body: Value) -> String {
        let added = self.send(Method::POST, "/api/v1/memories", body).await;
        assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
        added.body["memory"]["id"].as_str().expect("an id").to_owned()
    }

    /// Waits for the receipt of what was to be destroyed of a memory.
    pub async fn receipt(&self, id: &str) -> Value {
        eventually(format!("{id} has its receipt"), async || {
            let found = self.get(&format!("/api/v1/erasures/{id}")).await.body;
            if found["state"] == "completed" { Ok(found) } else { Err(found) }
        })
        .await
    }

    /// Makes sure that these projections are what the log says, with nothing put aside.
    pub async fn verified(&self, projections: &[&str]) {
        for projection in projections {
            let verified = self.send(Method::POST, &format!("/api/v1/replay/{projection}/verify"), json!(null)).await.body;
            assert_eq!((&verified["equal"], &verified["parked"]), (&json!(true), &json!(0)), "{projection}: {verified}");
        }
    }
}
