//! The form in which a model is kept: one file that is used where it lies. Written once by `quantise`, read at every start.
//!
//! ```text
//! 0        header: magic, version, numbers of the shape, hashes            (header.rs)
//! 192      sections, each begun at a multiple of 64 bytes                   (plan.rs)
//! ```
//! The header holds no places: the plan follows from the shape, so that no file can point outside of itself.
//!
//! Decision 2026-11-28: a form of our own. A model's own file is four times as large, is read in 90 MB of memory to be quantised, and
//! takes longer to load than a person waits for an answer.

mod header;
mod packed;
mod plan;
mod read;
mod write;

pub use header::{Header, Refused, SourceHash};
pub use packed::Levels;
pub use plan::{End, GROUP, Layer, Matrix, Norm, Plan, Table, VERSION};
pub use read::{Ending, Linear, OpenError, Products, Weights};
pub use write::{Image, Sealed, WriteError};
