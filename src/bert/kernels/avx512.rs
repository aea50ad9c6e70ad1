//! Sums of products by AVX-512 VNNI: six rows against four panels fill the registers.

use std::arch::x86_64::*;

use super::{COLUMNS, PANEL, rows::parts};

const ROWS: usize = 6;
const PANELS: usize = COLUMNS / PANEL;

/// # Safety
/// The processor has AVX-512 F and VNNI; lengths as in [`super::avx2::accumulate`].
#[target_feature(enable = "avx512f,avx512vnni")]
pub unsafe fn accumulate(weights: *const i8, bytes: *const u8, inner: usize, rows: usize, sums: *mut i32) {
    for (from, count) in parts(rows, ROWS) {
        // SAFETY: the rows and the sums lie within what the caller vouches for.
        unsafe {
            let (bytes, sums) = (bytes.add(from * inner), sums.add(from * COLUMNS));
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

/// # Safety
/// As above, for `N` rows.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn part<const N: usize>(weights: *const i8, bytes: *const u8, inner: usize, sums: *mut i32) {
    let mut totals = [[_mm512_setzero_si512(); PANELS]; N];
    for quad in 0..inner / 4 {
        let mut columns = [_mm512_setzero_si512(); PANELS];
        for (panel, columns) in columns.iter_mut().enumerate() {
            // SAFETY: the panel's 64 bytes for this quad.
            *columns = unsafe { _mm512_loadu_si512(weights.add(panel * PANEL * inner + quad * 4 * PANEL).cast()) };
        }
        for (place, totals) in totals.iter_mut().enumerate() {
            // SAFETY: four bytes of a row of `inner`.
            let four = unsafe { bytes.add(place * inner + quad * 4).cast::<i32>().read_unaligned() };
            let four = _mm512_set1_epi32(four);
            for (total, columns) in totals.iter_mut().zip(columns) {
                *total = _mm512_dpbusd_epi32(*total, four, columns);
            }
        }
    }
    for (place, totals) in totals.iter().enumerate() {
        for (panel, total) in totals.iter().enumerate() {
            // SAFETY: 16 of the row's sums.
            unsafe { _mm512_storeu_si512(sums.add(place * COLUMNS + panel * PANEL).cast(), *total) };
        }
    }
}
