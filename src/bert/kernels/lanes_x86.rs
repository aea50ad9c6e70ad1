//! The registers of AVX2 and AVX-512 as [`Lanes`].
//!
//! Here `unsafe` means one thing only: the caller has switched the instructions on, and gives pointers to `COUNT` numbers.

use std::arch::x86_64::*;

use super::lanes::Lanes;

/// Eight floats: AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx2(__m256);

// SAFETY: each function is what the trait says, of 8 lanes; its caller vouches for the rest.
unsafe impl Lanes for Avx2 {
    const COUNT: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm256_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm256_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see the head of this file.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn centred(sums: *const i32, weight_sums: *const i32, zero: i32) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            let taken = _mm256_mullo_epi32(_mm256_set1_epi32(zero), _mm256_loadu_si256(weight_sums.cast()));
            Self(_mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_loadu_si256(sums.cast()), taken)))
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        // SAFETY: see the head of this file.
        unsafe {
            let whole = _mm256_cvtps_epi32(self.0);
            let halves = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
            _mm_storel_epi64(to.cast(), _mm_packus_epi16(halves, halves));
        }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm256_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm256_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm256_mul_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: Self, summand: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, summand.0)) }
    }

    #[inline(always)]
    unsafe fn least(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm256_min_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn most(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm256_max_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn whole(self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(
                _mm256_cvtps_epi32(self.0),
                _mm256_set1_epi32(127),
            ))))
        }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: see the head of this file.
        unsafe { fold(self.0, |a, b| _mm_add_ps(a, b)) }
    }

    #[inline(always)]
    unsafe fn smallest(self) -> f32 {
        // SAFETY: see the head of this file.
        unsafe { fold(self.0, |a, b| _mm_min_ps(a, b)) }
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: see the head of this file.
        unsafe { fold(self.0, |a, b| _mm_max_ps(a, b)) }
    }
}

/// All lanes of a register by one operation.
#[inline(always)]
unsafe fn fold(register: __m256, with: impl Fn(__m128, __m128) -> __m128) -> f32 {
    // SAFETY: see the head of this file.
    unsafe {
        let four = with(_mm256_castps256_ps128(register), _mm256_extractf128_ps::<1>(register));
        let two = with(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(with(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// Sixteen floats: AVX-512 F.
#[derive(Clone, Copy)]
pub struct Avx512(__m512);

// SAFETY: each function is what the trait says, of 16 lanes; its caller vouches for the rest.
unsafe impl Lanes for Avx512 {
    const COUNT: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see the head of this file.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn centred(sums: *const i32, weight_sums: *const i32, zero: i32) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            let taken = _mm512_mullo_epi32(_mm512_set1_epi32(zero), _mm512_loadu_si512(weight_sums.cast()));
            Self(_mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(sums.cast()), taken)))
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        // SAFETY: see the head of this file.
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0))) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: Self, summand: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, summand.0)) }
    }

    #[inline(always)]
    unsafe fn least(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm512_min_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn most(self, other: Self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm512_max_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn whole(self) -> Self {
        // SAFETY: see the head of this file.
        unsafe { Self(_mm512_roundscale_ps::<0>(self.0)) }
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        // SAFETY: see the head of this file.
        unsafe {
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_add_epi32(
                _mm512_cvtps_epi32(self.0),
                _mm512_set1_epi32(127),
            ))))
        }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: see the head of this file.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }

    #[inline(always)]
    unsafe fn smallest(self) -> f32 {
        // SAFETY: see the head of this file.
        unsafe { _mm512_reduce_min_ps(self.0) }
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: see the head of this file.
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
}
