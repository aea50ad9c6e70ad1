//! Sums of products by AMX: tiles of 16 rows and 16 columns. The instructions are written out, since stable Rust has no names for them.
//!
//! The kernel gives a process the tile registers only when it is asked ([`permitted`]); a thread then says their shape ([`Tiles`]).
//! Rust never keeps anything in them, so what is in them between two calls is nobody's.

use std::{arch::asm, marker::PhantomData};

use super::{COLUMNS, INNER_STEP, PANEL};

const TILE_ROWS: usize = 16;
/// One tile of weights: 16 quads of inputs for 16 columns.
const TILE_BYTES: usize = 1_024;
/// `ARCH_REQ_XCOMP_PERM` and the number of the tiles' data, of the kernel's documentation "x86/xstate".
const ASK_PERMISSION: nix::libc::c_int = 0x1023;
const TILE_DATA: nix::libc::c_ulong = 18;

/// Whether the processor has tiles of bytes and the operating system lets this process use them; asks for it.
pub fn permitted() -> bool {
    let leaf = std::arch::x86_64::__cpuid_count(7, 0);
    let has_tiles = leaf.edx & (1 << 24) != 0 && leaf.edx & (1 << 25) != 0;
    has_tiles && ask()
}

#[cfg(target_os = "linux")]
fn ask() -> bool {
    // SAFETY: takes two numbers and touches no memory; an older kernel answers with an error.
    unsafe { nix::libc::syscall(nix::libc::SYS_arch_prctl, ASK_PERMISSION, TILE_DATA) == 0 }
}

/// Elsewhere nobody has tried it.
#[cfg(not(target_os = "linux"))]
fn ask() -> bool {
    false
}

/// The tile registers of this thread in the shape that [`accumulate`] needs, while it lives. It stays on its thread.
pub struct Tiles(PhantomData<*const ()>);

/// The operand of `ldtilecfg`.
#[repr(C, align(64))]
struct Shape {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Tiles {
    /// # Safety
    /// [`permitted`] has said yes in this process.
    pub unsafe fn set_up() -> Self {
        let mut shape = Shape { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        shape.row_bytes[..8].fill(64);
        shape.rows[..8].fill(16);
        // SAFETY: reads the 64 bytes of `shape`; the registers are permitted.
        unsafe { asm!("ldtilecfg [{shape}]", shape = in(reg) &shape, options(nostack, readonly, preserves_flags)) };
        Self(PhantomData)
    }
}

impl Drop for Tiles {
    /// Empty tiles need not be saved whenever the thread is interrupted.
    fn drop(&mut self) {
        // SAFETY: whoever holds `Tiles` has the registers.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}

/// # Safety
/// Lengths as in [`super::avx2::accumulate`], except that `bytes` and `sums` hold `rows` rounded up to 16: all of a tile is read and
/// written. `inner` is a multiple of 64 and not 0. `Tiles` says that the registers are in shape.
pub unsafe fn accumulate(_tiles: &Tiles, weights: *const i8, bytes: *const u8, inner: usize, rows: usize, sums: *mut i32) {
    let mut from = 0;
    while from < rows {
        let two = rows - from > TILE_ROWS;
        for pair in 0..COLUMNS / (2 * PANEL) {
            // SAFETY: two panels of the four, and rows and sums below `rows` rounded up.
            unsafe {
                let weights = weights.add(pair * 2 * PANEL * inner);
                let (bytes, sums) = (bytes.add(from * inner), sums.add(from * COLUMNS + pair * 2 * PANEL));
                if two { four_tiles(weights, bytes, inner, sums) } else { two_tiles(weights, bytes, inner, sums) }
            }
        }
        from += if two { 2 * TILE_ROWS } else { TILE_ROWS };
    }
}

/// # Safety
/// 32 rows of bytes and of sums, two panels of weights; as above.
unsafe fn four_tiles(weights: *const i8, bytes: *const u8, inner: usize, sums: *mut i32) {
    // SAFETY: each load reads 16 rows of 64 bytes within the rows, or one tile of the panels; each store writes 16 x 16 sums.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{upper} + {inner}*1]",
            "tileloadd tmm6, [{left} + {line}*1]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{right} + {line}*1]",
            "tdpbusd tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + {inner}*1]",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbusd tmm3, tmm5, tmm7",
            "add {upper}, 64",
            "add {lower}, 64",
            "add {left}, {tile}",
            "add {right}, {tile}",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{sums} + {sums_row}*1], tmm0",
            "tilestored [{sums} + {sums_row}*1 + 64], tmm1",
            "tilestored [{sums_lower} + {sums_row}*1], tmm2",
            "tilestored [{sums_lower} + {sums_row}*1 + 64], tmm3",
            upper = inout(reg) bytes => _,
            lower = inout(reg) bytes.add(TILE_ROWS * inner) => _,
            left = inout(reg) weights => _,
            right = inout(reg) weights.add(PANEL * inner) => _,
            steps = inout(reg) inner / INNER_STEP => _,
            inner = in(reg) inner,
            line = in(reg) 64_usize,
            sums = in(reg) sums,
            sums_lower = in(reg) sums.add(TILE_ROWS * COLUMNS),
            sums_row = in(reg) COLUMNS * 4,
            tile = const TILE_BYTES,
            options(nostack),
        );
    }
}

/// # Safety
/// 16 rows of bytes and of sums, two panels of weights; as above.
unsafe fn two_tiles(weights: *const i8, bytes: *const u8, inner: usize, sums: *mut i32) {
    // SAFETY: as above.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "2:",
            "tileloadd tmm4, [{upper} + {inner}*1]",
            "tileloadd tmm6, [{left} + {line}*1]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{right} + {line}*1]",
            "tdpbusd tmm1, tmm4, tmm7",
            "add {upper}, 64",
            "add {left}, {tile}",
            "add {right}, {tile}",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{sums} + {sums_row}*1], tmm0",
            "tilestored [{sums} + {sums_row}*1 + 64], tmm1",
            upper = inout(reg) bytes => _,
            left = inout(reg) weights => _,
            right = inout(reg) weights.add(PANEL * inner) => _,
            steps = inout(reg) inner / INNER_STEP => _,
            inner = in(reg) inner,
            line = in(reg) 64_usize,
            sums = in(reg) sums,
            sums_row = in(reg) COLUMNS * 4,
            tile = const TILE_BYTES,
            options(nostack),
        );
    }
}
