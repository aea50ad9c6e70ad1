//! The vectors of one space: chunks without a gap, and where each memory's stands.

use std::collections::HashMap;

use half::f16;

use super::chunk::{Chunk, ROWS};
use crate::{domain::ids::MemoryId, ports::TextHash};

/// Bytes that a memory's place takes, with the room that a table leaves free.
const PLACE_BYTES: usize = 32;

/// Vectors of one width.
pub struct Rows {
    dimensions: usize,
    pub chunks: Vec<Chunk>,
    places: HashMap<MemoryId, u32>,
}

impl Rows {
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, chunks: vec![], places: HashMap::new() }
    }

    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn place(&self, id: MemoryId) -> Option<usize> {
        self.places.get(&id).map(|place| *place as usize)
    }

    pub fn at(&self, place: usize) -> (&Chunk, usize) {
        (&self.chunks[place / ROWS], place % ROWS)
    }

    pub fn put(&mut self, id: MemoryId, text: TextHash, vector: &[f16]) {
        let is_sound = vector.len() == self.dimensions && vector.iter().all(|number| number.is_finite());
        if !is_sound {
            tracing::error!(%id, numbers = vector.len(), wanted = self.dimensions, "a vector cannot be one of its space's and is left out");
            return self.remove(id);
        }
        if let Some(place) = self.place(id) {
            return self.chunks[place / ROWS].put(place % ROWS, text, vector);
        }
        if self.chunks.last().is_none_or(Chunk::is_full) {
            self.chunks.push(Chunk::new(self.dimensions));
        }
        let place = self.len();
        self.chunks[place / ROWS].push(id, text, vector);
        self.places.insert(id, u32::try_from(place).expect("memory ends long before the four thousand millionth vector"));
    }

    /// The last row moves to where one goes, and its own place is emptied.
    pub fn remove(&mut self, id: MemoryId) {
        let Some(place) = self.places.remove(&id).map(|place| place as usize) else { return };
        let last = self.chunks.last_mut().and_then(Chunk::pop).expect("there is the one that goes");
        if self.chunks.last().is_some_and(|chunk| chunk.ids.is_empty()) {
            self.chunks.pop();
        }
        if last.0 != id {
            self.places.insert(last.0, place as u32);
            self.chunks[place / ROWS].replace(place % ROWS, (last.0, last.1, &last.2));
        }
    }

    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(Chunk::bytes).sum::<usize>() + self.places.capacity() * PLACE_BYTES
    }
}
