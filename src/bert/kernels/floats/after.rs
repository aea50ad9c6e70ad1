//! What comes after the products of a block, while its sums are near: scale, bias, and the curve or the row that it is added to.

use super::{super::lanes::Lanes, curves::gelu, in_lanes, quantise::Step};
use crate::kernels::{COLUMNS, Kernel, ROWS_MAX, Sums};

/// What is done to a product and its bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Nothing,
    Gelu,
    /// Added to what the output holds.
    Add,
}

/// Where a block's floats go: its first row and column are the first of `to`, whose rows are `stride` apart.
pub struct Outcome<'a> {
    pub to: &'a mut [f32],
    pub stride: usize,
    pub bias: &'a [f32],
    pub after: After,
}

impl Outcome<'_> {
    /// Columns are as many as the bias has: 16, 32, 48 or 64.
    fn check(&self, rows: usize) {
        let columns = self.bias.len();
        assert!(columns > 0 && columns <= COLUMNS && columns.is_multiple_of(16), "{columns} columns");
        assert!(rows > 0 && rows <= ROWS_MAX && columns <= self.stride, "{rows} rows");
        assert!(self.to.len() >= (rows - 1) * self.stride + columns, "no room for {rows} rows");
    }
}

/// Sums of bytes as floats. `scales` and `weight_sums` are those of the block's columns, `steps` those of its rows.
/// Panics: on lengths that do not fit.
pub fn after_bytes(kernel: Kernel, sums: &Sums, steps: &[Step], scales: &[f32], weight_sums: &[i32], outcome: &mut Outcome<'_>) {
    outcome.check(steps.len());
    assert!(scales.len() >= outcome.bias.len() && weight_sums.len() >= outcome.bias.len(), "scales of a block");
    in_lanes!(kernel, bytes(sums: &Sums, steps: &[Step], scales: &[f32], weight_sums: &[i32], outcome: &mut Outcome<'_>));
}

/// Sums of floats, `rows` of them. Panics: on lengths that do not fit.
pub fn after_floats(kernel: Kernel, sums: &[f32; ROWS_MAX * COLUMNS], rows: usize, outcome: &mut Outcome<'_>) {
    outcome.check(rows);
    in_lanes!(kernel, floats(sums: &[f32; ROWS_MAX * COLUMNS], rows: usize, outcome: &mut Outcome<'_>));
}

const NOTHING: u8 = 0;
const GELU: u8 = 1;
const ADD: u8 = 2;

/// # Safety
/// The processor has the lanes; lengths as [`after_bytes`] checks them.
#[inline(always)]
unsafe fn bytes<L: Lanes>(sums: &Sums, steps: &[Step], scales: &[f32], weight_sums: &[i32], outcome: &mut Outcome<'_>) {
    // Chosen once a block, not for each register. SAFETY: vouched for by the caller.
    unsafe {
        match outcome.after {
            After::Nothing => bytes_then::<L, NOTHING>(sums, steps, scales, weight_sums, outcome),
            After::Gelu => bytes_then::<L, GELU>(sums, steps, scales, weight_sums, outcome),
            After::Add => bytes_then::<L, ADD>(sums, steps, scales, weight_sums, outcome),
        }
    }
}

/// # Safety
/// As above.
#[inline(always)]
unsafe fn bytes_then<L: Lanes, const AFTER: u8>(
    sums: &Sums,
    steps: &[Step],
    scales: &[f32],
    weight_sums: &[i32],
    outcome: &mut Outcome<'_>,
) {
    // What is written could be what is read, as far as the compiler knows: so no length or pointer is read again in the loop.
    let (columns, stride, to, bias) = (outcome.bias.len(), outcome.stride, outcome.to.as_mut_ptr(), outcome.bias.as_ptr());
    for (row, step) in steps.iter().enumerate() {
        let (scale, zero) = (step.scale, step.zero);
        for column in (0..columns).step_by(L::COUNT) {
            // SAFETY: rows below `ROWS_MAX`, columns below the bias's length.
            unsafe {
                let sum = sums.as_ptr().add(row * COLUMNS + column);
                let whole = L::centred(sum, weight_sums.as_ptr().add(column), zero);
                let scale = L::splat(scale).times(L::load(scales.as_ptr().add(column)));
                let value = whole.times_plus(scale, L::load(bias.add(column)));
                conclude::<L, AFTER>(value, to.add(row * stride + column));
            }
        }
    }
}

/// # Safety
/// The processor has the lanes; lengths as [`after_floats`] checks them.
#[inline(always)]
unsafe fn floats<L: Lanes>(sums: &[f32; ROWS_MAX * COLUMNS], rows: usize, outcome: &mut Outcome<'_>) {
    // SAFETY: vouched for by the caller.
    unsafe {
        match outcome.after {
            After::Nothing => floats_then::<L, NOTHING>(sums, rows, outcome),
            After::Gelu => floats_then::<L, GELU>(sums, rows, outcome),
            After::Add => floats_then::<L, ADD>(sums, rows, outcome),
        }
    }
}

/// # Safety
/// As above.
#[inline(always)]
unsafe fn floats_then<L: Lanes, const AFTER: u8>(sums: &[f32; ROWS_MAX * COLUMNS], rows: usize, outcome: &mut Outcome<'_>) {
    let (columns, stride, to, bias) = (outcome.bias.len(), outcome.stride, outcome.to.as_mut_ptr(), outcome.bias.as_ptr());
    for row in 0..rows {
        for column in (0..columns).step_by(L::COUNT) {
            // SAFETY: rows below `ROWS_MAX`, columns below the bias's length.
            unsafe {
                let value = L::load(sums.as_ptr().add(row * COLUMNS + column)).plus(L::load(bias.add(column)));
                conclude::<L, AFTER>(value, to.add(row * stride + column));
            }
        }
    }
}

/// # Safety
/// The processor has the lanes, and `COUNT` floats at `to` are the outcome's.
#[inline(always)]
unsafe fn conclude<L: Lanes, const AFTER: u8>(value: L, to: *mut f32) {
    // SAFETY: vouched for by the caller.
    unsafe {
        match AFTER {
            GELU => gelu(value),
            ADD => value.plus(L::load(to)),
            _ => value,
        }
        .store(to);
    }
}
