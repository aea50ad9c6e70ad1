//! Vectors of memories in the memory of this process: a view of the projection `vectors`, which has the last word. Searches ask
//! [`VectorSearch`]; what fills it reads [`VectorSource`] once and the log from then on, and keeps what it read in a [`VectorIndex`].

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use half::f16;

use super::QueryError;
use crate::domain::ids::{MemoryId, SpaceId, StreamSeq};

/// The beginning of the SHA-256 of a text: enough to tell the texts of one memory apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextHash(pub u64);

impl TextHash {
    /// From the hash's bytes; `None` when there are less than eight.
    pub fn of_bytes(hash: &[u8]) -> Option<Self> {
        hash.first_chunk().map(|first| Self(u64::from_be_bytes(*first)))
    }

    /// From the hash in hexadecimal; `None` when it is none.
    pub fn of_hex(hash: &str) -> Option<Self> {
        u64::from_str_radix(hash.get(..16)?, 16).ok().map(Self)
    }
}

/// A vector that lies near, and the text that it stands for: whoever shows the memory looks whether it still has that text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    pub id: MemoryId,
    /// -1 to 1, of the vector in half precision and the one that was asked with: exact but for rounding.
    pub cosine: f32,
    pub text: TextHash,
}

/// What a row or a fact means for the index.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorChange {
    pub space: SpaceId,
    pub id: MemoryId,
    /// The newest text and its vector; `None` when the memory is erased.
    pub newest: Option<(TextHash, Vec<f16>)>,
}

/// How much an index holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    pub vectors: u64,
    pub bytes: u64,
    /// Spaces for which there was no room.
    pub spaces_left_out: u64,
}

/// The vectors of one model, in memory.
#[async_trait]
pub trait VectorIndex: Send + Sync {
    /// Takes changes in the order of the log; they show when this returns. A vector that is no vector of the space's width, or not
    /// finite, takes away what there was. Only one call at a time.
    /// Errors: `Unavailable` when only some were taken; then it is to be thrown away.
    async fn apply(&self, changes: Vec<VectorChange>) -> Result<(), QueryError>;

    /// The `limit` vectors of a space nearest to a unit vector, best first, equal ones in the order of their ids; only those in
    /// `among`, if given. `None` for a space that is not kept here, or whose vectors have another width.
    async fn nearest(
        &self,
        space: &SpaceId,
        vector: Arc<[f32]>,
        among: Option<Arc<[MemoryId]>>,
        limit: usize,
    ) -> Option<Vec<Neighbour>>;

    fn holding(&self) -> Holding;
}

/// What searches ask of the index.
#[async_trait]
pub trait VectorSearch: Send + Sync {
    /// As [`VectorIndex::nearest`], with everything that the projection is known to show. `None` as well while the index is being
    /// loaded, or does not follow.
    async fn nearest(
        &self,
        space: &SpaceId,
        vector: Arc<[f32]>,
        among: Option<Arc<[MemoryId]>>,
        limit: usize,
    ) -> Option<Vec<Neighbour>>;

    /// Whether it holds the vectors of every event up to this position of the log; also when it is not asked at all.
    fn embedded(&self, upto: StreamSeq) -> bool;
}

/// The projection as it stood at one moment.
pub struct Vectors {
    /// In DERIVED: what comes after is not in it.
    pub position: StreamSeq,
    /// The vectors of every event up to this position of EVENTS are in it.
    pub embedded: StreamSeq,
    /// All vectors of the model, some at a time.
    pub rows: BoxStream<'static, Result<Vec<VectorChange>, QueryError>>,
}

/// The projection, as the index reads it once.
/// Errors of each method: `Unavailable` while Postgres is away.
#[async_trait]
pub trait VectorSource: Send + Sync {
    /// Changes when another version of the projection has gone live.
    async fn version(&self) -> Result<u32, QueryError>;

    /// What the live version shows of a model.
    async fn load(&self, model: &str) -> Result<Vectors, QueryError>;
}
