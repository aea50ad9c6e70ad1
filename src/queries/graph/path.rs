//! The shortest ways from one memory to another. Called by `GET /api/v1/graph/path`.
//!
//! Dijkstra from both ends at once, over neighbours that are loaded as the search reaches them; the further ways by Yen's
//! algorithm (1971) over the same loaded part. Decision 2026-11-24: written here, since the libraries of the field want the
//! whole graph in memory, and a space may hold far more than a search touches.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap, HashSet},
};

use crate::{
    domain::ids::{MemoryId, RelationshipId, SpaceId},
    ports::{Direction, GraphReads, Hop, Node, QueryError, Step},
};

/// Most ways of one answer.
pub const PATHS_MAX: u32 = 5;
/// Most memories whose neighbours one search loads.
pub const LOADED_MAX: usize = 50_000;
/// Memories whose neighbours are loaded together.
const LOADED_TOGETHER: usize = 512;
/// Most relationships of one load.
const HOPS_MAX: u32 = 200_000;
/// A weight below this counts as this, so that no relationship is infinitely long.
const WEIGHT_MIN: f64 = 0.01;

/// One way: the memories on it, and the relationships between each and the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    pub nodes: Vec<Node>,
    pub hops: Vec<Hop>,
    /// Number of hops; for weighted ways the sum of 1 / weight.
    pub cost: f64,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct PathQuery {
    pub source: MemoryId,
    pub target: MemoryId,
    pub step: Step,
    /// Whether a strong relationship is a short one.
    pub weighted: bool,
    /// How many ways, from 1.
    pub count: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Which of the ends is no living memory.
    #[error("{field} names no living memory of this space")]
    EndMissing { field: &'static str, id: MemoryId },
    #[error("no way was found among the {LOADED_MAX} memories nearest to both ends")]
    TooFar,
}

/// Finds up to `count` ways, shortest first, none of which passes a memory twice. None at all when the ends are not connected.
/// Errors: `EndMissing`, `TooFar` when nothing was found among what may be looked at, `Query` as [`QueryError`] says.
pub async fn ask(space: &SpaceId, question: &PathQuery, graph: &dyn GraphReads) -> Result<Vec<Path>, Error> {
    let PathQuery { source, target, .. } = *question;
    let ends = graph.nodes(space, &[source, target], question.step.at).await?;
    for (field, id) in [("source", source), ("target", target)] {
        if !ends.iter().any(|node| node.id == id) {
            return Err(Error::EndMissing { field, id });
        }
    }
    let mut search = Search::new(space, question, graph);
    let mut paths = vec![];
    for way in search.ways(question).await? {
        let ids: Vec<MemoryId> = std::iter::once(source).chain(way.iter().map(|hop| hop.to)).collect();
        let nodes = super::in_order(space, &ids, question.step.at, graph).await?;
        paths.push(Path { nodes, cost: search.cost_of(&way), hops: way });
    }
    Ok(paths)
}

type Way = Vec<Hop>;

/// What a search must not use.
#[derive(Default)]
struct Banned {
    nodes: HashSet<MemoryId>,
    relationships: HashSet<RelationshipId>,
}

struct Search<'a> {
    space: &'a SpaceId,
    graph: &'a dyn GraphReads,
    weighted: bool,
    /// The two searches, from the source and from the target, each with the neighbours that it has loaded.
    sides: [Side; 2],
}

struct Side {
    step: Step,
    hops: HashMap<MemoryId, Vec<Hop>>,
}

/// How far one of the two searches has come.
struct Front {
    best: HashMap<MemoryId, (f64, Option<Hop>)>,
    done: HashSet<MemoryId>,
    queue: BinaryHeap<Waiting>,
}

#[derive(PartialEq)]
struct Waiting {
    cost: f64,
    id: MemoryId,
}

impl Eq for Waiting {}

impl Ord for Waiting {
    /// The heap gives its greatest first, which must be the cheapest; ties by id, so that equal searches find equal ways.
    fn cmp(&self, other: &Self) -> Ordering {
        other.cost.total_cmp(&self.cost).then_with(|| other.id.cmp(&self.id))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Front {
    fn new(start: MemoryId) -> Self {
        let queue = BinaryHeap::from([Waiting { cost: 0.0, id: start }]);
        Self { best: HashMap::from([(start, (0.0, None))]), done: HashSet::new(), queue }
    }

    /// Cost of the cheapest memory still waiting.
    fn next_cost(&mut self) -> Option<f64> {
        while self.queue.peek().is_some_and(|top| self.done.contains(&top.id)) {
            self.queue.pop();
        }
        self.queue.peek().map(|top| top.cost)
    }

    /// The hops from the start of this front to `end`, in the order of walking.
    fn trail(&self, end: MemoryId) -> Way {
        let mut trail: Way = std::iter::successors(self.best[&end].1, |hop| self.best[&hop.from].1).collect();
        trail.reverse();
        trail
    }
}

impl<'a> Search<'a> {
    fn new(space: &'a SpaceId, question: &PathQuery, graph: &'a dyn GraphReads) -> Self {
        let side =
            |direction| Side { step: Step { direction, hops_max: HOPS_MAX, ..question.step.clone() }, hops: HashMap::new() };
        let back = match question.step.direction {
            Direction::Out => Direction::In,
            Direction::In => Direction::Out,
            Direction::Both => Direction::Both,
        };
        Self { space, graph, weighted: question.weighted, sides: [side(question.step.direction), side(back)] }
    }

    fn cost(&self, hop: &Hop) -> f64 {
        if self.weighted { 1.0 / hop.weight.max(WEIGHT_MIN) } else { 1.0 }
    }

    fn cost_of(&self, way: &[Hop]) -> f64 {
        way.iter().map(|hop| self.cost(hop)).sum()
    }

    /// Yen: every further way leaves a known one at some memory; the cheapest such detour is the next.
    async fn ways(&mut self, question: &PathQuery) -> Result<Vec<Way>, Error> {
        let (source, target) = (question.source, question.target);
        if source == target {
            return Ok(vec![vec![]]);
        }
        let Some(first) = self.shortest(source, target, &Banned::default()).await? else { return Ok(vec![]) };
        let mut ways: Vec<Way> = vec![first];
        let mut detours: Vec<Way> = vec![];
        while ways.len() < question.count as usize {
            let last = ways.last().expect("begins with one").clone();
            for turn in 0..last.len() {
                let root = &last[..turn];
                let at = last[turn].from;
                let same_root = |way: &&Way| way.len() > turn && way[..turn] == *root;
                let relationships = ways.iter().filter(same_root).map(|way| way[turn].id).collect();
                let nodes = root.iter().map(|hop| hop.from).collect();
                if let Some(rest) = self.shortest(at, target, &Banned { nodes, relationships }).await? {
                    let detour: Way = root.iter().copied().chain(rest).collect();
                    if !detours.contains(&detour) {
                        detours.push(detour);
                    }
                }
            }
            let cheapest = (0..detours.len()).min_by(|a, b| self.cost_of(&detours[*a]).total_cmp(&self.cost_of(&detours[*b])));
            match cheapest {
                Some(index) => ways.push(detours.swap_remove(index)),
                None => break,
            }
        }
        Ok(ways)
    }

    /// Dijkstra from both ends; ends when the two fronts together cannot beat the best way found.
    async fn shortest(&mut self, source: MemoryId, target: MemoryId, banned: &Banned) -> Result<Option<Way>, Error> {
        let mut fronts = [Front::new(source), Front::new(target)];
        let mut best: Option<(f64, MemoryId)> = None;
        while let (Some(ahead), Some(behind)) = (fronts[0].next_cost(), fronts[1].next_cost()) {
            if best.is_some_and(|(cost, _)| ahead + behind >= cost) {
                break;
            }
            // The smaller front grows, which keeps both small.
            let side = usize::from(fronts[1].queue.len() < fronts[0].queue.len());
            let Waiting { cost, id } = fronts[side].queue.pop().expect("next_cost saw one");
            fronts[side].done.insert(id);
            let hops = self.hops_from(side, id, &fronts[side]).await?;
            for hop in hops.into_iter().filter(|hop| !banned.nodes.contains(&hop.to) && !banned.relationships.contains(&hop.id)) {
                let reached = cost + self.cost(&hop);
                if fronts[side].best.get(&hop.to).is_none_or(|(known, _)| reached < *known) {
                    fronts[side].best.insert(hop.to, (reached, Some(hop)));
                    fronts[side].queue.push(Waiting { cost: reached, id: hop.to });
                    if let Some((other, _)) = fronts[1 - side].best.get(&hop.to)
                        && best.is_none_or(|(cost, _)| reached + other < cost)
                    {
                        best = Some((reached + other, hop.to));
                    }
                }
            }
        }
        Ok(best.map(|(_, meeting)| {
            let back = fronts[1].trail(meeting);
            let turned = back.into_iter().rev().map(|hop| Hop { from: hop.to, to: hop.from, forward: !hop.forward, ..hop });
            fronts[0].trail(meeting).into_iter().chain(turned).collect()
        }))
    }

    /// The hops from a memory; loads those of the next ones in the queue along with them.
    async fn hops_from(&mut self, side: usize, id: MemoryId, front: &Front) -> Result<Vec<Hop>, Error> {
        if let Some(known) = self.sides[side].hops.get(&id) {
            return Ok(known.clone());
        }
        if self.sides.iter().map(|side| side.hops.len()).sum::<usize>() >= LOADED_MAX {
            return Err(Error::TooFar);
        }
        let known = &mut self.sides[side].hops;
        let next = front.queue.iter().map(|waiting| waiting.id).filter(|next| !known.contains_key(next) && *next != id);
        let wanted: Vec<MemoryId> = std::iter::once(id).chain(next).take(LOADED_TOGETHER).collect();
        let found = self.graph.hops(self.space, &wanted, &self.sides[side].step).await?;
        let known = &mut self.sides[side].hops;
        known.extend(wanted.into_iter().map(|id| (id, vec![])));
        for hop in found {
            known.entry(hop.from).or_default().push(hop);
        }
        Ok(known[&id].clone())
    }
}
