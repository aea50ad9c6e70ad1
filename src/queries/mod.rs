//! The questions that reads ask, one file each: the view it gives and the port it needs.
//!
//! Called by [`crate::api`]. Never appends an event and never writes a read model.

pub mod freshness;
pub mod get;
pub mod list;
pub mod search;
pub mod status;

/// The projection that answers questions about memories.
pub const MEMORIES: &str = "memories";
/// The projection that searches ask for words.
pub const KEYWORD: &str = "keyword";
