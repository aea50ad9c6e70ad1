//! A kernel at work on one thread, and the check that stands before every block.

use super::{COLUMNS, INNER_MAX, INNER_STEP, Kernel, ROWS_MAX, Sums, detect::Kind, scalar};

/// A kernel whose registers are set up on this thread; it stays there.
pub struct Ready {
    kernel: Kernel,
    #[cfg(target_arch = "x86_64")]
    tiles: Option<super::amx::Tiles>,
}

impl Ready {
    pub(super) fn new(kernel: Kernel) -> Self {
        Self {
            kernel,
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel of this kind exists only after the permission.
            tiles: (kernel.kind() == Kind::Amx).then(|| unsafe { super::amx::Tiles::set_up() }),
        }
    }

    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Rows of a block that suit the kernel.
    pub fn rows_best(&self) -> usize {
        if self.kernel.kind() == Kind::Amx { 32 } else { ROWS_MAX }
    }

    /// One block: for each of `rows` rows of `inner` bytes and each of 64 columns the sum of their products.
    ///
    /// Shapes: `weights` as [`scalar`] says; `bytes` hold `rows` rounded up to 16. Sums of rows from `rows` on mean nothing.
    /// Panics: on other lengths, which is a bug of the caller's.
    pub fn accumulate(&self, weights: &[i8], bytes: &[u8], inner: usize, rows: usize, sums: &mut Sums) {
        assert!(inner > 0 && inner <= INNER_MAX && inner.is_multiple_of(INNER_STEP), "a row of {inner} bytes");
        assert!(rows > 0 && rows <= ROWS_MAX, "a block of {rows} rows");
        assert_eq!(weights.len(), inner * COLUMNS, "the weights of a block");
        assert!(bytes.len() >= rows.next_multiple_of(16) * inner, "the bytes of a block");
        #[cfg(target_arch = "x86_64")]
        let (w, b, s) = (weights.as_ptr(), bytes.as_ptr(), sums.as_mut_ptr());
        #[cfg(target_arch = "aarch64")]
        let (w, b, s) = (weights.as_ptr(), bytes.as_ptr(), sums.as_mut_ptr());
        match self.kernel.kind() {
            Kind::Scalar => scalar::accumulate(weights, bytes, inner, rows, sums),
            // SAFETY: the kernel exists, so the processor has what it needs; the lengths are those just checked.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { super::avx2::accumulate(w, b, inner, rows, s) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => unsafe { super::avx_vnni::accumulate(w, b, inner, rows, s) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { super::avx512::accumulate(w, b, inner, rows, s) },
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => {
                let tiles = self.tiles.as_ref().expect("set up with the kernel");
                // SAFETY: as above.
                unsafe { super::amx::accumulate(tiles, w, b, inner, rows, s) }
            }
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { super::neon::accumulate(w, b, inner, rows, s) },
        }
    }
}
