//! The two loops that a search spends its time in, for each kind of processor: how near rows may lie at most by their codes, and the
//! product of a vector with a row. Chosen at run time; all give the same within rounding. `unsafe` of this adapter is in this folder only.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use super::question::{PLANES, Question};

/// Rows that are coded together: one word of each lies side by side.
pub const LANES: usize = 8;
/// Numbers of a row are a multiple of this, the last ones 0.
pub const STRIDE: usize = 16;

/// Codes of rows: for each group of [`LANES`] rows first their first words, then their second ones. Rows without a vector have an
/// infinitely negative doubt.
#[derive(Clone, Copy)]
pub struct Coded<'a> {
    pub words: usize,
    pub bits: &'a [u64],
    /// One per row, and so are the doubts.
    pub scale: &'a [f32],
    pub doubt: &'a [f32],
}

/// What to multiply with.
#[derive(Clone, Copy)]
pub struct Line {
    /// The part of all cosines that the rows have in common.
    pub offset: f32,
    pub gain: f32,
    pub base: f32,
}

/// A kind of processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// Those that this processor can run, the slowest first.
    pub fn all() -> Vec<Self> {
        #[allow(unused_mut, reason = "other processors have none to add")]
        let mut all = vec![Self::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 =
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
            all.extend(has_avx2.then_some(Self::Avx2));
            let has_avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
            let has_all = has_avx2 && has_avx512 && is_x86_feature_detected!("avx512vpopcntdq");
            all.extend(has_all.then_some(Self::Avx512));
        }
        all
    }

    pub fn best() -> Self {
        *Self::all().last().expect("there is always the scalar one")
    }

    /// The greatest cosine that each row is likely to have: `offset + scale * (gain * n + base) + doubt`, where n is the sum over the
    /// planes of their weight times the bits that plane and code have in common. `out` has one place per row.
    pub fn bounds(self, rows: Coded<'_>, question: &Question, line: Line, out: &mut [f32]) {
        let (number, words) = (out.len(), rows.words);
        assert!(number.is_multiple_of(LANES) && rows.scale.len() == number && rows.doubt.len() == number);
        assert!(rows.bits.len() == number * words && question.planes.len() == words);
        match self {
            Self::Scalar => scalar::bounds(rows, question, line, out),
            // SAFETY: `all` found the features, and the lengths were looked at above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::bounds(rows, question, line, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::bounds(rows, question, line, out) },
        }
    }

    /// The product with a row in half precision. Both have the same length, a multiple of [`STRIDE`].
    pub fn dot(self, vector: &[f32], row: &[u16]) -> f32 {
        assert!(vector.len() == row.len() && row.len().is_multiple_of(STRIDE));
        match self {
            Self::Scalar => scalar::dot(vector, row),
            // SAFETY: `all` found the features, and the lengths were looked at above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::dot(vector, row) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::dot(vector, row) },
        }
    }
}

/// What each plane of a question counts for: a number between -8 and 7 in two's complement.
const WEIGHTS: [i32; PLANES] = [1, 2, 4, -8];

#[cfg(test)]
mod tests {
    use half::f16;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_processor_says_the_same(
            words in 1usize..40,
            groups in 1usize..5,
            seed in any::<u64>(),
            extreme in any::<bool>(),
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if extreme { if state >> 63 == 0 { 0 } else { u64::MAX } } else { state ^ (state >> 29) }
            };
            let rows = groups * LANES;
            let bits: Vec<u64> = (0..rows * words).map(|_| next()).collect();
            let planes: Vec<[u64; PLANES]> = (0..words).map(|_| [next(), next(), next(), next()]).collect();
            let scale: Vec<f32> = (0..rows).map(|row| row as f32 / 7.0 - 1.0).collect();
            let doubt: Vec<f32> = (0..rows).map(|row| if row % 5 == 4 { f32::NEG_INFINITY } else { 0.25 }).collect();
            let coded = Coded { words, bits: &bits, scale: &scale, doubt: &doubt };
            let question = Question { planes, ..Question::new(&[], 0) };
            let line = Line { offset: 0.5, gain: 0.01, base: -0.3 };
            let (mut wanted, mut given) = (vec![0.0; rows], vec![0.0; rows]);
            Kernel::Scalar.bounds(coded, &question, line, &mut wanted);
            let numbers = words * 64;
            let vector: Vec<f32> = (0..numbers).map(|_| (next() % 2_001) as f32 / 1_000.0 - 1.0).collect();
            let halves: Vec<u16> = (0..numbers).map(|_| f16::from_f32((next() % 2_001) as f32 / 1_000.0 - 1.0).to_bits()).collect();
            let product = Kernel::Scalar.dot(&vector, &halves);
            for kernel in Kernel::all() {
                kernel.bounds(coded, &question, line, &mut given);
                for (wanted, given) in wanted.iter().zip(&given) {
                    let is_same = wanted == given || (wanted - given).abs() <= 1e-5 * wanted.abs().max(1.0);
                    prop_assert!(is_same, "{:?}: {} and {}", kernel, wanted, given);
                }
                prop_assert!((kernel.dot(&vector, &halves) - product).abs() <= 2e-6 * numbers as f32, "{:?}", kernel);
            }
        }
    }
}
