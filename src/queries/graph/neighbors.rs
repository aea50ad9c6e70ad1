//! What lies around a memory, level by level. Called by `GET /api/v1/graph/neighbors`.
//!
//! Two statements per level: the best way to each memory that was not seen, and which of these memories live.

use std::collections::HashMap;

use crate::{
    domain::ids::{MemoryId, SpaceId},
    ports::{GraphReads, Hop, Node, QueryError, Step},
};

/// Most levels.
pub const DEPTH_MAX: u32 = 5;
/// Most memories of an answer, the start not counted.
pub const LIMIT_MAX: u32 = 1_000;
pub const LIMIT_DEFAULT: u32 = 100;
/// Hops looked at beyond those that are wanted, in case some lead to deleted memories.
const SPARE_HOPS: usize = 64;

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
/// Errors: see [`QueryError`].
pub async fn ask(
    space: &SpaceId,
    start: MemoryId,
    (depth, limit): (u32, u32),
    step: &Step,
    graph: &dyn GraphReads,
) -> Result<Option<Neighbors>, QueryError> {
    let Some(start) = graph.nodes(space, &[start], step.at).await?.pop() else { return Ok(None) };
    let mut walk = Walk { space, graph, step: step.clone(), seen: vec![start.id], reached: vec![] };
    let (mut frontier, mut truncated) = (vec![start.id], false);
    for level in 1..=depth {
        let room = limit as usize - walk.reached.len();
        let fresh = walk.level(&frontier, room + 1).await?;
        truncated |= fresh.len() > room;
        frontier = fresh.iter().take(room).map(|(_, node)| node.id).collect();
        walk.reached.extend(fresh.into_iter().take(room).map(|(via, node)| Reached { node, depth: level, via }));
        if frontier.is_empty() || walk.reached.len() >= limit as usize {
            // A full answer on a level before the last may hide deeper ones.
            truncated |= walk.reached.len() >= limit as usize && level < depth;
            break;
        }
    }
    Ok(Some(Neighbors { start, reached: walk.reached, truncated }))
}

struct Walk<'a> {
    space: &'a SpaceId,
    graph: &'a dyn GraphReads,
    step: Step,
    /// Whatever was looked at, living or not: none of it is looked at again.
    seen: Vec<MemoryId>,
    reached: Vec<Reached>,
}

impl Walk<'_> {
    /// The best living memories one step further, at most `wanted`. Few are dead, so hardly more are looked at than are wanted.
    async fn level(&mut self, frontier: &[MemoryId], wanted: usize) -> Result<Vec<(Hop, Node)>, QueryError> {
        let mut fresh = vec![];
        while fresh.len() < wanted {
            let hops_max = (wanted - fresh.len() + SPARE_HOPS) as u32;
            let step = Step { hops_max, ..self.step.clone() };
            let hops = self.graph.spread(self.space, frontier, &self.seen, &step).await?;
            let ids: Vec<MemoryId> = hops.iter().map(|hop| hop.to).collect();
            self.seen.extend(&ids);
            let exhausted = hops.len() < hops_max as usize;
            let found = self.graph.nodes(self.space, &ids, self.step.at).await?;
            let mut living: HashMap<MemoryId, Node> = found.into_iter().map(|node| (node.id, node)).collect();
            fresh.extend(hops.into_iter().filter_map(|hop| Some((hop, living.remove(&hop.to)?))));
            if exhausted {
                break;
            }
        }
        fresh.truncate(wanted);
        Ok(fresh)
    }
}
