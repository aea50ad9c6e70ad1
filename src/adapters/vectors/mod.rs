//! Vectors in memory, space by space, and the nearest of them: exact within what half precision and chance leave (see [`chunk`]).
//! Implements [`VectorIndex`] for one model; filled by `projectors::semantic`, asked by searches through it. Nothing of it is on a disk.
//!
//! Decision 2026-11-28, measured on two cores with a million vectors of 384 numbers: codes of one bit per number in front of vectors in
//! half precision, not whole numbers of eight bits. Eight bits are 384 MB a pass, which memory gives in 32 ms; codes are 56 MB. What is
//! looked at after them in half precision needs no further question to Postgres for its exact cosine, which kept answers are judged by.

mod chunk;
mod crew;
mod kernels;
mod pass;
mod question;
mod rows;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;

pub use self::crew::Crew;
use self::{pass::Ask, question::Question, rows::Rows};
use crate::{
    domain::ids::{MemoryId, SpaceId},
    ports::{Holding, Neighbour, QueryError, VectorChange, VectorIndex},
};

/// The vectors of one model.
pub struct MemoryIndex {
    inner: Arc<Inner>,
    crew: Arc<Crew>,
}

#[derive(Default)]
struct Inner {
    spaces: RwLock<HashMap<SpaceId, Space>>,
    bytes_max: u64,
    bytes: AtomicU64,
    vectors: AtomicU64,
}

/// A space that has vectors; `None` when there is no room for them.
type Space = Option<Arc<Held>>;

struct Held {
    dimensions: usize,
    rows: Arc<RwLock<Rows>>,
}

impl Held {
    fn new(dimensions: usize) -> Self {
        Self { dimensions, rows: Arc::new(RwLock::new(Rows::new(dimensions))) }
    }

    /// How many there are, and their bytes.
    fn size(&self) -> (u64, u64) {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        (rows.len() as u64, rows.bytes() as u64)
    }
}

impl MemoryIndex {
    /// An empty index of at most so many bytes; beyond that the largest space is kept no longer.
    pub fn new(crew: Arc<Crew>, bytes_max: u64) -> Self {
        Self { inner: Arc::new(Inner { bytes_max, ..Inner::default() }), crew }
    }
}

impl Inner {
    fn space(&self, space: &SpaceId) -> Option<Space> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner).get(space).cloned()
    }

    /// The vectors of a space, which has none yet and will have some of this width.
    fn begun(&self, space: &SpaceId, dimensions: usize) -> Space {
        let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
        spaces.entry(space.clone()).or_insert_with(|| Some(Arc::new(Held::new(dimensions)))).clone()
    }

    /// Only one at a time.
    fn apply(&self, changes: &[VectorChange]) {
        for of_space in changes.chunk_by(|a, b| a.space == b.space) {
            let space = &of_space[0].space;
            let width = of_space.iter().find_map(|change| change.newest.as_ref().map(|(_, vector)| vector.len()));
            let known = self.space(space).or_else(|| width.map(|width| self.begun(space, width)));
            if let Some(held) = known.flatten() {
                self.apply_to(&held, of_space);
            }
        }
        while self.bytes.load(Ordering::Relaxed) > self.bytes_max && self.leave_out_largest() {}
    }

    fn apply_to(&self, held: &Held, changes: &[VectorChange]) {
        let before = held.size();
        let mut rows = held.rows.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            match &change.newest {
                Some((text, vector)) => rows.put(change.id, *text, vector),
                None => rows.remove(change.id),
            }
        }
        drop(rows);
        self.count(before, held.size());
    }

    fn count(&self, before: (u64, u64), after: (u64, u64)) {
        self.vectors.fetch_add(after.0.wrapping_sub(before.0), Ordering::Relaxed);
        self.bytes.fetch_add(after.1.wrapping_sub(before.1), Ordering::Relaxed);
    }

    /// Whether there was one to leave out.
    fn leave_out_largest(&self) -> bool {
        let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
        let held = spaces.iter_mut().filter(|(_, held)| held.is_some());
        let Some((space, held)) = held.max_by_key(|(_, held)| held.as_ref().map(|held| held.size().1)) else { return false };
        let size = held.take().map_or((0, 0), |held| held.size());
        self.count(size, (0, 0));
        tracing::warn!(
            %space,
            vectors = size.0,
            bytes = size.1,
            bytes_max = self.bytes_max,
            "the vectors of a space have no room in memory any more: Postgres searches it, which takes longer"
        );
        true
    }
}

#[async_trait]
impl VectorIndex for MemoryIndex {
    async fn apply(&self, changes: Vec<VectorChange>) -> Result<(), QueryError> {
        let inner = self.inner.clone();
        let applied = tokio::task::spawn_blocking(move || inner.apply(&changes)).await;
        applied.map_err(|cause| QueryError::Unavailable(cause.into()))
    }

    async fn nearest(
        &self,
        space: &SpaceId,
        vector: Arc<[f32]>,
        among: Option<Arc<[MemoryId]>>,
        limit: usize,
    ) -> Option<Vec<Neighbour>> {
        // A space that nobody has named has no vectors.
        let Some(known) = self.inner.space(space) else { return Some(vec![]) };
        let held = known.filter(|held| held.dimensions == vector.len())?;
        if limit == 0 {
            return Some(vec![]);
        }
        let question = Question::new(&vector, chunk::DOUBTS);
        self.crew.ask(held.rows.clone(), Ask { question, among, limit }).await
    }

    fn holding(&self) -> Holding {
        let spaces = self.inner.spaces.read().unwrap_or_else(PoisonError::into_inner);
        Holding {
            vectors: self.inner.vectors.load(Ordering::Relaxed),
            bytes: self.inner.bytes.load(Ordering::Relaxed),
            spaces_left_out: spaces.values().filter(|held| held.is_none()).count() as u64,
        }
    }
}
