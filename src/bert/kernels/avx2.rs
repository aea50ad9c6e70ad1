//! Sums of products by AVX2. Bytes are widened to 16 bits first: `maddubs` would be quicker and saturates at 255 x 127 x 2.

use std::arch::x86_64::*;

use super::{COLUMNS, PANEL, rows::parts};

/// Rows that fit into the registers beside four quarters of a panel.
const ROWS: usize = 3;

/// # Safety
/// The processor has AVX2; `weights` are `inner` x 64 bytes, `bytes` are `rows` x `inner`, `sums` are `rows` x 64, and `inner` is a
/// multiple of 4. [`super::Ready::accumulate`] has checked all of it.
#[target_feature(enable = "avx2")]
pub unsafe fn accumulate(weights: *const i8, bytes: *const u8, inner: usize, rows: usize, sums: *mut i32) {
    for panel in 0..COLUMNS / PANEL {
        for (from, count) in parts(rows, ROWS) {
            // SAFETY: the panel, the rows and the sums lie within what the caller vouches for.
            unsafe {
                let weights = weights.add(panel * PANEL * inner);
                let (bytes, sums) = (bytes.add(from * inner), sums.add(from * COLUMNS + panel * PANEL));
                match count {
                    1 => part::<1>(weights, bytes, inner, sums),
                    2 => part::<2>(weights, bytes, inner, sums),
                    _ => part::<3>(weights, bytes, inner, sums),
                }
            }
        }
    }
}

/// # Safety
/// As above, for one panel and `N` rows.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn part<const N: usize>(weights: *const i8, bytes: *const u8, inner: usize, sums: *mut i32) {
    let mut pairs = [[_mm256_setzero_si256(); N]; 4];
    for quad in 0..inner / 4 {
        let mut row = [_mm256_setzero_si256(); N];
        for (place, row) in row.iter_mut().enumerate() {
            // SAFETY: four bytes of a row of `inner`.
            let four = unsafe { bytes.add(place * inner + quad * 4).cast::<i32>().read_unaligned() };
            *row = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
        }
        for (quarter, pairs) in pairs.iter_mut().enumerate() {
            // SAFETY: 16 of the panel's 64 bytes for this quad.
            let narrow = unsafe { _mm_loadu_si128(weights.add(quad * 4 * PANEL + quarter * 16).cast()) };
            let wide = _mm256_cvtepi8_epi16(narrow);
            for (pair, row) in pairs.iter_mut().zip(row) {
                *pair = _mm256_add_epi32(*pair, _mm256_madd_epi16(wide, row));
            }
        }
    }
    for (half, quarters) in pairs.chunks_exact(2).enumerate() {
        for (place, (left, right)) in quarters[0].iter().zip(quarters[1]).enumerate() {
            // A column's two sums lie side by side; their addition mixes the quarters by halves, which the permutation undoes.
            let mixed = _mm256_hadd_epi32(*left, right);
            let columns = _mm256_permute4x64_epi64::<0b11_01_10_00>(mixed);
            // SAFETY: eight of the row's sums.
            unsafe { _mm256_storeu_si256(sums.add(place * COLUMNS + half * 8).cast(), columns) };
        }
    }
}
