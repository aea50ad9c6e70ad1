//! Sums of products by NEON's `sdot`, for processors of ARM with dot products. Not run by us: no such machine was at hand.
//!
//! `sdot` multiplies signed bytes only. 128 is taken from each byte, and 128 times the sum of a column's weights is given back.

use std::arch::{aarch64::*, asm};

use super::{COLUMNS, PANEL, rows::parts};

/// Rows that fit into the registers beside four quarters of a panel.
const ROWS: usize = 4;

/// # Safety
/// The processor has `dotprod`; lengths as in [`super::scalar::accumulate`].
#[target_feature(enable = "neon,dotprod")]
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
                    _ => part::<4>(weights, bytes, inner, sums),
                }
            }
        }
    }
}

/// # Safety
/// As above, for one panel and `N` rows.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn part<const N: usize>(weights: *const i8, bytes: *const u8, inner: usize, sums: *mut i32) {
    let mut totals = [[vdupq_n_s32(0); 4]; N];
    let mut given_back = [vdupq_n_s32(0); 4];
    let ones = vdupq_n_s8(1);
    for quad in 0..inner / 4 {
        let mut row = [vdupq_n_s8(0); N];
        for (place, row) in row.iter_mut().enumerate() {
            // SAFETY: four bytes of a row of `inner`.
            let four = unsafe { bytes.add(place * inner + quad * 4).cast::<u32>().read_unaligned() };
            *row = vreinterpretq_s8_u32(vdupq_n_u32(four ^ 0x8080_8080));
        }
        for quarter in 0..4 {
            // SAFETY: 16 of the panel's 64 bytes for this quad.
            let columns = unsafe { vld1q_s8(weights.add(quad * 4 * PANEL + quarter * 16)) };
            given_back[quarter] = dot(given_back[quarter], columns, ones);
            for place in 0..N {
                totals[place][quarter] = dot(totals[place][quarter], columns, row[place]);
            }
        }
    }
    for (place, quarters) in totals.iter().enumerate() {
        for (quarter, total) in quarters.iter().enumerate() {
            let whole = vaddq_s32(*total, vshlq_n_s32::<7>(given_back[quarter]));
            // SAFETY: four of the row's sums.
            unsafe { vst1q_s32(sums.add(place * COLUMNS + quarter * 4), whole) };
        }
    }
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot(mut total: int32x4_t, left: int8x16_t, right: int8x16_t) -> int32x4_t {
    // SAFETY: computes on three registers; the intrinsic of this name is not stable.
    unsafe {
        asm!(
            "sdot {total:v}.4s, {left:v}.16b, {right:v}.16b",
            total = inout(vreg) total,
            left = in(vreg) left,
            right = in(vreg) right,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    total
}
