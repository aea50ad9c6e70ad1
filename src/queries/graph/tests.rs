//! Walks over graphs in memory against brute force.

use std::collections::BTreeMap;

use async_trait::async_trait;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        ids::{RelationshipId, Revision},
        memory::MemoryType,
        relationship::{Body, Ends, Relationship, RelationshipType},
    },
    ports::{Direction, Hop, RelationshipQuery, RelationshipRecord, Stats, Step},
};

/// Edges between small numbers, with weights.
#[derive(Debug)]
struct Small(Vec<(u8, u8, f64)>);

fn id(number: u8) -> MemoryId {
    MemoryId(Uuid::from_u128(u128::from(number) + 1))
}

fn space() -> SpaceId {
    SpaceId::default_space()
}

fn node(id: MemoryId) -> Node {
    Node { id, label: "<a & \"b\">\u{1}".into(), memory_type: MemoryType::Semantic, importance: 0.5 }
}

impl Small {
    fn hop(&self, index: usize, forward: bool) -> Hop {
        let (source, target, weight) = self.0[index];
        let (from, to) = if forward { (source, target) } else { (target, source) };
        let id_of = RelationshipId(Uuid::from_u128(index as u128 + 1));
        Hop { id: id_of, from: id(from), to: id(to), forward, relationship_type: RelationshipType::Supports, weight }
    }
}

#[async_trait]
impl GraphReads for Small {
    async fn relationship(
        &self,
        _: &SpaceId,
        _: RelationshipId,
        _: Option<StreamSeq>,
    ) -> Result<Option<RelationshipRecord>, QueryError> {
        Ok(None)
    }

    async fn relationships(&self, _: &SpaceId, _: &RelationshipQuery) -> Result<Vec<RelationshipRecord>, QueryError> {
        Ok(vec![])
    }

    async fn hops(&self, _: &SpaceId, from: &[MemoryId], step: &Step) -> Result<Vec<Hop>, QueryError> {
        let forward = (0..self.0.len()).filter(|_| step.direction != Direction::In).map(|index| self.hop(index, true));
        let back = (0..self.0.len()).filter(|_| step.direction != Direction::Out).map(|index| self.hop(index, false));
        let mut hops: Vec<Hop> = forward.chain(back).filter(|hop| from.contains(&hop.from)).collect();
        hops.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.id.cmp(&b.id)).then(b.forward.cmp(&a.forward)));
        hops.truncate(step.hops_max as usize);
        Ok(hops)
    }

    async fn spread(&self, space: &SpaceId, from: &[MemoryId], seen: &[MemoryId], step: &Step) -> Result<Vec<Hop>, QueryError> {
        let hops = self.hops(space, from, &Step { hops_max: u32::MAX, ..step.clone() }).await?;
        let mut known: Vec<MemoryId> = seen.to_vec();
        let mut best = vec![];
        for hop in hops {
            if !known.contains(&hop.to) {
                known.push(hop.to);
                best.push(hop);
            }
        }
        best.truncate(step.hops_max as usize);
        Ok(best)
    }

    async fn nodes(&self, _: &SpaceId, ids: &[MemoryId], _: Option<StreamSeq>) -> Result<Vec<Node>, QueryError> {
        Ok(ids.iter().map(|id| node(*id)).rev().collect())
    }

    async fn among(&self, _: &SpaceId, ids: &[MemoryId], _: Option<StreamSeq>) -> Result<Vec<RelationshipRecord>, QueryError> {
        let at = "2026-01-01T00:00:00Z".parse().expect("valid");
        let record = |index: usize| {
            let Hop { id, from, to, relationship_type, weight, .. } = self.hop(index, true);
            let ends = Ends { source: from, target: to, relationship_type };
            let body = Body { weight, properties: serde_json::Map::new() };
            let relationship = Relationship { ends, body, created_at: at, updated_at: at, deleted_at: None };
            RelationshipRecord { id, revision: Revision(1), relationship }
        };
        let inside = |edge: &RelationshipRecord| {
            ids.contains(&edge.relationship.ends.source) && ids.contains(&edge.relationship.ends.target)
        };
        Ok((0..self.0.len()).map(record).filter(inside).collect())
    }

    async fn best_connected(&self, _: &SpaceId, limit: u32, _: Option<StreamSeq>) -> Result<Vec<MemoryId>, QueryError> {
        Ok((0..8).map(id).take(limit as usize).collect())
    }

    async fn stats(&self, _: &SpaceId, _: Option<StreamSeq>) -> Result<Stats, QueryError> {
        Ok(Stats::default())
    }
}

/// Runs a walk to its end: the graph in memory never waits.
fn now<T>(walk: impl Future<Output = T>) -> T {
    futures::FutureExt::now_or_never(walk).expect("a graph in memory answers at once")
}

/// The cost of the cheapest ways without a repeated memory, cheapest first, by trying all.
fn brute_force(graph: &Small, direction: Direction, weighted: bool, (source, target): (u8, u8)) -> Vec<f64> {
    fn go(
        graph: &Small,
        step: &Step,
        (at, target): (MemoryId, MemoryId),
        seen: &mut Vec<MemoryId>,
        found: &mut Vec<Vec<f64>>,
        weights: &mut Vec<f64>,
    ) {
        if at == target {
            found.push(weights.clone());
            return;
        }
        for hop in now(graph.hops(&space(), &[at], step)).expect("answers") {
            if !seen.contains(&hop.to) {
                seen.push(hop.to);
                weights.push(hop.weight);
                go(graph, step, (hop.to, target), seen, found, weights);
                weights.pop();
                seen.pop();
            }
        }
    }
    let mut found = vec![];
    let step = Step { direction, hops_max: u32::MAX, ..Step::default() };
    go(graph, &step, (id(source), id(target)), &mut vec![id(source)], &mut found, &mut vec![]);
    let cost = |weights: Vec<f64>| weights.into_iter().map(|weight| if weighted { 1.0 / weight.max(0.01) } else { 1.0 }).sum();
    let mut costs: Vec<f64> = found.into_iter().map(cost).collect();
    costs.sort_by(f64::total_cmp);
    costs
}

fn graphs() -> impl Strategy<Value = Small> {
    prop::collection::vec((0u8..6, 0u8..6, prop::sample::select(vec![0.0, 0.2, 0.5, 1.0])), 0..11).prop_map(Small)
}

proptest! {
    #[test]
    fn the_ways_are_the_cheapest_there_are(graph in graphs(), weighted: bool, direction in 0..3usize, count in 1u32..=5) {
        let direction = [Direction::Out, Direction::In, Direction::Both][direction];
        let step = Step { direction, ..Step::default() };
        let question = path::PathQuery { source: id(0), target: id(5), step, weighted, count };
        let paths = now(path::ask(&space(), &question, &graph)).expect("answers");
        let expected = brute_force(&graph, direction, weighted, (0, 5));
        prop_assert_eq!(paths.len(), expected.len().min(count as usize));
        for (path, cost) in paths.iter().zip(expected) {
            prop_assert!((path.cost - cost).abs() < 1e-9, "{} is not {}", path.cost, cost);
            prop_assert_eq!(path.nodes.len(), path.hops.len() + 1);
            for (hop, pair) in path.hops.iter().zip(path.nodes.windows(2)) {
                prop_assert_eq!((hop.from, hop.to), (pair[0].id, pair[1].id));
            }
        }
    }

    #[test]
    fn each_neighbour_is_reached_once_at_its_distance(graph in graphs(), depth in 1u32..=5, limit in 1u32..8) {
        let step = Step::default();
        let found = now(neighbors::ask(&space(), id(0), (depth, limit), &step, &graph)).expect("answers").expect("lives");
        let distances: BTreeMap<MemoryId, u32> = (1..6u8)
            .filter_map(|to| Some((id(to), *brute_force(&graph, Direction::Both, false, (0, to)).first()? as u32)))
            .filter(|(_, distance)| *distance <= depth)
            .collect();
        for reached in &found.reached {
            prop_assert_eq!(distances.get(&reached.node.id), Some(&reached.depth));
        }
        prop_assert_eq!(found.reached.len(), distances.len().min(limit as usize));
        prop_assert!(found.truncated || found.reached.len() == distances.len());
    }
}

#[test]
fn pictures_are_the_same_each_time_and_lie_within_bounds() {
    let graph = Small(vec![(0, 1, 1.0), (1, 2, 0.5), (3, 3, 1.0)]);
    let draw = || now(subgraph::ask(&space(), None, 8, None, &graph)).unwrap().unwrap();
    let picture = draw();
    assert_eq!(picture, draw());
    assert_eq!((picture.nodes.len(), picture.edges.len()), (8, 3));
    assert!(picture.nodes.iter().all(|placed| placed.x.abs() <= 1.0 && placed.y.abs() <= 1.0));
}

#[test]
fn exports_escape_what_their_format_cannot_hold() {
    let graph = now(export::ask(&space(), None, &Small(vec![(0, 1, 0.5)]))).unwrap();
    for format in [export::Format::GraphMl, export::Format::Gexf] {
        let xml = graph.write(format);
        assert!(xml.contains("&lt;a &amp; &quot;b&quot;&gt;\u{fffd}"), "{xml}");
        assert_eq!(xml.matches("<node ").count(), 8);
        assert_eq!(xml.matches("<edge ").count(), 1);
    }
    let json: serde_json::Value = serde_json::from_str(&graph.write(export::Format::Json)).unwrap();
    assert_eq!((json["nodes"].as_array().unwrap().len(), json["links"][0]["weight"].as_f64()), (8, Some(0.5)));
}
