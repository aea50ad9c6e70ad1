//! Sums of products by AVX-VNNI: four products a lane, eight lanes, in the encoding of processors without AVX-512.

use std::arch::x86_64::*;

use super::{COLUMNS, PANEL, rows::parts};

/// Rows that fit into the registers beside two halves of a panel.
const ROWS: usize = 6;

/// # Safety
/// The processor has AVX2 and AVX-VNNI; lengths as in [`super::avx2::accumulate`].
#[target_feature(enable = "avx2,avxvnni")]
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
                    3 => part::<3>(weights, bytes, inner, sums),
                    4 => part::<4>(weights, bytes, inner, sums),
                    5 => part::<5>(weights, bytes, inner, sums),
                    _ => part::<6>(weights, bytes, inner, sums),
                }
            }
        }
    }
}

/// # Safety
/// As above, for one panel and `N` rows.
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn part<const N: usize>(weights: *const i8, bytes: *const u8, inner: usize, sums: *mut i32) {
    let mut halves = [[_mm256_setzero_si256(); 2]; N];
    for quad in 0..inner / 4 {
        // SAFETY: the panel's 64 bytes for this quad.
        let (low, high) = unsafe {
            let quad = weights.add(quad * 4 * PANEL);
            (_mm256_loadu_si256(quad.cast()), _mm256_loadu_si256(quad.add(32).cast()))
        };
        for (place, halves) in halves.iter_mut().enumerate() {
            // SAFETY: four bytes of a row of `inner`.
            let four = unsafe { bytes.add(place * inner + quad * 4).cast::<i32>().read_unaligned() };
            let four = _mm256_set1_epi32(four);
            halves[0] = _mm256_dpbusd_avx_epi32(halves[0], four, low);
            halves[1] = _mm256_dpbusd_avx_epi32(halves[1], four, high);
        }
    }
    for (place, halves) in halves.iter().enumerate() {
        for (half, columns) in halves.iter().enumerate() {
            // SAFETY: eight of the row's sums.
            unsafe { _mm256_storeu_si256(sums.add(place * COLUMNS + half * 8).cast(), *columns) };
        }
    }
}
