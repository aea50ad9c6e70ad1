//! What an answer that was given depends on, so that caches can tell when it is over: keys that events touch, and, where these would
//! touch too much, a judge of the single change.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::{KeywordText, Statistics, Words};
use crate::domain::{
    ids::{MemoryId, RelationshipId, Revision, SpaceId, StreamSeq},
    memory::{Body, Memory, Source},
};

/// Something that an answer depends on, as 32 bits of xxh3: two that collide only end each other's answers. Of a million things one
/// touch in four thousand does so, and an answer about ten of them holds half the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dep(pub u32);

impl Dep {
    fn of(kind: &str, space: &SpaceId, id: &[u8]) -> Self {
        Self(xxh3_64(&[kind.as_bytes(), &[0], space.as_str().as_bytes(), &[0], id].concat()) as u32)
    }

    /// One memory, whatever of it.
    pub fn memory(space: &SpaceId, id: MemoryId) -> Self {
        Self::of("memory", space, id.0.as_bytes())
    }

    /// One memory as a point of the graph: its label, and the relationships that it is an end of.
    pub fn node(space: &SpaceId, id: MemoryId) -> Self {
        Self::of("node", space, id.0.as_bytes())
    }

    pub fn relationship(space: &SpaceId, id: RelationshipId) -> Self {
        Self::of("relationship", space, id.0.as_bytes())
    }

    /// All relationships of a space.
    pub fn edges(space: &SpaceId) -> Self {
        Self::of("edges", space, &[])
    }

    /// Deletions and restorations: relationships come and go with their ends.
    pub fn lifecycle(space: &SpaceId) -> Self {
        Self::of("lifecycle", space, &[])
    }

    /// Which memories there are at all.
    pub fn membership(space: &SpaceId) -> Self {
        Self::of("membership", space, &[])
    }
}

/// The positions that an answer shows at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub events: StreamSeq,
    /// In DERIVED; `None` for answers in which no vector had a part.
    pub derived: Option<StreamSeq>,
}

/// How the keyword index finds the words of a text.
pub type Tokenize = Arc<dyn Fn(&KeywordText) -> Words + Send + Sync>;

/// A memory as it stands after a change, as searches and lists see it.
pub struct Candidate {
    pub id: MemoryId,
    pub memory: Memory,
    /// The vector of this very text, if there is one; not looked up where [`Self::changed`] says that it is the same as before.
    pub vector: Option<Arc<[f32]>>,
    /// The only fields that are new, where it lived before with this title, this text and these tags: searches score it as they did.
    pub changed: Option<Vec<String>>,
    tokenize: Tokenize,
    words: OnceLock<Words>,
    place: OnceLock<Option<Place>>,
}

/// A place in a conversation or a document: which one, as 64 bits of xxh3, and where in it.
pub type Place = (u64, u64);

/// Where a memory stands: by its source (kind, address and id), its run and its position; `None` if it does not say.
pub fn place_of(body: &Body) -> Option<Place> {
    let Source { kind, uri, id: Some(id), position: Some(position) } = &body.source else { return None };
    let run = body.scope.run_id.as_deref().unwrap_or_default();
    let parts = [kind.as_deref().unwrap_or_default(), uri.as_deref().unwrap_or_default(), id, run];
    Some((xxh3_64(parts.join("\u{1f}").as_bytes()), *position))
}

impl Candidate {
    pub fn new(id: MemoryId, memory: Memory, vector: Option<Arc<[f32]>>, tokenize: Tokenize) -> Self {
        let (words, place) = (OnceLock::new(), OnceLock::new());
        Self { id, memory, vector, changed: None, tokenize, words, place }
    }

    /// The same after a change that left text and tags as they were.
    pub fn changed_only(self, fields: Vec<String>) -> Self {
        Self { changed: Some(fields), ..self }
    }

    /// Where it stands; found out when first asked for.
    pub fn place(&self) -> Option<Place> {
        *self.place.get_or_init(|| place_of(&self.memory.body))
    }

    /// Its words as the index has them; found out when first asked for.
    pub fn words(&self) -> &Words {
        self.words.get_or_init(|| (self.tokenize)(&KeywordText::of(&self.memory.body)))
    }
}

/// What an event may do to the members of an answer that does not depend on its memory.
#[derive(Clone)]
pub enum Change {
    /// How the memory stands, or in which ways it may.
    Stands(Vec<Arc<Candidate>>),
    /// Nothing more is known than that there was one.
    Unknown,
}

/// Tells changes that alter an answer from those that do not, by what the answer was made with.
pub trait Membership: Send + Sync {
    /// Whether a memory that the answer does not show would be one of its members now. Errs towards yes.
    fn may_admit(&self, candidate: &Candidate) -> bool;

    /// The same, erring towards no: what this says of a change that nobody told of is a stale answer.
    fn must_admit(&self, candidate: &Candidate) -> bool {
        self.may_admit(candidate)
    }

    /// Whether vectors have a part in it.
    fn heeds_vectors(&self) -> bool {
        false
    }

    /// What it holds, in bytes.
    fn bytes(&self) -> usize;
}

/// An answer as it goes over the wire, and what it depends on.
#[derive(Clone, Default)]
pub struct Answer {
    pub body: Bytes,
    /// What the ETag says, for answers that have one.
    pub revision: Option<Revision>,
    pub deps: Vec<Dep>,
    pub membership: Option<Arc<dyn Membership>>,
    /// What it was ranked by, if by words; it is over when that has moved too far.
    pub statistics: Option<Statistics>,
    /// Whether it may be kept: what an outage has cut short may not, nor what shows a sensitive memory.
    pub is_whole: bool,
}
