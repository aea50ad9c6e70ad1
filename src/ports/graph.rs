//! The graph as the projections `graph` and `edge_history` show it. Every question is asked within one space, and only relationships
//! that live between two living memories are part of it; with a position, those that did so there.

use async_trait::async_trait;

use super::QueryError;
use crate::domain::{
    ids::{MemoryId, RelationshipId, Revision, SpaceId, StreamSeq},
    memory::MemoryType,
    relationship::{Relationship, RelationshipType},
};

/// A relationship as a row of the read model.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationshipRecord {
    pub id: RelationshipId,
    pub revision: Revision,
    pub relationship: Relationship,
}

/// One page of relationships in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RelationshipQuery {
    pub limit: u32,
    /// The last id already seen.
    pub after: Option<RelationshipId>,
    pub source: Option<MemoryId>,
    pub target: Option<MemoryId>,
    pub relationship_type: Option<RelationshipType>,
    pub at: Option<StreamSeq>,
}

/// Which way along a relationship.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    Out,
    In,
    #[default]
    Both,
}

/// How to go on from a set of memories.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub direction: Direction,
    /// Only along these types; all when empty.
    pub types: Vec<RelationshipType>,
    pub at: Option<StreamSeq>,
    /// Most hops of one answer; a memory may have a million.
    pub hops_max: u32,
}

/// One relationship as it is walked: `from` is where one came from, whichever way the relationship points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hop {
    pub id: RelationshipId,
    pub from: MemoryId,
    pub to: MemoryId,
    /// Whether it was walked from its source to its target.
    pub forward: bool,
    pub relationship_type: RelationshipType,
    pub weight: f64,
}

/// A memory as a point of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub id: MemoryId,
    /// The beginning of its first line.
    pub label: String,
    pub memory_type: MemoryType,
    pub importance: f64,
}

/// What the graph of a space amounts to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    pub nodes: u64,
    pub edges: u64,
    /// Memories without any relationship.
    pub isolated: u64,
    pub by_type: Vec<(RelationshipType, u64)>,
    /// The memories with most relationships, most first.
    pub hubs: Vec<(Node, u64)>,
}

/// Questions about the graph.
/// Errors of each method: `Unavailable` while Postgres is away, `Unreadable` where a row cannot be understood, `Parked` where what was
/// asked for has changes put aside.
#[async_trait]
pub trait GraphReads: Send + Sync {
    /// The relationship, also when it is a tombstone or an end of it is; `None` when there never was one.
    async fn relationship(
        &self,
        space: &SpaceId,
        id: RelationshipId,
        at: Option<StreamSeq>,
    ) -> Result<Option<RelationshipRecord>, QueryError>;
    async fn relationships(&self, space: &SpaceId, query: &RelationshipQuery) -> Result<Vec<RelationshipRecord>, QueryError>;
    /// The hops from any of `from`, at most `step.hops_max`, in the order of (weight descending, id).
    async fn hops(&self, space: &SpaceId, from: &[MemoryId], step: &Step) -> Result<Vec<Hop>, QueryError>;
    /// The best hop, by (weight descending, id), from any of `from` to each memory that is not in `seen`, best first, at most
    /// `step.hops_max`. Whether the far ends live is not asked.
    async fn spread(&self, space: &SpaceId, from: &[MemoryId], seen: &[MemoryId], step: &Step) -> Result<Vec<Hop>, QueryError>;
    /// Those of `ids` that live, in any order.
    async fn nodes(&self, space: &SpaceId, ids: &[MemoryId], at: Option<StreamSeq>) -> Result<Vec<Node>, QueryError>;
    /// Every relationship with both ends among `ids`.
    async fn among(
        &self,
        space: &SpaceId,
        ids: &[MemoryId],
        at: Option<StreamSeq>,
    ) -> Result<Vec<RelationshipRecord>, QueryError>;
    /// The `limit` memories with most relationships, most first, then those without any.
    async fn best_connected(&self, space: &SpaceId, limit: u32, at: Option<StreamSeq>) -> Result<Vec<MemoryId>, QueryError>;
    async fn stats(&self, space: &SpaceId, at: Option<StreamSeq>) -> Result<Stats, QueryError>;
}
