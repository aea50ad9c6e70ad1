//! Which kernels this processor has: what it says of itself, what the operating system permits, and whether the sums are right.

use std::sync::OnceLock;

use super::{COLUMNS, INNER_STEP, ROWS_MAX, Ready, scalar};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Amx,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// In what registers floats are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// A way of computing that this processor can do: whoever holds one may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Kind);

impl Kernel {
    /// Plain Rust: it runs everywhere.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// All that work here, the quickest first. Found out once in a process.
    pub fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Kernel>> = OnceLock::new();
        ALL.get_or_init(|| candidates().into_iter().map(Self).filter(|kernel| kernel.is_right()).collect())
    }

    pub fn best() -> Self {
        Self::all()[0]
    }

    /// As a setting names it; `None` for a name that nobody has, or a kernel that does not work here.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().iter().copied().find(|kernel| kernel.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => "amx-int8",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon-dotprod",
        }
    }

    /// Sets up what this thread needs; cheap, for each batch.
    pub fn ready(self) -> Ready {
        Ready::new(self)
    }

    pub(super) fn kind(self) -> Kind {
        self.0
    }

    pub(super) fn width(self) -> Width {
        match self.0 {
            Kind::Scalar => Width::Plain,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::AvxVnni => Width::Avx2,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 | Kind::Amx => Width::Avx512,
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => Width::Plain,
        }
    }

    /// Computes a block whose every operand is extreme or odd, and compares it with the scalar kernel's.
    fn is_right(self) -> bool {
        let (inner, rows) = (2 * INNER_STEP, ROWS_MAX - 3);
        let weights: Vec<i8> =
            (0..inner * COLUMNS).map(|place| [127, -128, -127, (place % 251) as u8 as i8][place % 4]).collect();
        let bytes: Vec<u8> = (0..inner * ROWS_MAX).map(|place| [255, 255, 0, (place * 7 % 256) as u8][place / 3 % 4]).collect();
        let (mut expected, mut sums) = ([0; ROWS_MAX * COLUMNS], [0; ROWS_MAX * COLUMNS]);
        scalar::accumulate(&weights, &bytes, inner, rows, &mut expected);
        self.ready().accumulate(&weights, &bytes, inner, rows, &mut sums);
        sums[..rows * COLUMNS] == expected[..rows * COLUMNS]
    }
}

/// The quickest first. Miri knows plain Rust only.
fn candidates() -> Vec<Kind> {
    let mut kinds = vec![];
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni");
        let narrow = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        // Its floats are those of AVX-512.
        if wide && super::amx::permitted() {
            kinds.push(Kind::Amx);
        }
        if wide {
            kinds.push(Kind::Avx512);
        }
        if narrow && is_x86_feature_detected!("avxvnni") {
            kinds.push(Kind::AvxVnni);
        }
        if narrow {
            kinds.push(Kind::Avx2);
        }
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    if std::arch::is_aarch64_feature_detected!("dotprod") {
        kinds.push(Kind::Neon);
    }
    kinds.push(Kind::Scalar);
    kinds
}
