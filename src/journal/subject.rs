//! The only place that builds subjects and stream names. Called by the adapters of the log; knows no network.

use xxhash_rust::xxh3::xxh3_64;

use super::derived::FactKey;
use crate::domain::ids::{MemoryId, SpaceId};

/// Number of partitions, fixed for ever: the token stands in every stored subject.
pub const PARTITIONS: u64 = 64;

/// The first token of every subject and the stem of every stream name (`BRAIN_PREFIX`, default `brain`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix is 1–32 characters of a-z, 0-9, - and _, not {0:?}")]
pub struct InvalidPrefix(pub String);

impl Prefix {
    /// Errors: [`InvalidPrefix`] for anything but 1–32 characters of a-z, 0-9, - and _.
    pub fn parse(text: &str) -> Result<Self, InvalidPrefix> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if (1..=32).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPrefix(text.to_owned()))
        }
    }

    /// Name of a stream: `brain_EVENTS`.
    pub fn stream(&self, name: &str) -> String {
        format!("{}_{name}", self.0)
    }

    /// All subjects of the event log.
    pub fn all_events(&self) -> String {
        format!("{}.ev.>", self.0)
    }

    /// All subjects of one space.
    pub fn events_of(&self, space: &SpaceId) -> String {
        format!("{}.ev.*.{space}.>", self.0)
    }

    /// All subjects of one kind of aggregate, in all spaces.
    pub fn events_of_kind(&self, aggregate: &str) -> String {
        format!("{}.ev.*.*.{aggregate}.>", self.0)
    }

    /// `<prefix>.ev.<pp>.<space>.<aggregate>.<id>`: one subject per aggregate.
    pub fn event(&self, space: &SpaceId, aggregate: &str, id: &str) -> String {
        format!("{}.ev.{:02x}.{space}.{aggregate}.{id}", self.0, partition(space, id))
    }

    /// All subjects of derived facts.
    pub fn all_derived(&self) -> String {
        format!("{}.derived.>", self.0)
    }

    /// All embeddings of one space, of every model.
    pub fn derived_of(&self, space: &SpaceId) -> String {
        format!("{}.derived.embedding.*.*.{space}.>", self.0)
    }

    /// The newest embeddings of one memory, of every model.
    pub fn embeddings_of(&self, space: &SpaceId, id: MemoryId) -> String {
        self.embedding("*", space, id)
    }

    /// One subject per key of a derived fact: `<prefix>.derived.embedding.<model>.<pp>.<space>.<id>`, `<prefix>.derived.embedder.<model>`,
    /// `<prefix>.derived.dispatcher`.
    pub fn fact(&self, key: &FactKey) -> String {
        match key {
            FactKey::Embedding { model, space, id } => self.embedding(model, space, *id),
            FactKey::Embedder { model } => format!("{}.derived.embedder.{model}", self.0),
            FactKey::Dispatcher => format!("{}.derived.dispatcher", self.0),
        }
    }

    fn embedding(&self, model: &str, space: &SpaceId, id: MemoryId) -> String {
        let id = id.to_string();
        format!("{}.derived.embedding.{model}.{:02x}.{space}.{id}", self.0, partition(space, &id))
    }

    /// All subjects of sessions.
    pub fn all_sessions(&self) -> String {
        format!("{}.session.>", self.0)
    }

    /// `<prefix>.session.at.<sha256 of its secret>`: one subject per session of a browser; `*` is all of them.
    pub fn session(&self, secret_sha256: &str) -> String {
        format!("{}.session.at.{secret_sha256}", self.0)
    }

    /// `<prefix>.session.used.<sha256>`: where it is written down that something which counts once was used.
    pub fn used_once(&self, sha256: &str) -> String {
        format!("{}.session.used.{sha256}", self.0)
    }

    /// All subjects of data keys.
    pub fn all_data_keys(&self) -> String {
        format!("{}.key.1.>", self.0)
    }

    /// `<prefix>.key.<generation>.<space>.<id>`: one subject per memory that has a data key.
    pub fn data_key(&self, space: &SpaceId, id: &str) -> String {
        format!("{}.key.1.{space}.{id}", self.0)
    }

    /// `<prefix>.session.oauth.<kind>.<name>`: one subject per delegation, waiting device and signing key; `*` is all of them.
    pub fn delegation(&self, kind: &str, name: &str) -> String {
        format!("{}.session.oauth.{kind}.{name}", self.0)
    }

    /// `<prefix>.session.mark.<name>`: where a number is kept that is no event. `name` is one token.
    pub fn mark(&self, name: &str) -> String {
        format!("{}.session.mark.{name}", self.0)
    }

    /// All subjects on which a data key is or was.
    pub fn data_keys_of_all(&self) -> String {
        format!("{}.key.1.*.*", self.0)
    }

    /// Whose data key stands on a subject.
    pub fn of_data_key(&self, subject: &str) -> Option<(SpaceId, String)> {
        let (space, id) = subject.strip_prefix(&format!("{}.key.1.", self.0))?.split_once('.')?;
        Some((space.parse().ok()?, id.to_owned()))
    }

    /// What keeps data keys apart that were wrapped at different times; no key is there.
    pub fn filling_of_data_keys(&self) -> String {
        format!("{}.key.1.filling", self.0)
    }

    /// All subjects of what is known of master keys.
    pub fn all_of_vault(&self) -> String {
        format!("{}.vault.>", self.0)
    }

    /// Where the ring of master keys stands.
    pub fn key_ring(&self) -> String {
        format!("{}.vault.ring", self.0)
    }

    /// Where a process asks all others which master keys they hold; nothing said there is kept.
    pub fn key_roll_call(&self) -> String {
        format!("{}.rollcall.keys", self.0)
    }

    /// Where a projection announces its commits.
    pub fn applied(&self, projection: &str) -> String {
        format!("{}.applied.{projection}", self.0)
    }
}

/// xxh3 of space and id, separated by a zero byte, modulo 64.
fn partition(space: &SpaceId, id: &str) -> u64 {
    let mut key = Vec::with_capacity(space.as_str().len() + 1 + id.len());
    key.extend_from_slice(space.as_str().as_bytes());
    key.push(0);
    key.extend_from_slice(id.as_bytes());
    xxh3_64(&key) % PARTITIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_fixed_for_ever() {
        let prefix = Prefix::parse("brain").expect("valid");
        let subject = prefix.event(&SpaceId::default_space(), "memory", "0190f3d2-0000-7000-8000-000000000001");
        insta::assert_snapshot!(subject, @"brain.ev.1f.default.memory.0190f3d2-0000-7000-8000-000000000001");
        let id = "0190f3d2-0000-7000-8000-000000000001".parse().expect("an id");
        let facts = [
            FactKey::embedding("minilm-l6-v2", &SpaceId::default_space(), id),
            FactKey::Embedder { model: "minilm-l6-v2".into() },
            FactKey::Dispatcher,
        ];
        insta::assert_snapshot!(facts.map(|key| prefix.fact(&key)).join("\n"), @r"
        brain.derived.embedding.minilm-l6-v2.1f.default.0190f3d2-0000-7000-8000-000000000001
        brain.derived.embedder.minilm-l6-v2
        brain.derived.dispatcher
        ");
        assert_eq!(Prefix::parse("a.b"), Err(InvalidPrefix("a.b".into())));
    }
}
