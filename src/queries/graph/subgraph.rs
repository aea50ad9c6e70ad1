//! A part of the graph to be drawn: memories, the relationships among them, and where to put each. Called by
//! `GET /api/v1/graph/subgraph`. The same memories are always put in the same places.

use std::{collections::HashMap, f64::consts::TAU};

use xxhash_rust::xxh3::xxh3_64;

use super::neighbors;
use crate::{
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    ports::{GraphReads, Node, QueryError, RelationshipRecord, Step},
};

/// Most memories of a picture.
pub const NODES_MAX: u32 = 2_000;
pub const NODES_DEFAULT: u32 = 200;
/// Rounds of the layout, fewer for large pictures.
const ROUNDS_MAX: usize = 60;
/// Pairs of memories that all rounds together may look at: some 30 ms.
const PAIRS_MAX: usize = 12_000_000;

/// A memory and its place, both coordinates from -1 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    pub node: Node,
    pub x: f64,
    pub y: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Subgraph {
    pub nodes: Vec<Placed>,
    pub edges: Vec<RelationshipRecord>,
}

/// The best connected memories, or those around `around` up to `depth`; `None` when `around` is no living memory.
/// Errors: see [`QueryError`].
pub async fn ask(
    space: &SpaceId,
    around: Option<(MemoryId, u32)>,
    limit: u32,
    at: Option<StreamSeq>,
    graph: &dyn GraphReads,
) -> Result<Option<Subgraph>, QueryError> {
    let ids = match around {
        None => graph.best_connected(space, limit, at).await?,
        Some((start, depth)) => {
            let step = Step { at, ..Step::default() };
            let Some(found) = neighbors::ask(space, start, (depth, limit.saturating_sub(1)), &step, graph).await? else {
                return Ok(None);
            };
            std::iter::once(found.start.id).chain(found.reached.into_iter().map(|reached| reached.node.id)).collect()
        }
    };
    let nodes = super::in_order(space, &ids, at, graph).await?;
    let edges = graph.among(space, &ids, at).await?;
    let places = layout(&nodes, &edges);
    let nodes = nodes.into_iter().zip(places).map(|(node, (x, y))| Placed { node, x, y }).collect();
    Ok(Some(Subgraph { nodes, edges }))
}

/// Fruchterman and Reingold (1991) from places that follow from the ids.
fn layout(nodes: &[Node], edges: &[RelationshipRecord]) -> Vec<(f64, f64)> {
    let count = nodes.len();
    let mut places: Vec<(f64, f64)> = nodes.iter().map(|node| seed(node.id)).collect();
    let index: HashMap<MemoryId, usize> = nodes.iter().enumerate().map(|(index, node)| (node.id, index)).collect();
    let pull = |edge: &RelationshipRecord| {
        let ends = edge.relationship.ends;
        Some((*index.get(&ends.source)?, *index.get(&ends.target)?)).filter(|(source, target)| source != target)
    };
    let pulls: Vec<(usize, usize)> = edges.iter().filter_map(pull).collect();
    let rounds = ROUNDS_MAX.min(PAIRS_MAX / (count * count).max(1));
    // The distance at which neighbours rest.
    let rest = (1.0 / count.max(1) as f64).sqrt();
    for round in 0..rounds {
        let heat = 0.1 * (1.0 - round as f64 / rounds as f64);
        let mut moves = vec![(0.0, 0.0); count];
        for a in 0..count {
            for b in a + 1..count {
                let (dx, dy, distance) = between(places[a], places[b]);
                let push = rest * rest / distance;
                shift(&mut moves, (a, b), (dx / distance * push, dy / distance * push));
            }
        }
        for &(a, b) in &pulls {
            let (dx, dy, distance) = between(places[a], places[b]);
            let pull = -distance * distance / rest;
            shift(&mut moves, (a, b), (dx / distance * pull, dy / distance * pull));
        }
        for (place, (dx, dy)) in places.iter_mut().zip(moves) {
            let length = dx.hypot(dy).max(1e-9);
            let step = length.min(heat) / length;
            *place = ((place.0 + dx * step).clamp(-1.0, 1.0), (place.1 + dy * step).clamp(-1.0, 1.0));
        }
    }
    places
}

fn shift(moves: &mut [(f64, f64)], (a, b): (usize, usize), (dx, dy): (f64, f64)) {
    moves[a].0 += dx;
    moves[a].1 += dy;
    moves[b].0 -= dx;
    moves[b].1 -= dy;
}

fn between(a: (f64, f64), b: (f64, f64)) -> (f64, f64, f64) {
    let (dx, dy) = (a.0 - b.0, a.1 - b.1);
    (dx, dy, dx.hypot(dy).max(1e-6))
}

/// A place in the unit circle that only the id decides.
fn seed(id: MemoryId) -> (f64, f64) {
    let hash = xxh3_64(id.0.as_bytes());
    let angle = (hash >> 32) as f64 / f64::from(u32::MAX) * TAU;
    let radius = ((hash & u64::from(u32::MAX)) as f64 / f64::from(u32::MAX)).sqrt() * 0.9;
    (radius * angle.cos(), radius * angle.sin())
}
