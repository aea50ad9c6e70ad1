//! Typed ids and positions, so that no two of them can be confused. Used by every module; builds none at random.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An instant in UTC, as every command, event and row carries it.
pub type Timestamp = DateTime<Utc>;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

uuid_ids! {
    /// A memory; equals the id of the command that created it unless the client chose one.
    MemoryId,
    /// A relationship; follows from its ends and its type, see [`RelationshipId::of`].
    RelationshipId,
    /// One event: v5 of its command id and its index in that command.
    EventId,
    /// One wish of one client; the anchor of idempotency.
    CommandId,
    /// Who acts: a person or an agent.
    PrincipalId,
    /// An API key's public id; the secret is only known by its hash.
    KeyId,
    /// An endpoint that wants to be told; equals the id of the command that registered it.
    WebhookId,
}

impl CommandId {
    /// What an Idempotency-Key stands for: v5(space, principal, key). Ids of the commands that come under it follow by [`Self::action`].
    pub fn keyed(space: &SpaceId, principal: PrincipalId, idempotency_key: &str) -> Self {
        let scope = Uuid::new_v5(&principal.0, space.as_str().as_bytes());
        Self(Uuid::new_v5(&scope, idempotency_key.as_bytes()))
    }

    /// The id of item `index` of a batch that came under this command id.
    pub fn item(self, index: usize) -> Self {
        Self(Uuid::new_v5(&self.0, format!("item {index}").as_bytes()))
    }

    /// The id of the command that does `action` under this key: another action under the same key is another command.
    pub fn action(self, action: &str) -> Self {
        Self(Uuid::new_v5(&self.0, format!("action {action}").as_bytes()))
    }

    /// The id of event `index` that this command causes on an aggregate: the same command on another aggregate causes another event.
    pub fn event(self, aggregate: &str, id: &str, index: usize) -> EventId {
        EventId(Uuid::new_v5(&self.0, format!("{aggregate} {id} event {index}").as_bytes()))
    }
}

/// Where the ids of relationships come from; never to change.
const RELATIONSHIPS: Uuid = Uuid::from_u128(0x6e0d_3b1c_2f57_4a8e_9c61_7d24_b0f3_58aa);

impl RelationshipId {
    /// v5 of source, type and target: the same relationship has one id for ever, deleted and made again or not.
    pub fn of(source: MemoryId, relationship_type: &str, target: MemoryId) -> Self {
        Self(Uuid::new_v5(&RELATIONSHIPS, format!("{source}\u{1f}{relationship_type}\u{1f}{target}").as_bytes()))
    }
}

/// A tenant's name: 1–64 characters of `a-z`, `0-9`, `-`, `_`, starting with a letter or a digit. Safe in a subject and in SQL text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(with = "String")]
pub struct SpaceId(Arc<str>);

/// Longest name of a space, in characters.
pub const SPACE_CHARS_MAX: usize = 64;

/// The name is not a space's: see [`SpaceId`] for the form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a space is named by 1–{SPACE_CHARS_MAX} characters of a-z, 0-9, - and _, not {0:?}")]
pub struct InvalidSpace(pub String);

impl SpaceId {
    /// The reserved space of spaces, principals and keys; never in public events.
    pub fn sys() -> Self {
        Self(Arc::from("sys"))
    }

    /// The space that `brain up` creates.
    pub fn default_space() -> Self {
        Self(Arc::from("default"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_sys(&self) -> bool {
        &*self.0 == "sys"
    }
}

impl FromStr for SpaceId {
    type Err = InvalidSpace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        let starts_well = text.bytes().next().is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit());
        if starts_well && text.len() <= SPACE_CHARS_MAX && text.bytes().all(inner) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(InvalidSpace(text.to_owned()))
        }
    }
}

impl<'de> Deserialize<'de> for SpaceId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for SpaceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A sequence number of a stream: 1, 2, 3 …; 0 means "before the first". The consistency token that clients know as `position`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct StreamSeq(pub u64);

impl fmt::Display for StreamSeq {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// How often an aggregate has changed: 1, 2, 3 …; 0 means that it does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_are_named_by_safe_words_only() {
        for good in ["default", "a", "0", "team-7_x"] {
            assert_eq!(good.parse::<SpaceId>().map(|space| space.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "A", "a.b", "a'b", "é", &"x".repeat(65)] {
            assert_eq!(bad.parse::<SpaceId>(), Err(InvalidSpace(bad.to_owned())));
        }
    }

    #[test]
    fn a_keyed_command_has_one_id_and_its_items_differ() {
        let principal = PrincipalId(Uuid::nil());
        let id = CommandId::keyed(&SpaceId::default_space(), principal, "k1");
        assert_eq!(id, CommandId::keyed(&SpaceId::default_space(), principal, "k1"));
        assert_ne!(id, CommandId::keyed(&SpaceId::sys(), principal, "k1"));
        assert_ne!(id.item(0), id.item(1));
        assert_ne!(id.event("memory", "a", 0), id.event("memory", "b", 0));
        assert_ne!(id.event("memory", "a", 0), id.event("webhook", "a", 0));
        assert_ne!(id.action("update"), id.action("delete"));
    }
}
