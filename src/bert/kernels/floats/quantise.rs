//! Rows of floats as bytes: each row has a scale and a zero of its own.

use super::{super::lanes::Lanes, in_lanes};
use crate::kernels::Kernel;

/// How a row's bytes become floats again: `(byte - zero) * scale`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    pub scale: f32,
    pub zero: i32,
}

/// The least scale: a row of zeros has one as well.
const SCALE_MIN: f32 = 1e-12;

/// Multiplies each row with `factors`, then spreads what it holds, 0 included, over 0 to 255.
///
/// Shapes: `rows` `[steps, factors]`, `bytes` `[steps, inner]`; what lies between `factors` and `inner` becomes 0. Bytes are the same for all
/// kernels: no step is rounded once that another rounds twice. Panics: on other lengths.
pub fn quantise(kernel: Kernel, rows: &[f32], factors: &[f32], inner: usize, bytes: &mut [u8], steps: &mut [Step]) {
    let width = factors.len();
    assert!(width > 0 && width.is_multiple_of(16) && width <= inner, "rows of {width} in {inner} bytes");
    assert!(rows.len() == steps.len() * width && bytes.len() >= steps.len() * inner, "{} rows", steps.len());
    in_lanes!(kernel, each(rows: &[f32], factors: &[f32], inner: usize, bytes: &mut [u8], steps: &mut [Step]));
}

/// # Safety
/// The processor has the lanes; lengths as [`quantise`] checks them.
#[inline(always)]
unsafe fn each<L: Lanes>(rows: &[f32], factors: &[f32], inner: usize, bytes: &mut [u8], steps: &mut [Step]) {
    let width = factors.len();
    let places = rows.chunks_exact(width).zip(bytes.chunks_exact_mut(inner));
    for ((row, bytes), step) in places.zip(steps) {
        let (row, factors) = (row.as_ptr(), factors.as_ptr());
        // SAFETY: places below `width`, `COUNT` at a time, of what is at least so long.
        unsafe {
            let (mut low, mut high) = (L::splat(0.0), L::splat(0.0));
            for place in (0..width).step_by(L::COUNT) {
                let one = L::load(row.add(place)).times(L::load(factors.add(place)));
                (low, high) = (low.least(one), high.most(one));
            }
            let (low, high) = (low.smallest(), high.largest());
            let scale = ((high - low) / 255.0).max(SCALE_MIN);
            let zero = (-low / scale).round_ties_even();
            *step = Step { scale, zero: zero as i32 };
            let (steep, zero) = (L::splat(1.0 / scale), L::splat(zero));
            for place in (0..width).step_by(L::COUNT) {
                let one = L::load(row.add(place)).times(L::load(factors.add(place))).times(steep).plus(zero);
                one.most(L::splat(0.0)).least(L::splat(255.0)).store_bytes(bytes.as_mut_ptr().add(place));
            }
        }
        bytes[width..].fill(0);
    }
}
