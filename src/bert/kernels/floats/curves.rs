//! The curves of the model, some floats at once.

use super::super::lanes::Lanes;

/// Beyond it the curve of [`gelu`] is flat in f32's eyes: 1 - Phi(5) is 3e-7.
const FLAT_FROM: f32 = 5.0;
/// (Phi(x) - 1/2) / x for |x| <= 5 as a polynomial in `2 x^2 / 25 - 1`, lowest power first. Fitted by Chebyshev's points; together with f32's
/// rounding it is off by no more than 1.2e-6.
const PHI: [f32; 13] = [
    0.141_363_78,
    -0.070_296_32,
    0.051_520_992,
    -0.040_441_882,
    0.031_436_39,
    -0.023_272_507,
    0.016_427_547,
    -0.011_156_444,
    0.006_361_238,
    -0.002_692_101_3,
    0.001_765_998,
    -0.001_611_555_2,
    0.000_594_829_3,
];

/// `x * Phi(x)` with the error function itself, as BERT has it, not its likeness by `tanh`.
///
/// # Safety
/// The processor has the lanes.
#[inline(always)]
pub unsafe fn gelu<L: Lanes>(x: L) -> L {
    // SAFETY: vouched for by the caller.
    unsafe {
        let near = x.least(L::splat(FLAT_FROM)).most(L::splat(-FLAT_FROM));
        let place = near.times(near).times_plus(L::splat(2.0 / (FLAT_FROM * FLAT_FROM)), L::splat(-1.0));
        let mut slope = L::splat(PHI[12]);
        for factor in PHI[..12].iter().rev() {
            slope = slope.times_plus(place, L::splat(*factor));
        }
        x.times(near.times_plus(slope, L::splat(0.5)))
    }
}

/// Below it a power of e is as good as nothing.
const NOTHING_BELOW: f32 = -87.0;
/// ln 2 in two parts, so that a multiple of it can be taken away without rounding.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// e^r - 1 - r by r^2 for |r| <= ln 2 / 2, highest power first. Source: Cephes, `expf`.
const EXP: [f32; 6] = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];

/// e to the power of numbers up to 0; off by no more than 2 of 10 million.
///
/// # Safety
/// The processor has the lanes.
#[inline(always)]
pub unsafe fn exp<L: Lanes>(x: L) -> L {
    // SAFETY: vouched for by the caller.
    unsafe {
        let x = x.most(L::splat(NOTHING_BELOW));
        let halvings = x.times(L::splat(std::f32::consts::LOG2_E)).whole();
        let rest = halvings.times_plus(L::splat(-LN_2[0]), x);
        let rest = halvings.times_plus(L::splat(-LN_2[1]), rest);
        let mut curve = L::splat(EXP[0]);
        for factor in &EXP[1..] {
            curve = curve.times_plus(rest, L::splat(*factor));
        }
        let curve = curve.times_plus(rest.times(rest), rest).plus(L::splat(1.0));
        curve.times(halvings.power_of_two())
    }
}
