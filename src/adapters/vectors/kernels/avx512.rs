//! The loops for processors that count the bits of eight words at once (AVX-512 with VPOPCNTDQ).

use std::arch::x86_64::*;

use super::{Coded, LANES, Line, STRIDE};
use crate::adapters::vectors::question::Question;

/// # Safety
/// The processor has these features; `out` has a multiple of [`LANES`] places, as many as `scale` and `doubt`, and `bits` `words` for each;
/// the question has `words` planes.
#[target_feature(enable = "avx512f,avx512dq,avx512vpopcntdq,avx2,fma")]
pub unsafe fn bounds(rows: Coded<'_>, question: &Question, line: Line, out: &mut [f32]) {
    let (gain, base, offset) = (_mm256_set1_ps(line.gain), _mm256_set1_ps(line.base), _mm256_set1_ps(line.offset));
    for group in 0..out.len() / LANES {
        let mut sums = [_mm512_setzero_si512(); 4];
        for (place, planes) in question.planes.iter().enumerate() {
            // SAFETY: there are `words` times eight words for each group.
            let word = unsafe { _mm512_loadu_si512(rows.bits.as_ptr().add((group * rows.words + place) * LANES).cast()) };
            for (sum, plane) in sums.iter_mut().zip(planes) {
                let shared = _mm512_and_si512(word, _mm512_set1_epi64(plane.cast_signed()));
                *sum = _mm512_add_epi64(*sum, _mm512_popcnt_epi64(shared));
            }
        }
        let low = _mm512_add_epi64(sums[0], _mm512_slli_epi64::<1>(sums[1]));
        let high = _mm512_sub_epi64(_mm512_slli_epi64::<2>(sums[2]), _mm512_slli_epi64::<3>(sums[3]));
        let number = _mm512_cvtepi64_ps(_mm512_add_epi64(low, high));
        // SAFETY: there are eight scales, doubts and places for each group.
        unsafe {
            let scale = _mm256_loadu_ps(rows.scale.as_ptr().add(group * LANES));
            let doubt = _mm256_loadu_ps(rows.doubt.as_ptr().add(group * LANES));
            let near = _mm256_fmadd_ps(gain, number, base);
            let bound = _mm256_add_ps(_mm256_fmadd_ps(scale, near, offset), doubt);
            _mm256_storeu_ps(out.as_mut_ptr().add(group * LANES), bound);
        }
    }
}

/// # Safety
/// The processor has these features; both have the same length, a multiple of [`STRIDE`].
#[target_feature(enable = "avx512f,f16c")]
pub unsafe fn dot(vector: &[f32], row: &[u16]) -> f32 {
    let mut sums = [_mm512_setzero_ps(); 2];
    for line in 0..row.len() / STRIDE {
        // SAFETY: the line lies within both.
        let (a, b) = unsafe {
            let halves = _mm256_loadu_si256(row.as_ptr().add(line * STRIDE).cast());
            (_mm512_loadu_ps(vector.as_ptr().add(line * STRIDE)), _mm512_cvtph_ps(halves))
        };
        sums[line % 2] = _mm512_fmadd_ps(a, b, sums[line % 2]);
    }
    _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
}
