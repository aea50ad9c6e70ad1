//! One kept answer and what it is found by. Shared by the store, which holds it, and the ledger, which ends it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use super::body::Body;
use crate::{
    domain::ids::{Revision, SpaceId},
    ports::cache::{Answer, Dep, Membership, Stamp},
};

/// Numbers kept answers; never two at a time alike.
pub type EntryId = u32;

/// What every entry takes beside its parts: its own struct and its question's, the body's counters, and what moka keeps of it (place in
/// the map, order of use, order of age), more than half of it all. As the system counts it: `cargo bench --bench caches`.
const ENTRY_BYTES: usize = 570;

#[derive(Debug, PartialEq, Eq, Hash)]
struct KeyParts {
    space: SpaceId,
    surface: &'static str,
    kind: &'static str,
    text: Box<str>,
}

/// A question of one space: the surface that writes its answer, its kind, and everything that chooses the answer, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Arc<KeyParts>);

impl Key {
    pub fn new(space: &SpaceId, surface: &'static str, kind: &'static str, text: impl Into<Box<str>>) -> Self {
        Self(Arc::new(KeyParts { space: space.clone(), surface, kind, text: text.into() }))
    }

    pub fn space(&self) -> &SpaceId {
        &self.0.space
    }

    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    pub fn text(&self) -> &str {
        &self.0.text
    }
}

/// An answer that is kept.
pub struct Entry {
    pub id: EntryId,
    hits: AtomicU32,
    pub key: Key,
    pub body: Body,
    /// What the ETag says, for answers that have one.
    pub revision: Option<Revision>,
    pub deps: Box<[Dep]>,
    pub membership: Option<Arc<dyn Membership>>,
    pub stamp: Stamp,
    /// Documents of the index that it was ranked by; 0 for answers that no words had a part in.
    pub documents: u64,
    /// Over when so many documents have been added since the start.
    pub documents_until: u64,
    pub since: Instant,
}

impl Entry {
    /// `added`: documents so far.
    pub fn new(id: EntryId, key: Key, answer: Answer, stamp: Stamp, added: u64) -> Self {
        let Answer { body, revision, deps, membership, statistics, is_whole: _ } = answer;
        Self {
            id,
            hits: AtomicU32::new(0),
            key,
            body: Body::Plain(body),
            revision,
            deps: deps.into(),
            membership,
            stamp,
            documents: statistics.map_or(0, |known| known.documents),
            documents_until: statistics.map_or(u64::MAX, |known| added.saturating_add(known.documents_to_drift)),
            since: Instant::now(),
        }
    }

    /// The same in as few bytes as may be.
    pub fn packed(self) -> Self {
        Self { body: Body::packed(&self.body.plain()), ..self }
    }

    pub fn count_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    pub fn hits(&self) -> u32 {
        self.hits.load(Ordering::Relaxed)
    }

    /// What the client gets and what it is found by, in bytes.
    pub fn content_bytes(&self) -> usize {
        self.body.plain_len() + self.key.text().len()
    }

    /// The same as it is held.
    pub fn packed_bytes(&self) -> usize {
        self.body.held_len() + self.key.text().len()
    }

    /// Everything that is held, in bytes: the content, and what ends it.
    pub fn bytes(&self) -> usize {
        let membership = self.membership.as_ref().map_or(0, |membership| membership.bytes());
        self.packed_bytes() + size_of_val(&*self.deps) + membership + ENTRY_BYTES
    }
}
