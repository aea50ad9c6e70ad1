//! The loops in plain Rust, for every processor; what the others are held against.

use half::f16;

use super::{Coded, LANES, Line, WEIGHTS};
use crate::adapters::vectors::question::Question;

pub fn bounds(rows: Coded<'_>, question: &Question, line: Line, out: &mut [f32]) {
    let groups = rows.bits.chunks_exact(LANES * rows.words);
    let sides = rows.scale.chunks_exact(LANES).zip(rows.doubt.chunks_exact(LANES));
    for ((group, (scale, doubt)), out) in groups.zip(sides).zip(out.chunks_exact_mut(LANES)) {
        let mut sums = [0i32; LANES];
        for (words, planes) in group.chunks_exact(LANES).zip(&question.planes) {
            for (sum, word) in sums.iter_mut().zip(words) {
                for (plane, weight) in planes.iter().zip(WEIGHTS) {
                    *sum += (word & plane).count_ones().cast_signed() * weight;
                }
            }
        }
        for lane in 0..LANES {
            let near = line.gain * sums[lane] as f32 + line.base;
            out[lane] = line.offset + scale[lane] * near + doubt[lane];
        }
    }
}

pub fn dot(vector: &[f32], row: &[u16]) -> f32 {
    // Sums of their own for each place in a line: the order in which the others add as well.
    let mut sums = [0.0f32; LANES];
    for (vector, row) in vector.chunks_exact(LANES).zip(row.chunks_exact(LANES)) {
        for (sum, (a, b)) in sums.iter_mut().zip(vector.iter().zip(row)) {
            *sum += a * f16::from_bits(*b).to_f32();
        }
    }
    sums.iter().sum()
}
