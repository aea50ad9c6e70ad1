//! The questions about how memories are related, one file each. Called by the use cases; every walk is bounded and says when it was cut.

pub mod export;
pub mod neighbors;
pub mod path;
pub mod subgraph;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::{
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    ports::{GraphReads, Node, QueryError},
};

/// The nodes of `ids` in their order; those that do not live are left out.
async fn in_order(
    space: &SpaceId,
    ids: &[MemoryId],
    at: Option<StreamSeq>,
    graph: &dyn GraphReads,
) -> Result<Vec<Node>, QueryError> {
    let found = graph.nodes(space, ids, at).await?;
    let mut by_id: HashMap<MemoryId, Node> = found.into_iter().map(|node| (node.id, node)).collect();
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}
