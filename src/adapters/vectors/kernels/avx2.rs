//! The loops for processors with AVX2: the bits of a byte are looked up, half by half.
//! Source of the counting: Muła, Kurz, Lemire, "Faster Population Counts Using AVX2 Instructions", 2018.

use std::arch::x86_64::*;

use super::{Coded, LANES, Line};
use crate::adapters::vectors::question::Question;

/// Words that may be counted before a byte runs over: each adds at most eight.
const WORDS_MAX: usize = 31;

/// # Safety
/// The processor has these features; `out` has a multiple of [`LANES`] places, as many as `scale` and `doubt`, and `bits` `words` for each;
/// the question has `words` planes.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn bounds(rows: Coded<'_>, question: &Question, line: Line, out: &mut [f32]) {
    let (gain, base, offset) = (_mm256_set1_ps(line.gain), _mm256_set1_ps(line.base), _mm256_set1_ps(line.offset));
    for group in 0..out.len() / LANES {
        let first = group * rows.words * LANES;
        // SAFETY: there are `words` times eight words for each group, of which each half takes four.
        let (left, right) = unsafe { (sums(&rows.bits[first..], question), sums(&rows.bits[first + LANES / 2..], question)) };
        // The sums are small: of each long one the lower half says it.
        let order = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
        let (left, right) = (_mm256_permutevar8x32_epi32(left, order), _mm256_permutevar8x32_epi32(right, order));
        let number = _mm256_cvtepi32_ps(_mm256_blend_epi32::<0b1111_0000>(left, right));
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

/// The weighted sums of four rows, whose words lie eight apart.
///
/// # Safety
/// The processor has AVX2; `bits` reaches to four words beyond eight times the number of planes less one.
#[target_feature(enable = "avx2")]
unsafe fn sums(bits: &[u64], question: &Question) -> __m256i {
    let counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    let (half, zero) = (_mm256_set1_epi8(0x0f), _mm256_setzero_si256());
    let mut sums = [zero; 4];
    for (part, planes) in question.planes.chunks(WORDS_MAX).enumerate() {
        let mut bytes = [zero; 4];
        for (place, planes) in planes.iter().enumerate() {
            // SAFETY: as the caller promises.
            let word = unsafe { _mm256_loadu_si256(bits.as_ptr().add((part * WORDS_MAX + place) * LANES).cast()) };
            for (sum, plane) in bytes.iter_mut().zip(planes) {
                let shared = _mm256_and_si256(word, _mm256_set1_epi64x(plane.cast_signed()));
                let low = _mm256_shuffle_epi8(counts, _mm256_and_si256(shared, half));
                let high = _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16::<4>(shared), half));
                *sum = _mm256_add_epi8(*sum, _mm256_add_epi8(low, high));
            }
        }
        for (sum, bytes) in sums.iter_mut().zip(bytes) {
            *sum = _mm256_add_epi64(*sum, _mm256_sad_epu8(bytes, zero));
        }
    }
    let low = _mm256_add_epi64(sums[0], _mm256_slli_epi64::<1>(sums[1]));
    let high = _mm256_sub_epi64(_mm256_slli_epi64::<2>(sums[2]), _mm256_slli_epi64::<3>(sums[3]));
    _mm256_add_epi64(low, high)
}

/// # Safety
/// The processor has these features; both have the same length, a multiple of eight.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn dot(vector: &[f32], row: &[u16]) -> f32 {
    let mut sums = [_mm256_setzero_ps(); 2];
    for line in 0..row.len() / LANES {
        // SAFETY: the line lies within both.
        let (a, b) = unsafe {
            let halves = _mm_loadu_si128(row.as_ptr().add(line * LANES).cast());
            (_mm256_loadu_ps(vector.as_ptr().add(line * LANES)), _mm256_cvtph_ps(halves))
        };
        sums[line % 2] = _mm256_fmadd_ps(a, b, sums[line % 2]);
    }
    let mut lanes = [0.0f32; LANES];
    // SAFETY: there are eight places.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), _mm256_add_ps(sums[0], sums[1])) };
    lanes.iter().sum()
}
