//! Sums of products in plain Rust: what every other kernel must equal, and what runs where none of them can.

use super::{COLUMNS, PANEL};

/// Weights lie as `[panel of 16 columns][quad of inputs][column][input of the quad]`, which is the form of all kernels.
pub fn accumulate(weights: &[i8], bytes: &[u8], inner: usize, rows: usize, sums: &mut [i32]) {
    for (row, sums) in bytes.chunks_exact(inner).zip(sums.chunks_exact_mut(COLUMNS)).take(rows) {
        for (panel, sums) in weights.chunks_exact(inner * PANEL).zip(sums.chunks_exact_mut(PANEL)) {
            // Arrays of known lengths, which the compiler keeps in whatever registers it has.
            let mut totals = [0; PANEL];
            for (quad, bytes) in panel.as_chunks::<{ 4 * PANEL }>().0.iter().zip(row.as_chunks::<4>().0) {
                let bytes = bytes.map(i32::from);
                for (column, total) in totals.iter_mut().enumerate() {
                    let product = |input: usize| i32::from(quad[4 * column + input]) * bytes[input];
                    *total += product(0) + product(1) + product(2) + product(3);
                }
            }
            sums.copy_from_slice(&totals);
        }
    }
}
