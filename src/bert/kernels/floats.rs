//! Rows of floats: layer norm, quantising, what comes after a sum of products, attention, and products in f32. Called by the layers.
//!
//! Each function checks its lengths, then runs the same lines in the registers that the kernel has.

mod after;
mod attend;
mod curves;
mod multiply;
mod normalise;
mod quantise;

pub use after::{After, Outcome, after_bytes, after_floats};
pub use attend::{Heads, attend, scratch_len};
pub use multiply::multiply;
pub use normalise::normalise;
pub use quantise::{Step, quantise};

/// Runs a function of one type of lanes in the widest that a kernel has. The function must be inlined with all that it calls.
macro_rules! in_lanes {
    ($kernel:expr, $function:ident($($name:ident: $type:ty),* $(,)?)) => {{
        use super::super::{detect::Width, lanes::Plain};
        #[cfg(target_arch = "x86_64")]
        use super::super::lanes_x86::{Avx2, Avx512};
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
        fn wide($($name: $type),*) {
            // SAFETY: the attribute above; lengths were checked by who calls.
            unsafe { $function::<Avx512>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn narrow($($name: $type),*) {
            // SAFETY: the attribute above; lengths were checked by who calls.
            unsafe { $function::<Avx2>($($name),*) }
        }
        match $kernel.width() {
            // SAFETY: needs nothing of the processor; lengths were checked by who calls.
            Width::Plain => unsafe { $function::<Plain>($($name),*) },
            // SAFETY: the kernel exists, so the processor has its instructions.
            #[cfg(target_arch = "x86_64")]
            Width::Avx2 => unsafe { narrow($($name),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Width::Avx512 => unsafe { wide($($name),*) },
        }
    }};
}
use in_lanes;
