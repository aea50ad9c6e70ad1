//! The aggregates `space` and `key`: who may do what, where. Their events live in the reserved space `sys`.
//!
//! Called by the write path when `up` makes the first space and key, and by the in-memory directory that authenticates.

use serde::{Deserialize, Serialize};

use super::{
    decider::Decider,
    ids::{KeyId, PrincipalId, SpaceId, Timestamp},
};

/// What a key may do; the names are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum KeyScope {
    #[serde(rename = "memory:read")]
    MemoryRead,
    #[serde(rename = "memory:write")]
    MemoryWrite,
    /// May set `created_at` when putting memories.
    #[serde(rename = "memory:import")]
    MemoryImport,
    /// May read and change webhooks, and see their secrets.
    #[serde(rename = "webhook:admin")]
    WebhookAdmin,
}

impl KeyScope {
    pub const ALL: [Self; 4] = [Self::MemoryRead, Self::MemoryWrite, Self::MemoryImport, Self::WebhookAdmin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemoryRead => "memory:read",
            Self::MemoryWrite => "memory:write",
            Self::MemoryImport => "memory:import",
            Self::WebhookAdmin => "webhook:admin",
        }
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    pub id: SpaceId,
    pub created_at: Timestamp,
}

/// An API key as the log knows it: the secret only as its SHA-256, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
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

impl Key {
    /// Whether the key opens anything at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct SpaceCreated(pub Space);

/// Spaces: created once, again is "already so".
pub struct SpaceDecider;

impl Decider for SpaceDecider {
    type Command = Space;
    type Event = SpaceCreated;
    type State = Option<Space>;
    type Rejection = std::convert::Infallible;

    fn decide(command: Space, state: &Option<Space>) -> Result<Vec<SpaceCreated>, Self::Rejection> {
        Ok(if state.is_some() { vec![] } else { vec![SpaceCreated(command)] })
    }

    fn evolve(_: Option<Space>, event: &SpaceCreated) -> Option<Space> {
        Some(event.0.clone())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum KeyCommand {
    Issue(Key),
    Revoke { at: Timestamp },
}

#[derive(Clone, Debug, PartialEq)]
pub enum KeyEvent {
    Issued(Key),
    Revoked(Key),
}

impl KeyEvent {
    pub fn key(&self) -> &Key {
        match self {
            Self::Issued(key) | Self::Revoked(key) => key,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRejection {
    #[error("there is no key with this id")]
    NotFound,
}

/// Keys: issued once, revoked for ever.
pub struct KeyDecider;

impl Decider for KeyDecider {
    type Command = KeyCommand;
    type Event = KeyEvent;
    type State = Option<Key>;
    type Rejection = KeyRejection;

    fn decide(command: KeyCommand, state: &Option<Key>) -> Result<Vec<KeyEvent>, KeyRejection> {
        match (command, state) {
            (KeyCommand::Issue(key), None) => Ok(vec![KeyEvent::Issued(key)]),
            // What may be done grows with the program: the owner's key is given what it lacks.
            (KeyCommand::Issue(key), Some(old)) => {
                let lacks = key.scopes.iter().any(|scope| !old.scopes.contains(scope));
                let grown = Key { scopes: key.scopes, ..old.clone() };
                Ok(if lacks && old.revoked_at.is_none() { vec![KeyEvent::Issued(grown)] } else { vec![] })
            }
            (KeyCommand::Revoke { .. }, None) => Err(KeyRejection::NotFound),
            (KeyCommand::Revoke { .. }, Some(key)) if key.revoked_at.is_some() => Ok(vec![]),
            (KeyCommand::Revoke { at }, Some(key)) => Ok(vec![KeyEvent::Revoked(Key { revoked_at: Some(at), ..key.clone() })]),
        }
    }

    fn evolve(_: Option<Key>, event: &KeyEvent) -> Option<Key> {
        Some(event.key().clone())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::decider::kit::given;

    fn key() -> Key {
        Key {
            id: KeyId(Uuid::nil()),
            space: SpaceId::default_space(),
            principal: PrincipalId(Uuid::nil()),
            label: "owner".into(),
            secret_sha256: "00".into(),
            scopes: KeyScope::ALL.to_vec(),
            issued_at: DateTime::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_is_issued_once_and_revoked_for_ever() {
        let revoked = Key { revoked_at: Some(DateTime::UNIX_EPOCH), ..key() };
        let revoke = || KeyCommand::Revoke { at: DateTime::UNIX_EPOCH };
        given::<KeyDecider>([]).when(KeyCommand::Issue(key())).then([KeyEvent::Issued(key())]);
        given::<KeyDecider>([KeyEvent::Issued(key())]).when(KeyCommand::Issue(key())).then([]);
        let poorer = Key { scopes: vec![KeyScope::MemoryRead], ..key() };
        let issued = KeyEvent::Issued(poorer.clone());
        given::<KeyDecider>([issued]).when(KeyCommand::Issue(key())).then([KeyEvent::Issued(key())]);
        given::<KeyDecider>([KeyEvent::Issued(key())]).when(KeyCommand::Issue(poorer)).then([]);
        given::<KeyDecider>([KeyEvent::Issued(key())]).when(revoke()).then([KeyEvent::Revoked(revoked.clone())]);
        given::<KeyDecider>([KeyEvent::Revoked(revoked.clone())]).when(revoke()).then([]);
        given::<KeyDecider>([]).when(revoke()).then_rejected(KeyRejection::NotFound);
        assert!(key().is_valid_at(DateTime::UNIX_EPOCH) && !revoked.is_valid_at(DateTime::UNIX_EPOCH));
    }

    #[test]
    fn a_space_is_created_once() {
        let space = || Space { id: SpaceId::default_space(), created_at: DateTime::UNIX_EPOCH };
        given::<SpaceDecider>([]).when(space()).then([SpaceCreated(space())]);
        given::<SpaceDecider>([SpaceCreated(space())]).when(space()).then([]);
    }
}
