//! Sums of products of floats: the model as it was trained, the measure of what quantising costs.

use super::{super::lanes::Lanes, in_lanes};
use crate::kernels::{COLUMNS, Kernel, PANEL, ROWS_MAX, rows::parts};

/// Rows that fit into the registers beside the weights.
const ROWS: usize = 8;

/// One block: for each of the rows and each of 64 columns the sum of their products.
///
/// Shapes: `weights` `[panel of 16 columns][input][column]`, `rows` `[count, inner]`. Panics: on other lengths.
pub fn multiply(kernel: Kernel, weights: &[f32], rows: &[f32], inner: usize, sums: &mut [f32; ROWS_MAX * COLUMNS]) {
    assert!(inner > 0 && weights.len() == inner * COLUMNS, "the weights of a block");
    assert!(rows.len().is_multiple_of(inner) && rows.len() / inner <= ROWS_MAX, "the rows of a block");
    in_lanes!(kernel, block(weights: &[f32], rows: &[f32], inner: usize, sums: &mut [f32; ROWS_MAX * COLUMNS]));
}

/// # Safety
/// The processor has the lanes; lengths as [`multiply`] checks them.
#[inline(always)]
unsafe fn block<L: Lanes>(weights: &[f32], rows: &[f32], inner: usize, sums: &mut [f32; ROWS_MAX * COLUMNS]) {
    for column in (0..COLUMNS).step_by(L::COUNT) {
        for (from, count) in parts(rows.len() / inner, ROWS) {
            // SAFETY: `COUNT` divides a panel, so the columns are of one; rows and sums are within their lengths.
            unsafe {
                let weights = weights.as_ptr().add(column / PANEL * PANEL * inner + column % PANEL);
                let (rows, sums) = (rows.as_ptr().add(from * inner), sums.as_mut_ptr().add(from * COLUMNS + column));
                match count {
                    1 => part::<L, 1>(weights, rows, inner, sums),
                    2 => part::<L, 2>(weights, rows, inner, sums),
                    3 => part::<L, 3>(weights, rows, inner, sums),
                    4 => part::<L, 4>(weights, rows, inner, sums),
                    5 => part::<L, 5>(weights, rows, inner, sums),
                    6 => part::<L, 6>(weights, rows, inner, sums),
                    7 => part::<L, 7>(weights, rows, inner, sums),
                    _ => part::<L, 8>(weights, rows, inner, sums),
                }
            }
        }
    }
}

/// # Safety
/// The processor has the lanes; `N` rows of `inner` floats, `N` rows of sums, and a panel's weights from some column on.
#[inline(always)]
unsafe fn part<L: Lanes, const N: usize>(weights: *const f32, rows: *const f32, inner: usize, sums: *mut f32) {
    // SAFETY: vouched for by the caller.
    unsafe {
        let mut totals = [L::splat(0.0); N];
        for input in 0..inner {
            let columns = L::load(weights.add(input * PANEL));
            for (row, total) in totals.iter_mut().enumerate() {
                *total = columns.times_plus(L::splat(*rows.add(row * inner + input)), *total);
            }
        }
        for (row, total) in totals.iter().enumerate() {
            total.store(sums.add(row * COLUMNS));
        }
    }
}
