//! Layer norm of rows.

use super::{super::lanes::Lanes, in_lanes};
use crate::kernels::Kernel;

/// Brings each row to mean 0 and variance 1, then to `gain` and `shift`. The row's width is theirs, and a multiple of 16.
/// Panics: on other lengths.
pub fn normalise(kernel: Kernel, rows: &mut [f32], gain: &[f32], shift: &[f32], epsilon: f32) {
    let width = gain.len();
    assert!(width > 0 && width.is_multiple_of(16) && shift.len() == width && rows.len().is_multiple_of(width), "rows of {width}");
    in_lanes!(kernel, each(rows: &mut [f32], gain: &[f32], shift: &[f32], epsilon: f32));
}

/// # Safety
/// The processor has the lanes; lengths as [`normalise`] checks them.
#[inline(always)]
unsafe fn each<L: Lanes>(rows: &mut [f32], gain: &[f32], shift: &[f32], epsilon: f32) {
    let width = gain.len();
    for row in rows.chunks_exact_mut(width) {
        let row = row.as_mut_ptr();
        // SAFETY: places below `width`, `COUNT` at a time, of what has that length.
        unsafe {
            let mut sum = L::splat(0.0);
            for place in (0..width).step_by(L::COUNT) {
                sum = sum.plus(L::load(row.add(place)));
            }
            let mean = L::splat(sum.sum() / width as f32);
            let mut squares = L::splat(0.0);
            for place in (0..width).step_by(L::COUNT) {
                let off = L::load(row.add(place)).minus(mean);
                squares = off.times_plus(off, squares);
            }
            let steep = L::splat(1.0 / (squares.sum() / width as f32 + epsilon).sqrt());
            for place in (0..width).step_by(L::COUNT) {
                let one = L::load(row.add(place)).minus(mean).times(steep);
                one.times_plus(L::load(gain.as_ptr().add(place)), L::load(shift.as_ptr().add(place))).store(row.add(place));
            }
        }
    }
}
