//! A model's file in the making: filled part by part, sealed by hashes, put in its place at once.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    header::{self, Header, SourceHash},
    packed,
    plan::{Matrix, Place, Plan, Table},
};
use crate::{
    kernels::bytes::{Aligned, Bytes},
    shape::{Precision, Shape},
};

/// Why a model's file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the model's file cannot be {step}")]
pub struct WriteError {
    step: &'static str,
    #[source]
    cause: io::Error,
}

/// A file in memory. Whoever fills it gives lengths as the plan has them; others are a bug, and panic.
pub struct Image {
    shape: Shape,
    precision: Precision,
    pub plan: Plan,
    bytes: Aligned,
}

impl Image {
    /// The shape must have been checked.
    pub fn new(shape: Shape, precision: Precision) -> Self {
        let plan = Plan::new(&shape, precision);
        let bytes = Aligned::zeroed(plan.len);
        Self { shape, precision, plan, bytes }
    }

    /// Floats from the beginning of a place on; a place may be longer.
    pub fn put(&mut self, place: &Place, floats: &[f32]) {
        let to = &mut self.bytes.as_mut_slice()[place.clone()];
        for (to, float) in to[..floats.len() * 4].chunks_exact_mut(4).zip(floats) {
            to.copy_from_slice(&float.to_le_bytes());
        }
    }

    /// One vector of a table.
    pub fn put_row(&mut self, table: &Table, row: usize, floats: &[f32]) {
        let part = |place: &Place| {
            let len = place.len() / table.rows;
            place.start + row * len..place.start + (row + 1) * len
        };
        let (numbers, scale, multipliers) = (part(&table.numbers), part(&table.scales), part(&table.multipliers));
        match table.precision {
            Precision::F32 => self.put(&numbers, floats),
            Precision::Int8 => {
                let value = packed::row_bytes(floats, &mut self.bytes.as_mut_slice()[numbers]);
                self.put(&scale, &[value]);
            }
            Precision::Int4 => {
                let mut both = self.bytes.as_mut_slice().get_disjoint_mut([numbers, multipliers]).expect("places are apart");
                let [numbers, multipliers] = &mut both;
                let value = packed::row_nibbles(floats, numbers, multipliers);
                self.put(&scale, &[value]);
            }
        }
    }

    /// A linear layer: `weights` `[outputs, inputs]`. Its activations will be multiplied with `factors`, so each input's weights are
    /// divided by its own.
    pub fn put_matrix(&mut self, matrix: &Matrix, weights: &[f32], bias: &[f32], factors: &[f32]) {
        assert_eq!((weights.len(), bias.len()), (matrix.outputs * matrix.inputs, matrix.outputs), "a matrix");
        self.put(&matrix.bias, bias);
        if self.precision == Precision::F32 {
            let mut numbers = vec![0.0; matrix.numbers.len() / 4];
            for (output, row) in weights.chunks_exact(matrix.inputs).enumerate() {
                packed::pack_floats(matrix, output, row, &mut numbers);
            }
            return self.put(&matrix.numbers, &numbers);
        }
        assert_eq!(factors.len(), matrix.inputs, "the factors of a matrix");
        self.put(&matrix.factors, factors);
        for (output, row) in weights.chunks_exact(matrix.inputs).enumerate() {
            let row: Vec<f32> = row.iter().zip(factors).map(|(weight, factor)| weight / factor).collect();
            let parts = [matrix.numbers.clone(), matrix.multipliers.clone()];
            let [numbers, multipliers] = self.bytes.as_mut_slice().get_disjoint_mut(parts).expect("places are apart");
            let (scale, sum) = match self.precision {
                Precision::Int4 => packed::pack_nibbles(matrix, output, &row, numbers, multipliers),
                _ => packed::pack_bytes(matrix, output, &row, numbers),
            };
            let at = |place: &Place| place.start + output * 4..place.start + output * 4 + 4;
            self.put(&at(&matrix.scales), &[scale]);
            self.bytes.as_mut_slice()[at(&matrix.sums)].copy_from_slice(&sum.to_le_bytes());
        }
    }

    /// The whole file, ready to be used or written.
    pub fn seal(mut self, source: SourceHash) -> Sealed {
        let content = xxh3_64(&self.bytes.as_slice()[header::LEN..]);
        let header = Header { shape: self.shape, precision: self.precision, source, content };
        self.bytes.as_mut_slice()[..header::LEN].copy_from_slice(&header.encode());
        Sealed(self.bytes)
    }
}

/// A file that is whole.
pub struct Sealed(Aligned);

impl Sealed {
    pub fn into_bytes(self) -> Bytes {
        Bytes::Owned(self.0)
    }

    /// Puts the file in its place: whoever opens it finds all of it or what was there before. What is there is not written over, since
    /// somebody may have mapped it.
    pub fn save(&self, path: &Path) -> Result<(), WriteError> {
        let step = |step| move |cause| WriteError { step, cause };
        let aside = path.with_extension(format!("{}.part", std::process::id()));
        let written = File::create(&aside).and_then(|mut file| {
            file.write_all(self.0.as_slice())?;
            file.sync_all()
        });
        if let Err(cause) = written.and_then(|()| fs::rename(&aside, path)) {
            // What is left of a full disk's file is of no use.
            let _ = fs::remove_file(&aside);
            return Err(step("written")(cause));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(step("kept"))
    }
}
