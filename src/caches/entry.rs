//! One kept answer and what it is found by. Shared by the store, which holds it, and the ledger, which ends it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::{
    domain::ids::SpaceId,
    ports::cache::{Answer, Dep, Stamp},
};

/// Numbers kept answers; never two at a time alike.
pub type EntryId = u32;

/// What every entry takes beside its parts: its own struct and its question's, the body's counters, and what moka keeps of it (place in
/// the map, order of use, order of age), half of it all. As the system counts it: `cargo bench --bench caches`.
const ENTRY_BYTES: usize = 590;

#[derive(Debug, PartialEq, Eq, Hash)]
struct Question {
    space: SpaceId,
    kind: &'static str,
    text: Box<str>,
}

/// A question of one space: its kind, and everything that chooses the answer, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Arc<Question>);

impl Key {
    pub fn new(space: &SpaceId, kind: &'static str, text: impl Into<Box<str>>) -> Self {
        Self(Arc::new(Question { space: space.clone(), kind, text: text.into() }))
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
    pub key: Key,
    pub answer: Answer,
    pub stamp: Stamp,
    /// Over when so many documents have been added since the start.
    pub documents_until: u64,
    pub since: Instant,
    hits: AtomicU64,
}

impl Entry {
    pub fn new(id: EntryId, key: Key, answer: Answer, stamp: Stamp, documents_until: u64) -> Self {
        Self { id, key, answer, stamp, documents_until, since: Instant::now(), hits: AtomicU64::new(0) }
    }

    pub fn count_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// What the client gets and what it is found by, in bytes.
    pub fn content_bytes(&self) -> usize {
        self.answer.body.len() + self.key.text().len()
    }

    /// Everything, in bytes: the content, and what ends it.
    pub fn bytes(&self) -> usize {
        let narrow = self.answer.narrow.as_ref().map_or(0, |narrow| narrow.bytes());
        self.content_bytes() + self.answer.deps.len() * size_of::<Dep>() + narrow + ENTRY_BYTES
    }
}
