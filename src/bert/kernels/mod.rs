//! What the processor does for the encoder: sums of products of bytes, and rows of floats. Called by the encoder's layers; the one folder
//! with `unsafe`. Never allocates in a loop, never reads a file's content as anything but numbers.
//!
//! # Invariants
//! - A [`Kernel`] exists only for what this processor can do *and* what has computed a block as [`scalar`] does: who holds one may call it.
//!   So the functions of a kernel are reached through [`Ready`] and [`floats`] alone.
//! - Lengths are checked once a block, in [`Ready::accumulate`] and at the head of each function in [`floats`]; below these checks
//!   pointers are moved by the same numbers that were checked.
//! - All kernels compute the same integers: a sum is below 2^31 because [`INNER_MAX`] products of 255 and 128 are. Nothing saturates.
//! - What processors differ in are floats, by the order of a sum and by fused rounding. Bytes are quantised without either.

pub mod bytes;
mod detect;
pub mod floats;
mod lanes;
mod ready;
mod rows;
mod scalar;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
#[cfg(target_arch = "x86_64")]
mod lanes_x86;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(test)]
pub mod tests;

pub use detect::Kernel;
pub use ready::Ready;

/// Columns of a block: of so many outputs the weights lie together.
pub const COLUMNS: usize = 64;
/// Columns of a panel: a register of the widest kernel, and a tile of AMX.
pub const PANEL: usize = 16;
/// Rows that a block has at most; a multiple of a tile's 16.
pub const ROWS_MAX: usize = 48;
/// What a row of bytes is padded to: a tile's width.
pub const INNER_STEP: usize = 64;
/// Bytes that a row has at most: 16,384 x 255 x 128 x 2 (the sum and what the zero point takes from it) is below 2^31.
pub const INNER_MAX: usize = 16_384;
/// What a tile gives: one sum for each row and column.
pub type Sums = [i32; ROWS_MAX * COLUMNS];
