//! What a person lets an API client do in their name, and what leads to it: a device that waits to be let in, the keys that sign tokens.
//! Secrets are known here by their SHA-256 alone. Called by `app::oauth`, which keeps them, and by the stream's adapter.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{
    access::Scope,
    ids::{PrincipalId, SpaceId, Timestamp},
};

/// Without a refresh, and in all, a delegation is over after so many days.
const IDLE_DAYS: i64 = 30;
const MAX_DAYS: i64 = 365;
/// How long a device waits for its person, in seconds.
pub const DEVICE_S: i64 = 600;
/// How long a key signs, in days, and how much longer it verifies: longer than any token that it has signed lives.
const SIGNS_DAYS: i64 = 30;
const VERIFIES_LONGER_S: i64 = 3_600;

/// A client may act for somebody: within these scopes, in one space or in all that they belong to. The *family* of refresh tokens is its
/// own; when one of them comes twice, it is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Delegation {
    /// Its public name, `sid` of its tokens; opens nothing.
    pub id: Uuid,
    pub principal: PrincipalId,
    pub client: String,
    pub client_name: String,
    pub scopes: Vec<Scope>,
    /// All that the principal belongs to when absent.
    pub space: Option<SpaceId>,
    pub created_at: Timestamp,
    /// When the newest refresh token was given out.
    pub refreshed_at: Timestamp,
    /// What the client called itself, and where it came from: for its owner to recognise.
    pub agent: String,
    pub address: String,
    /// The newest refresh token.
    pub refresh_sha256: String,
    /// The one that it has replaced, at `refreshed_at`.
    pub replaced_sha256: Option<String>,
}

impl Delegation {
    /// When it is over if nothing is refreshed.
    pub fn ends_at(&self) -> Timestamp {
        let silent = self.refreshed_at + TimeDelta::days(IDLE_DAYS);
        silent.min(self.created_at + TimeDelta::days(MAX_DAYS))
    }

    pub fn holds_at(&self, now: Timestamp) -> bool {
        now < self.ends_at()
    }
}

/// What a person has said to a device that waits.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    Pending,
    Denied,
    Allowed { principal: PrincipalId, space: Option<SpaceId> },
}

/// A device that waits until somebody lets it in. It is named by its user code.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// The code by which the device itself asks.
    pub device_sha256: String,
    pub client: String,
    pub client_name: String,
    pub scopes: Vec<Scope>,
    pub agent: String,
    pub address: String,
    pub asked_at: Timestamp,
    pub decision: Decision,
}

impl Device {
    pub fn ends_at(&self) -> Timestamp {
        self.asked_at + TimeDelta::seconds(DEVICE_S)
    }

    pub fn waits_at(&self, now: Timestamp) -> bool {
        now < self.ends_at()
    }
}

/// A key that signs access tokens (ed25519).
#[derive(Clone, Debug, PartialEq)]
pub struct SigningKey {
    /// Its name in tokens, `kid`.
    pub id: String,
    pub public: [u8; 32],
    /// Its seed, sealed by the master key.
    pub sealed_seed: String,
    pub made_at: Timestamp,
}

impl SigningKey {
    pub fn signs_at(&self, now: Timestamp) -> bool {
        now < self.made_at + TimeDelta::days(SIGNS_DAYS)
    }

    /// When nothing that it has signed is good any more.
    pub fn ends_at(&self) -> Timestamp {
        self.made_at + TimeDelta::days(SIGNS_DAYS) + TimeDelta::seconds(VERIFIES_LONGER_S)
    }

    pub fn verifies_at(&self, now: Timestamp) -> bool {
        now < self.ends_at()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_delegation_ends_by_silence_or_by_age_and_a_key_verifies_longer_than_it_signs() {
        let day = |day: i64| DateTime::from_timestamp(day * 86_400, 0).expect("a time");
        let of = |refreshed: i64| Delegation {
            id: Uuid::nil(),
            principal: PrincipalId(Uuid::nil()),
            client: "c".into(),
            client_name: "C".into(),
            scopes: vec![],
            space: None,
            created_at: day(0),
            refreshed_at: day(refreshed),
            agent: String::new(),
            address: String::new(),
            refresh_sha256: String::new(),
            replaced_sha256: None,
        };
        assert!(of(0).holds_at(day(29)) && !of(0).holds_at(day(30)) && of(360).holds_at(day(364)) && !of(360).holds_at(day(365)));
        let key = SigningKey { id: "k".into(), public: [0; 32], sealed_seed: String::new(), made_at: day(0) };
        assert!(key.signs_at(day(29)) && !key.signs_at(day(30)) && key.verifies_at(day(30)) && !key.verifies_at(day(31)));
    }
}
