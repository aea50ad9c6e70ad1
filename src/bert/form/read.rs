//! A model's file in use: its parts as the layers want them, where they lie.

use std::{fs::File, io, path::Path};

use super::{
    header::{Header, Refused},
    packed,
    plan::{Matrix, Norm, Plan, Table},
};
use crate::{
    kernels::bytes::{Aligned, Bytes},
    shape::{Precision, Shape},
};

/// Why a model's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the model's file cannot be opened")]
    Open(#[source] io::Error),
    /// Not of this form, of another version, or damaged: it can be made anew from its source.
    #[error("the model's file cannot be used")]
    Refused(#[from] Refused),
}

/// A model whose file has been checked.
pub struct Weights {
    header: Header,
    plan: Plan,
    bytes: Bytes,
    /// Int4: each matrix as bytes, four a layer.
    unpacked: Vec<Bytes>,
}

/// A linear layer where it lies. Outputs and inputs are padded as [`Matrix`] says.
pub struct Linear<'a> {
    pub outputs: usize,
    pub inputs: usize,
    pub inputs_padded: usize,
    pub bias: &'a [f32],
    pub products: Products<'a>,
}

/// What makes a score of a pair: see [`super::End`].
pub struct Ending<'a> {
    pub second: &'a [f32],
    pub dense: &'a [f32],
    pub dense_bias: &'a [f32],
    pub score: &'a [f32],
    pub score_bias: f32,
}

/// In what numbers a layer is computed.
pub enum Products<'a> {
    Floats(&'a [f32]),
    Bytes { numbers: &'a [i8], scales: &'a [f32], sums: &'a [i32], factors: &'a [f32] },
}

impl Weights {
    /// Maps a file and reads all of it once, to know that it is whole.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let bytes = File::open(path).and_then(|file| Bytes::map(&file)).map_err(OpenError::Open)?;
        Ok(Self::of(bytes)?)
    }

    /// Errors: [`Refused`], for whatever bytes.
    pub fn of(bytes: Bytes) -> Result<Self, Refused> {
        let (header, plan) = Header::of(bytes.as_slice())?;
        let mut weights = Self { header, plan, bytes, unpacked: vec![] };
        if header.precision == Precision::Int4 {
            let matrices = weights.plan.layers.iter().flat_map(|layer| layer.matrices());
            weights.unpacked = matrices.map(|matrix| unpack(&weights.bytes, matrix)).collect();
        }
        Ok(weights)
    }

    pub fn shape(&self) -> &Shape {
        &self.header.shape
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of memory: of the file, and of what was unpacked from it.
    pub fn bytes(&self) -> usize {
        self.plan.len + self.unpacked.iter().map(|matrix| matrix.as_slice().len()).sum::<usize>()
    }

    /// The vector of a word at a position. Panics: where the shape has no such word or position.
    pub fn embed(&self, word: usize, position: usize, to: &mut [f32]) {
        self.row(&self.plan.words, word, to, false);
        self.row(&self.plan.positions, position, to, true);
    }

    fn row(&self, table: &Table, row: usize, to: &mut [f32], add: bool) {
        assert!(row < table.rows && to.len() == table.width, "row {row} of {}", table.rows);
        let part = |place: &std::ops::Range<usize>| {
            let len = place.len() / table.rows;
            place.start + row * len..place.start + (row + 1) * len
        };
        let scale = || self.bytes.numbers::<f32>(part(&table.scales))[0];
        let kept = |to: &f32| if add { *to } else { 0.0 };
        match table.precision {
            Precision::F32 => {
                for (to, float) in to.iter_mut().zip(self.bytes.numbers::<f32>(part(&table.numbers))) {
                    *to = kept(to) + float;
                }
            }
            Precision::Int8 => {
                let scale = scale();
                for (to, byte) in to.iter_mut().zip(self.bytes.numbers::<i8>(part(&table.numbers))) {
                    *to = kept(to) + f32::from(*byte) * scale;
                }
            }
            Precision::Int4 => {
                assert!(!add, "nothing that is added is kept in nibbles");
                let multipliers = self.bytes.numbers::<i8>(part(&table.multipliers));
                packed::unpack_row(self.bytes.numbers::<i8>(part(&table.numbers)), multipliers, scale(), to);
            }
        }
    }

    /// Gain and shift of the norm after the embedding.
    pub fn norm(&self) -> (&[f32], &[f32]) {
        self.gain_and_shift(&self.plan.norm)
    }

    /// Gain and shift after attention, and after the whole layer.
    pub fn norms(&self, layer: usize) -> [(&[f32], &[f32]); 2] {
        let layer = &self.plan.layers[layer];
        [self.gain_and_shift(&layer.attention_norm), self.gain_and_shift(&layer.norm)]
    }

    fn gain_and_shift(&self, norm: &Norm) -> (&[f32], &[f32]) {
        (self.bytes.numbers(norm.gain.clone()), self.bytes.numbers(norm.shift.clone()))
    }

    /// What the tokens of a pair's second text have beside; `None` of a model that does not score pairs.
    pub fn ending(&self) -> Option<Ending<'_>> {
        let end = self.plan.end.as_ref()?;
        Some(Ending {
            second: self.bytes.numbers(end.second.clone()),
            dense: self.bytes.numbers(end.dense.clone()),
            dense_bias: self.bytes.numbers(end.dense_bias.clone()),
            score: self.bytes.numbers(end.score.clone()),
            score_bias: self.bytes.numbers::<f32>(end.score_bias.clone())[0],
        })
    }

    /// A layer's matrix: 0 query, key and value; 1 what comes after attention; 2 up; 3 down.
    pub fn linear(&self, layer: usize, which: usize) -> Linear<'_> {
        let matrix = self.plan.layers[layer].matrices()[which];
        let products = match self.header.precision {
            Precision::F32 => Products::Floats(self.bytes.numbers(matrix.numbers.clone())),
            Precision::Int8 | Precision::Int4 => Products::Bytes {
                numbers: match self.unpacked.get(layer * 4 + which) {
                    Some(bytes) => bytes.numbers(0..bytes.as_slice().len()),
                    None => self.bytes.numbers(matrix.numbers.clone()),
                },
                scales: self.bytes.numbers(matrix.scales.clone()),
                sums: self.bytes.numbers(matrix.sums.clone()),
                factors: self.bytes.numbers(matrix.factors.clone()),
            },
        };
        let bias = self.bytes.numbers(matrix.bias.clone());
        let inputs_padded = matrix.inputs_padded();
        Linear { outputs: matrix.outputs, inputs: matrix.inputs, inputs_padded, bias, products }
    }
}

fn unpack(bytes: &Bytes, matrix: &Matrix) -> Bytes {
    let mut to = Aligned::zeroed(matrix.numbers.len() * 2);
    let (numbers, multipliers) = (bytes.numbers(matrix.numbers.clone()), bytes.numbers(matrix.multipliers.clone()));
    packed::unpack_nibbles(matrix, numbers, multipliers, to.as_mut_slice());
    Bytes::Owned(to)
}
