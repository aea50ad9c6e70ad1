//! What lies around a memory, ways between two, figures, pictures, exports.

use std::{fmt::Debug, sync::Arc};

use super::{
    Caller, Error, Kept, Reading, Render, When,
    cached::{self, Question},
    error::short,
    paging,
    relationships::relationship_type,
};
use crate::{
    domain::ids::MemoryId,
    ports::{Direction, GraphReads, Stats, Step, cache::Dep},
    queries::{
        EDGE_HISTORY, GRAPH, MEMORY_HISTORY,
        graph::{export, neighbors, path, subgraph},
    },
};

/// The projections that show the graph of a past moment.
const PAST: &[&str] = &[EDGE_HISTORY, MEMORY_HISTORY];

/// The use cases of the graph.
pub struct Graph {
    pub reading: Arc<Reading>,
    pub graph: Arc<dyn GraphReads>,
}

/// Which relationships are walked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Walk<'a> {
    /// `out`, `in` or `both`; both when absent.
    pub direction: Option<&'a str>,
    /// Names of types with commas; all when absent.
    pub types: Option<&'a str>,
}

impl Walk<'_> {
    /// Errors: `graph.bad_parameter`, `relationship.type_unknown`.
    fn step(self) -> Result<Step, Error> {
        let direction = match self.direction {
            None | Some("both") => Direction::Both,
            Some("out") => Direction::Out,
            Some("in") => Direction::In,
            Some(other) => return Err(bad("direction", format!("direction is one of out, in, both, not {:?}", short(other)))),
        };
        let names = self.types.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Step { direction, types: names.map(relationship_type).collect::<Result<_, _>>()?, ..Step::default() })
    }
}

/// From where ways go whereto, and how many of them are wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ways {
    pub source: MemoryId,
    pub target: MemoryId,
    pub weighted: bool,
    /// 1 to 5; 1 when absent.
    pub count: Option<u32>,
}

impl Graph {
    /// What lies around a memory, level by level, at most 1,000 memories.
    /// Errors: `graph.bad_parameter`, `read.bad_limit`, `memory.not_found`, and those of waiting.
    pub async fn neighbors<R: Render<neighbors::Neighbors>>(
        &self,
        caller: &Caller,
        (start, depth, limit): (MemoryId, Option<u32>, Option<u32>),
        walk: Walk<'_>,
        when: When<'_>,
        render: &R,
    ) -> Result<Kept, Error> {
        let depth = depth_of(depth)?;
        let limit = paging::limit(limit, neighbors::LIMIT_DEFAULT, neighbors::LIMIT_MAX)?;
        let (step, space) = (walk.step()?, caller.space());
        let ask = async |at| {
            let step = Step { at, ..step.clone() };
            let found = neighbors::ask(space, start, (depth, limit), &step, &*self.graph).await?.ok_or_else(no_memory)?;
            let nodes = std::iter::once(start).chain(found.reached.iter().map(|reached| reached.node.id));
            let deps = nodes.map(|id| Dep::node(space, id)).chain([Dep::lifecycle(space)]).collect();
            cached::answer(render, found, deps)
        };
        let question = question("neighbors", &(start, depth, limit, &step), when);
        self.reading.serve(caller, R::NAME, question, ask).await
    }

    /// Up to five ways from one memory to another, shortest first.
    /// Errors: `graph.bad_parameter`, `relationship.end_missing`, `graph.too_far`, and those of waiting.
    pub async fn paths<R: Render<Vec<path::Path>>>(
        &self,
        caller: &Caller,
        ways: Ways,
        walk: Walk<'_>,
        when: When<'_>,
        render: &R,
    ) -> Result<Kept, Error> {
        let count = ways.count.unwrap_or(1);
        if !(1..=path::PATHS_MAX).contains(&count) {
            return Err(bad("k", format!("k is {count}; it goes from 1 to {}", path::PATHS_MAX)));
        }
        let Ways { source, target, weighted, .. } = ways;
        let wanted = path::PathQuery { source, target, step: walk.step()?, weighted, count };
        let space = caller.space();
        let ask = async |at| {
            let wanted = path::PathQuery { step: Step { at, ..wanted.step.clone() }, ..wanted.clone() };
            let paths = path::ask(space, &wanted, &*self.graph).await?;
            let nodes = paths.iter().flat_map(|path| path.nodes.iter()).map(|node| Dep::node(space, node.id));
            let deps = nodes.chain([Dep::edges(space), Dep::lifecycle(space)]).collect();
            cached::answer(render, paths, deps)
        };
        self.reading.serve(caller, R::NAME, question("path", &wanted, when), ask).await
    }

    /// What the graph amounts to. Errors: those of waiting.
    pub async fn stats<R: Render<Stats>>(&self, caller: &Caller, when: When<'_>, render: &R) -> Result<Kept, Error> {
        let space = caller.space();
        let ask = async |at| {
            let stats = self.graph.stats(space, at).await?;
            let hubs = stats.hubs.iter().map(|(node, _)| Dep::node(space, node.id));
            let deps = hubs.chain([Dep::edges(space), Dep::membership(space)]).collect();
            cached::answer(render, stats, deps)
        };
        self.reading.serve(caller, R::NAME, question("graph_stats", &(), when), ask).await
    }

    /// The best connected memories, or those around one, with places for a picture.
    /// Errors: `graph.bad_parameter`, `read.bad_limit`, `memory.not_found`, and those of waiting.
    pub async fn subgraph<R: Render<subgraph::Subgraph>>(
        &self,
        caller: &Caller,
        (middle, depth, limit): (Option<MemoryId>, Option<u32>, Option<u32>),
        when: When<'_>,
        render: &R,
    ) -> Result<Kept, Error> {
        let depth = depth_of(depth)?;
        let around = middle.map(|id| (id, depth));
        let limit = paging::limit(limit, subgraph::NODES_DEFAULT, subgraph::NODES_MAX)?;
        let space = caller.space();
        let ask = async |at| {
            let picture = subgraph::ask(space, around, limit, at, &*self.graph).await?.ok_or_else(no_memory)?;
            let nodes = picture.nodes.iter().map(|placed| Dep::node(space, placed.node.id));
            // Without a middle it is about the best connected of all.
            let whole = around.is_none().then(|| [Dep::edges(space), Dep::membership(space)]);
            let deps = nodes.chain([Dep::lifecycle(space)]).chain(whole.into_iter().flatten()).collect();
            cached::answer(render, picture, deps)
        };
        self.reading.serve(caller, R::NAME, question("subgraph", &(around, limit), when), ask).await
    }

    /// The whole graph, for writing it into a file. Errors: those of waiting.
    pub async fn export(&self, caller: &Caller, when: When<'_>) -> Result<export::Graph, Error> {
        let at = self.reading.moment(caller, when, &[GRAPH], PAST).await?;
        Ok(export::ask(caller.space(), at, &*self.graph).await?)
    }
}

/// A format by its name. Errors: `graph.bad_parameter`.
pub fn export_format(name: &str) -> Result<export::Format, Error> {
    export::Format::parse(name).ok_or_else(|| {
        let known = export::Format::ALL.map(|(name, _)| name).join(", ");
        bad("format", format!("format is one of {known}, not {:?}", short(name)))
    })
}

fn question<'a>(kind: &'static str, asked: &impl Debug, when: When<'a>) -> Question<'a> {
    Question::new(kind, asked, &[GRAPH], when).with_past(PAST).expensive()
}

fn depth_of(given: Option<u32>) -> Result<u32, Error> {
    let depth = given.unwrap_or(1);
    if (1..=neighbors::DEPTH_MAX).contains(&depth) {
        return Ok(depth);
    }
    Err(bad("depth", format!("depth is {depth}; it goes from 1 to {}", neighbors::DEPTH_MAX)))
}

fn bad(field: &str, detail: String) -> Error {
    Error::new("graph.bad_parameter", detail).at(field, None, None)
}

fn no_memory() -> Error {
    Error::new("memory.not_found", "there is no living memory with this id").at("id", None, None)
}
