//! The questions that reads ask, one file each: the view it gives and the port it needs.
//!
//! Called by [`crate::app`]. Never appends an event and never writes a read model.

pub mod as_of;
pub mod audit;
pub mod diff;
pub mod events;
pub mod freshness;
pub mod get;
pub mod graph;
pub mod history;
pub mod list;
pub mod opened;
pub mod relationships;
pub mod search;
pub mod selection;
pub mod status;
pub mod webhooks;

/// The projection that answers questions about memories.
pub const MEMORIES: &str = "memories";
/// The projections that answer questions about webhooks, about the graph, about the past of both, and about which time was when.
pub const WEBHOOKS: &str = "webhooks";
pub const GRAPH: &str = "graph";
pub const MEMORY_HISTORY: &str = "memory_history";
pub const EDGE_HISTORY: &str = "edge_history";
pub const POSITIONS: &str = "positions";
/// The projection that tells of erased memories.
pub const ERASURES: &str = "erasures";
/// The projections that searches ask for words and for meaning. The positions of the second count in DERIVED.
pub const KEYWORD: &str = "keyword";
pub const VECTORS: &str = "vectors";

/// Cuts what was asked for with one row more than a page holds; gives the page's last row when there are more behind it.
fn cut<T>(rows: &mut Vec<T>, limit: u32) -> Option<&T> {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    rows.last().filter(|_| more)
}
