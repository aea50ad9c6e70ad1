//! The stored shapes of spaces and keys. The names are on disk: see `upcast.rs` before changing one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Error, Storable, Stored, read, stored, unknown};
use crate::domain::{
    access::{Key, KeyEvent, KeyScope, Space, SpaceCreated},
    ids::{KeyId, PrincipalId, SpaceId, Timestamp},
};

/// The data of `space.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SpaceV1 {
    pub id: SpaceId,
    pub created_at: Timestamp,
}

impl Storable for SpaceCreated {
    fn store(&self) -> Stored {
        stored("space.created", &SpaceV1 { id: self.0.id.clone(), created_at: self.0.created_at })
    }

    fn load(kind: &str, data: &Value) -> Result<Self, Error> {
        let space = read::<SpaceV1>(kind, data)?;
        Ok(Self(Space { id: space.id, created_at: space.created_at }))
    }
}

/// The data of `key.issued` and `key.revoked`; version 1 differs by knowing no `webhook:admin` among the scopes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct KeyV2 {
    pub id: KeyId,
    pub space: SpaceId,
    pub principal: PrincipalId,
    pub label: String,
    pub secret_sha256: String,
    pub scopes: Vec<KeyScope>,
    pub issued_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl From<&Key> for KeyV2 {
    fn from(key: &Key) -> Self {
        let Key { id, space, principal, label, secret_sha256, scopes, issued_at, expires_at, revoked_at } = key.clone();
        Self { id, space, principal, label, secret_sha256, scopes, issued_at, expires_at, revoked_at }
    }
}

impl From<KeyV2> for Key {
    fn from(key: KeyV2) -> Self {
        let KeyV2 { id, space, principal, label, secret_sha256, scopes, issued_at, expires_at, revoked_at } = key;
        Self { id, space, principal, label, secret_sha256, scopes, issued_at, expires_at, revoked_at }
    }
}

impl Storable for KeyEvent {
    fn store(&self) -> Stored {
        let kind = match self {
            Self::Issued(_) => "key.issued",
            Self::Revoked(_) => "key.revoked",
        };
        Stored { version: 2, ..stored(kind, &KeyV2::from(self.key())) }
    }

    fn load(kind: &str, data: &Value) -> Result<Self, Error> {
        let key = Key::from(read::<KeyV2>(kind, data)?);
        match kind {
            "key.issued" => Ok(Self::Issued(key)),
            "key.revoked" => Ok(Self::Revoked(key)),
            _ => Err(unknown(kind)),
        }
    }
}
