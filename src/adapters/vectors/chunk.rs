//! Some thousand rows: vectors in half precision, and once they are many, a code of one bit per number for each.
//!
//! A code is the signs of what a vector differs by from the mean of its chunk. With its length and its sum of absolute values these tell the
//! cosine to any question within a known deviation, in a sixteenth of the bytes. Source: Gao and Long, "RaBitQ: Quantizing High-Dimensional
//! Vectors with a Theoretical Error Bound for Approximate Nearest Neighbor Search", SIGMOD 2024; without its rotation, because what models
//! make needs none (measured on 2,760 turns of conversations: the deviation is .029 with and without), and with a centre for each chunk, so
//! that none has to be coded again when the mean of all moves.

use half::{
    f16,
    slice::{HalfBitsSliceExt, HalfFloatSliceExt},
};
use zeroize::Zeroize;

use super::kernels::{Coded, LANES, STRIDE};
use crate::{domain::ids::MemoryId, ports::TextHash};

/// Rows of a full chunk. What is not coded yet is looked at whole: at most so many rows.
pub const ROWS: usize = 4_096;
/// Standard deviations that a cosine may lie above what its code tells, to be looked at itself.
///
/// Decision 2026-11-28, measured with a million mixtures of turns of conversations and 20 real questions: with two, all of the best ten and
/// 99.85 % of the best 200 are found in 9.5 ms of one processor; with three, all of them in 14 ms.
pub const DOUBTS: usize = 2;

/// Rows side by side; one that goes leaves its place to the last one.
pub struct Chunk {
    dimensions: usize,
    pub ids: Vec<MemoryId>,
    pub texts: Vec<TextHash>,
    /// One by the length of each vector: 0 for one without any.
    pub inverse: Vec<f32>,
    halves: Vec<u16>,
    code: Option<Code>,
}

/// The codes of a chunk that was full once, with room for all of its rows.
struct Code {
    /// As long as rows are.
    centre: Vec<f32>,
    bits: Vec<u64>,
    scale: Vec<f32>,
    doubt: Vec<f32>,
}

impl Chunk {
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, ids: vec![], texts: vec![], inverse: vec![], halves: vec![], code: None }
    }

    pub fn stride(&self) -> usize {
        self.dimensions.next_multiple_of(STRIDE)
    }

    pub fn row(&self, place: usize) -> &[u16] {
        &self.halves[place * self.stride()..][..self.stride()]
    }

    pub fn is_full(&self) -> bool {
        self.ids.len() == ROWS
    }

    /// The codes and what they are around, if there are any.
    pub fn coded(&self) -> Option<(Coded<'_>, &[f32])> {
        let code = self.code.as_ref()?;
        let words = self.dimensions.div_ceil(64);
        Some((Coded { words, bits: &code.bits, scale: &code.scale, doubt: &code.doubt }, &code.centre))
    }

    /// The vector has `dimensions` numbers; the chunk is not full.
    pub fn push(&mut self, id: MemoryId, text: TextHash, vector: &[f16]) {
        let end = self.halves.len() + self.stride();
        if end > self.halves.capacity() {
            // What is left behind is left empty: erased vectors are to be nowhere.
            let mut larger = Vec::with_capacity((end * 2).min(ROWS * self.stride()));
            larger.extend_from_slice(&self.halves);
            std::mem::replace(&mut self.halves, larger).zeroize();
        }
        self.halves.resize(end, 0);
        self.ids.push(id);
        self.texts.push(text);
        self.inverse.push(0.0);
        self.put(self.ids.len() - 1, text, vector);
        if self.is_full() && self.code.is_none() {
            self.encode_all();
        }
    }

    /// Takes the place of a row's vector.
    pub fn put(&mut self, place: usize, text: TextHash, vector: &[f16]) {
        let start = place * self.stride();
        self.halves[start..][..vector.len()].copy_from_slice(vector.reinterpret_cast());
        let length = vector.iter().map(|number| number.to_f32().powi(2)).sum::<f32>().sqrt();
        self.inverse[place] = if length > 0.0 { 1.0 / length } else { 0.0 };
        self.texts[place] = text;
        self.encode(place);
    }

    /// Takes the last row away and empties its place.
    pub fn pop(&mut self) -> Option<(MemoryId, TextHash, Vec<f16>)> {
        let (id, text) = (self.ids.pop()?, self.texts.pop()?);
        let (place, start) = (self.ids.len(), self.halves.len() - self.stride());
        let vector = self.halves[start..][..self.dimensions].reinterpret_cast::<f16>().to_vec();
        self.halves[start..].zeroize();
        self.halves.truncate(start);
        self.inverse.truncate(place);
        let dimensions = self.dimensions;
        if let Some(code) = &mut self.code {
            code.forget(place, dimensions);
        }
        Some((id, text, vector))
    }

    /// Replaces what stands at a place by another memory's.
    pub fn replace(&mut self, place: usize, (id, text, vector): (MemoryId, TextHash, &[f16])) {
        self.ids[place] = id;
        self.put(place, text, vector);
    }

    pub fn bytes(&self) -> usize {
        let rows = self.ids.capacity() * (size_of::<MemoryId>() + size_of::<TextHash>() + size_of::<f32>());
        let code =
            |code: &Code| (code.centre.len() + code.scale.len() + code.doubt.len()) * size_of::<f32>() + code.bits.len() * 8;
        rows + self.halves.capacity() * size_of::<u16>() + self.code.as_ref().map_or(0, code)
    }

    /// A row as a unit vector.
    fn unit(&self, place: usize) -> Vec<f32> {
        let mut numbers = vec![0.0; self.stride()];
        self.row(place).reinterpret_cast::<f16>().convert_to_f32_slice(&mut numbers);
        numbers.iter_mut().for_each(|number| *number *= self.inverse[place]);
        numbers
    }

    fn encode_all(&mut self) {
        let mut centre = vec![0.0; self.stride()];
        for place in 0..self.ids.len() {
            centre.iter_mut().zip(self.unit(place)).for_each(|(sum, number)| *sum += number);
        }
        centre.iter_mut().for_each(|sum| *sum /= self.ids.len() as f32);
        let bits = vec![0; ROWS * self.dimensions.div_ceil(64)];
        self.code = Some(Code { centre, bits, scale: vec![0.0; ROWS], doubt: vec![f32::NEG_INFINITY; ROWS] });
        (0..self.ids.len()).for_each(|place| self.encode(place));
    }

    fn encode(&mut self, place: usize) {
        if self.code.is_none() {
            return;
        }
        let (unit, dimensions) = (self.unit(place), self.dimensions);
        if let Some(code) = &mut self.code {
            code.learn(place, &unit[..dimensions]);
        }
    }
}

impl Code {
    fn learn(&mut self, place: usize, unit: &[f32]) {
        self.forget(place, unit.len());
        let words = unit.len().div_ceil(64);
        let (mut sum, mut square) = (0.0f32, 0.0f32);
        for (number, (one, centre)) in unit.iter().zip(&self.centre).enumerate() {
            let differs = one - centre;
            sum += differs.abs();
            square += differs * differs;
            if differs >= 0.0 {
                self.bits[at(place, words, number / 64)] |= 1 << (number % 64);
            }
        }
        let numbers = unit.len() as f32;
        let is_apart = sum > 0.0;
        self.scale[place] = if is_apart { square / sum } else { 0.0 };
        let spread = if is_apart { numbers * (square / sum).powi(2) - square } else { 0.0 };
        self.doubt[place] = DOUBTS as f32 * (spread.max(0.0) / (numbers - 1.0).max(1.0)).sqrt();
    }

    fn forget(&mut self, place: usize, dimensions: usize) {
        let words = dimensions.div_ceil(64);
        (0..words).for_each(|word| self.bits[at(place, words, word)] = 0);
        self.scale[place] = 0.0;
        self.doubt[place] = f32::NEG_INFINITY;
    }
}

/// Where a word of a row's code lies.
fn at(place: usize, words: usize, word: usize) -> usize {
    (place / LANES * words + word) * LANES + place % LANES
}
