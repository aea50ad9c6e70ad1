//! Some floats at once: the words in which [`super::floats`] are written, and their plain form.

/// A register of floats. Every function is inlined into one that has switched the register's instructions on.
///
/// # Safety
/// To call any function: the processor has the instructions of the type. Pointers: `COUNT` numbers can be read or written there.
pub unsafe trait Lanes: Copy {
    /// Floats in a register; divides 16.
    const COUNT: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Sums less `zero` times the sums of the weights, exactly, as floats.
    unsafe fn centred(sums: *const i32, weight_sums: *const i32, zero: i32) -> Self;
    /// Floats of 0 to 255, rounded to the nearest (of two the even one), as bytes.
    unsafe fn store_bytes(self, to: *mut u8);
    unsafe fn plus(self, other: Self) -> Self;
    unsafe fn minus(self, other: Self) -> Self;
    unsafe fn times(self, other: Self) -> Self;
    /// `self * factor + summand`, rounded once where the processor can.
    unsafe fn times_plus(self, factor: Self, summand: Self) -> Self;
    unsafe fn least(self, other: Self) -> Self;
    unsafe fn most(self, other: Self) -> Self;
    /// The nearest whole number.
    unsafe fn whole(self) -> Self;
    /// 2 to the power of whole numbers of -126 to 127.
    unsafe fn power_of_two(self) -> Self;
    /// All lanes by one operation.
    unsafe fn sum(self) -> f32;
    unsafe fn smallest(self) -> f32;
    unsafe fn largest(self) -> f32;
}

/// Eight floats of plain Rust, which the compiler makes of what it may count on.
#[derive(Clone, Copy)]
pub struct Plain([f32; 8]);

impl Plain {
    #[inline(always)]
    fn by(self, other: Self, with: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| with(self.0[lane], other.0[lane])))
    }
}

// SAFETY: needs nothing of the processor.
unsafe impl Lanes for Plain {
    const COUNT: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: eight floats, says the caller; an array of them lies as they do.
        Self(unsafe { from.cast::<[f32; 8]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { to.cast::<[f32; 8]>().write(self.0) };
    }

    #[inline(always)]
    unsafe fn centred(sums: *const i32, weight_sums: *const i32, zero: i32) -> Self {
        // SAFETY: eight numbers each, says the caller.
        let (sums, weights) = unsafe { (sums.cast::<[i32; 8]>().read(), weight_sums.cast::<[i32; 8]>().read()) };
        Self(std::array::from_fn(|lane| sums[lane].wrapping_sub(zero.wrapping_mul(weights[lane])) as f32))
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        let bytes: [u8; 8] = std::array::from_fn(|lane| self.0[lane].round_ties_even() as u8);
        // SAFETY: eight bytes, says the caller.
        unsafe { to.cast::<[u8; 8]>().write(bytes) };
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        self.by(other, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        self.by(other, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        self.by(other, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: Self, summand: Self) -> Self {
        // Rounded twice: without the instruction, rounding once is a call of the library for each float.
        self.by(factor, |a, b| a * b).by(summand, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn least(self, other: Self) -> Self {
        self.by(other, f32::min)
    }

    #[inline(always)]
    unsafe fn most(self, other: Self) -> Self {
        self.by(other, f32::max)
    }

    #[inline(always)]
    unsafe fn whole(self) -> Self {
        Self(self.0.map(f32::round_ties_even))
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        Self(self.0.map(|lane| f32::from_bits(((lane as i32 + 127) << 23) as u32)))
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        self.0.iter().sum()
    }

    #[inline(always)]
    unsafe fn smallest(self) -> f32 {
        self.0.into_iter().fold(f32::INFINITY, f32::min)
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        self.0.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}
