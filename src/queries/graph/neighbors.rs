//! What lies around a memory, level by level. Called by `GET /api/v1/graph/neighbors`.
//!
//! One statement per level; which memories were seen is kept here, not in SQL.

use std::collections::HashSet;

use crate::{
    domain::ids::{MemoryId, SpaceId},
    ports::{GraphReads, Hop, Node, QueryError, Step},
};

/// Most levels.
pub const DEPTH_MAX: u32 = 5;
/// Most memories of an answer, the start not counted.
pub const LIMIT_MAX: u32 = 1_000;
pub const LIMIT_DEFAULT: u32 = 100;
/// Most relationships looked at on one level.
pub const HOPS_MAX: u32 = 20_000;

/// A memory that was reached, and the relationship over which it was reached first.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    pub node: Node,
    pub depth: u32,
    pub via: Hop,
}

/// The start and what was reached, in the order of (depth, weight descending, relationship id).
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbors {
    pub start: Node,
    pub reached: Vec<Reached>,
    /// There is more within the depth than the limits let through.
    pub truncated: bool,
}

/// Walks from `start`; `None` when it is no living memory.
pub async fn ask(
    space: &SpaceId,
    start: MemoryId,
    (depth, limit): (u32, u32),
    step: &Step,
    graph: &dyn GraphReads,
) -> Result<Option<Neighbors>, QueryError> {
    let Some(start) = graph.nodes(space, &[start], step.at).await?.pop() else { return Ok(None) };
    let step = Step { hops_max: HOPS_MAX, ..step.clone() };
    let mut seen = HashSet::from([start.id]);
    let mut found: Vec<(u32, Hop)> = vec![];
    let (mut frontier, mut truncated) = (vec![start.id], false);
    for level in 1..=depth {
        let hops = graph.hops(space, &frontier, &step).await?;
        truncated |= hops.len() >= HOPS_MAX as usize;
        let fresh: Vec<Hop> = hops.into_iter().filter(|hop| seen.insert(hop.to)).collect();
        let room = limit as usize - found.len();
        truncated |= fresh.len() > room;
        found.extend(fresh.iter().take(room).map(|hop| (level, *hop)));
        frontier = fresh.into_iter().take(room).map(|hop| hop.to).collect();
        if frontier.is_empty() || found.len() >= limit as usize {
            // A full answer on a level before the last may hide deeper ones.
            truncated |= found.len() >= limit as usize && level < depth;
            break;
        }
    }
    let ids: Vec<MemoryId> = found.iter().map(|(_, hop)| hop.to).collect();
    let nodes = super::in_order(space, &ids, step.at, graph).await?;
    let mut nodes = nodes.into_iter().peekable();
    // A memory deleted between the two statements is left out.
    let reached = found.into_iter().filter_map(|(depth, via)| {
        let node = nodes.next_if(|node| node.id == via.to)?;
        Some(Reached { node, depth, via })
    });
    Ok(Some(Neighbors { reached: reached.collect(), start, truncated }))
}
