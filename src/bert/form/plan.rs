//! Where each part of a model lies in its file: a pure function of shape and precision, the same for who writes and who reads.

use std::ops::Range;

use super::header;
use crate::{
    kernels::{COLUMNS, INNER_STEP, PANEL, bytes::LINE},
    shape::{Precision, Shape},
};

/// Raised when a section changes its place or its meaning; a file of another version is made anew from its source.
pub const VERSION: u32 = 1;

/// Inputs that share a multiplier in int4.
pub const GROUP: usize = 16;

/// Bytes of the file.
pub type Place = Range<usize>;

/// A vector for each of some things. Empty places: the precision has no such section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub precision: Precision,
    pub rows: usize,
    pub width: usize,
    /// f32, bytes, or two to a byte.
    pub numbers: Place,
    /// One f32 a row.
    pub scales: Place,
    /// Int4: a multiplier for each group of each row.
    pub multipliers: Place,
}

/// A linear layer, its outputs padded to blocks and its inputs to tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    pub outputs: usize,
    pub inputs: usize,
    /// `[panel][quad][column][input]` as f32 `[panel][input][column]`, bytes, or two to a byte.
    pub numbers: Place,
    /// One f32 an output: the bias.
    pub bias: Place,
    /// One f32 an output.
    pub scales: Place,
    /// One i32 an output: the sum of its weights.
    pub sums: Place,
    /// One f32 an input: what activations are multiplied with before they become bytes.
    pub factors: Place,
    /// Int4: `[panel][group][column]`.
    pub multipliers: Place,
}

impl Matrix {
    pub fn outputs_padded(&self) -> usize {
        self.outputs.next_multiple_of(COLUMNS)
    }

    pub fn inputs_padded(&self) -> usize {
        self.inputs.next_multiple_of(INNER_STEP)
    }

    pub fn panels(&self) -> usize {
        self.outputs_padded() / PANEL
    }
}

/// Gain and shift of a layer norm, f32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Norm {
    pub gain: Place,
    pub shift: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Query, key and value, one after the other.
    pub attention: Matrix,
    pub output: Matrix,
    pub attention_norm: Norm,
    pub up: Matrix,
    pub down: Matrix,
    pub norm: Norm,
}

impl Layer {
    pub fn matrices(&self) -> [&Matrix; 4] {
        [&self.attention, &self.output, &self.up, &self.down]
    }
}

/// What says how well two texts fit each other, f32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// What the tokens of the second text have that those of the first have not: one for each of the width.
    pub second: Place,
    /// `[width, width]`, an output's weights one after the other.
    pub dense: Place,
    pub dense_bias: Place,
    pub score: Place,
    /// One number.
    pub score_bias: Place,
}

/// All places, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub words: Table,
    /// With the vector of the first token type added: there is no other in an embedding.
    pub positions: Table,
    pub norm: Norm,
    pub layers: Vec<Layer>,
    /// Of models that score pairs.
    pub end: Option<End>,
    /// Bytes of the whole file.
    pub len: usize,
}

impl Plan {
    /// The shape must have been checked.
    pub fn new(shape: &Shape, precision: Precision) -> Self {
        let mut cursor = Cursor { at: header::LEN };
        let width = shape.width;
        let words = cursor.table(precision, shape.words, width);
        // Few, and every text has them: not worth a rounding but where each byte counts.
        let kept = if precision == Precision::Int4 { Precision::Int8 } else { Precision::F32 };
        let positions = cursor.table(kept, shape.positions, width);
        let norm = cursor.norm(width);
        let mut layers = Vec::with_capacity(shape.layers);
        for _ in 0..shape.layers {
            layers.push(Layer {
                attention: cursor.matrix(precision, 3 * width, width),
                output: cursor.matrix(precision, width, width),
                attention_norm: cursor.norm(width),
                up: cursor.matrix(precision, shape.inner, width),
                down: cursor.matrix(precision, width, shape.inner),
                norm: cursor.norm(width),
            });
        }
        let end = shape.scores_pairs.then(|| cursor.end(width));
        Self { words, positions, norm, layers, end, len: cursor.at }
    }
}

/// Hands out places one after the other.
struct Cursor {
    at: usize,
}

impl Cursor {
    fn take(&mut self, len: usize) -> Place {
        let from = self.at;
        self.at = (from + len).next_multiple_of(LINE);
        from..from + len
    }

    fn table(&mut self, precision: Precision, rows: usize, width: usize) -> Table {
        let (numbers, scales, multipliers) = match precision {
            Precision::F32 => (rows * width * 4, 0, 0),
            Precision::Int8 => (rows * width, rows * 4, 0),
            Precision::Int4 => (rows * width / 2, rows * 4, rows * width / GROUP),
        };
        let (numbers, scales, multipliers) = (self.take(numbers), self.take(scales), self.take(multipliers));
        Table { precision, rows, width, numbers, scales, multipliers }
    }

    fn matrix(&mut self, precision: Precision, outputs: usize, inputs: usize) -> Matrix {
        let none = 0..0;
        let (numbers, bias) = (none.clone(), none.clone());
        let (scales, sums, factors, multipliers) = (none.clone(), none.clone(), none.clone(), none);
        let mut matrix = Matrix { outputs, inputs, numbers, bias, scales, sums, factors, multipliers };
        let (columns, rows) = (matrix.outputs_padded(), matrix.inputs_padded());
        matrix.numbers = self.take(match precision {
            Precision::F32 => columns * inputs * 4,
            Precision::Int8 => columns * rows,
            Precision::Int4 => columns * rows / 2,
        });
        matrix.bias = self.take(columns * 4);
        if precision != Precision::F32 {
            matrix.scales = self.take(columns * 4);
            matrix.sums = self.take(columns * 4);
            matrix.factors = self.take(inputs * 4);
        }
        if precision == Precision::Int4 {
            matrix.multipliers = self.take(columns * rows / GROUP);
        }
        matrix
    }

    fn end(&mut self, width: usize) -> End {
        End {
            second: self.take(width * 4),
            dense: self.take(width * width * 4),
            dense_bias: self.take(width * 4),
            score: self.take(width * 4),
            score_bias: self.take(4),
        }
    }

    fn norm(&mut self, width: usize) -> Norm {
        Norm { gain: self.take(width * 4), shift: self.take(width * 4) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::tests::small;

    fn places(plan: &Plan) -> Vec<Place> {
        let table = |table: &Table| [table.numbers.clone(), table.scales.clone(), table.multipliers.clone()];
        let norm = |norm: &Norm| [norm.gain.clone(), norm.shift.clone()];
        let mut places = [table(&plan.words), table(&plan.positions)].concat();
        places.extend(norm(&plan.norm));
        for layer in &plan.layers {
            for matrix in layer.matrices() {
                let Matrix { numbers, bias, scales, sums, factors, multipliers, .. } = matrix.clone();
                places.extend([numbers, bias, scales, sums, factors, multipliers]);
            }
            places.extend(norm(&layer.attention_norm).into_iter().chain(norm(&layer.norm)));
        }
        places.extend(plan.end.iter().flat_map(|end| {
            [end.second.clone(), end.dense.clone(), end.dense_bias.clone(), end.score.clone(), end.score_bias.clone()]
        }));
        places.retain(|place| !place.is_empty());
        places.sort_by_key(|place| place.start);
        places
    }

    #[test]
    fn places_are_aligned_and_apart_and_within_the_file() {
        for (precision, scores_pairs) in Precision::ALL.into_iter().flat_map(|precision| [(precision, false), (precision, true)])
        {
            let plan = Plan::new(&Shape { scores_pairs, ..small() }, precision);
            let mut end = header::LEN;
            for place in places(&plan) {
                assert!(place.start >= end && place.start.is_multiple_of(LINE), "{place:?} after {end}");
                end = place.end;
            }
            assert!(end <= plan.len && plan.len < end + LINE);
        }
    }

    #[test]
    fn the_largest_shape_that_is_admitted_has_a_length() {
        let shape = Shape {
            layers: 64,
            width: 4_096,
            heads: 256,
            inner: 16_384,
            words: 1_000_000,
            positions: 8_192,
            scores_pairs: true,
            ..small()
        };
        assert_eq!(shape.check(), Ok(()));
        assert!(Plan::new(&shape, Precision::F32).len < 1 << 40);
    }

    /// The promise of the size of all-MiniLM-L6-v2: a quarter and an eighth, and little beside.
    #[test]
    fn small_precisions_are_small() {
        let shape = Shape { layers: 6, width: 384, heads: 12, inner: 1_536, words: 30_522, positions: 512, ..small() };
        let len = |precision| Plan::new(&shape, precision).len as f64;
        let whole = len(Precision::F32);
        assert!(len(Precision::Int8) / whole < 0.27, "{}", len(Precision::Int8) / whole);
        assert!(len(Precision::Int4) / whole < 0.16, "{}", len(Precision::Int4) / whole);
    }
}
