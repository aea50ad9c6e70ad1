//! What relationships and the graph look like on the wire. Called by the handlers and, for reading answers, by the command line.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    domain::relationship::Patch,
    ports::{Hop, Node, RelationshipRecord, Stats},
    queries::graph::{neighbors::Neighbors, path::Path, subgraph::Subgraph},
};

/// A relationship as a client writes it. Both ends and the type must be there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RelationshipInput {
    #[schema(required = true)]
    pub source_id: Option<Uuid>,
    #[schema(required = true)]
    pub target_id: Option<Uuid>,
    #[schema(required = true)]
    pub relationship_type: Option<String>,
    /// 0 to 1; 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub weight: Option<f64>,
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
    /// Needs the scope memory:import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
}

/// The fields of a relationship that a PATCH changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RelationshipPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub weight: Option<f64>,
    /// Replaces the properties as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Map<String, Value>>,
}

impl From<RelationshipPatch> for Patch {
    fn from(dto: RelationshipPatch) -> Self {
        Self { weight: dto.weight, properties: dto.properties }
    }
}

/// A relationship as the server shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RelationshipView {
    pub id: Uuid,
    pub source_id: Uuid,
    pub target_id: Uuid,
    pub relationship_type: String,
    pub weight: f64,
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Only in the answer to a DELETE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
    pub revision: u64,
}

impl From<RelationshipRecord> for RelationshipView {
    fn from(record: RelationshipRecord) -> Self {
        let RelationshipRecord { id, revision, relationship } = record;
        Self {
            id: id.0,
            source_id: relationship.ends.source.0,
            target_id: relationship.ends.target.0,
            relationship_type: relationship.ends.relationship_type.as_str().to_owned(),
            weight: relationship.body.weight,
            properties: relationship.body.properties,
            created_at: relationship.created_at,
            updated_at: relationship.updated_at,
            deleted_at: relationship.deleted_at,
            revision: revision.0,
        }
    }
}

/// The answer to a write of a relationship; `position` is the token for `min_position`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Related {
    pub relationship: RelationshipView,
    pub position: u64,
}

/// A page of relationships in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RelationshipPage {
    pub relationships: Vec<RelationshipView>,
    pub next_cursor: Option<String>,
}

/// A memory as a point of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NodeView {
    pub id: Uuid,
    /// The beginning of its first line.
    pub label: String,
    pub memory_type: String,
    pub importance: f64,
}

impl From<Node> for NodeView {
    fn from(node: Node) -> Self {
        let Node { id, label, memory_type, importance } = node;
        Self { id: id.0, label, memory_type: memory_type.as_str().to_owned(), importance }
    }
}

/// A relationship as it was walked: `forward` when from its source to its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HopView {
    pub relationship_id: Uuid,
    pub from: Uuid,
    pub to: Uuid,
    pub forward: bool,
    pub relationship_type: String,
    pub weight: f64,
}

impl From<Hop> for HopView {
    fn from(hop: Hop) -> Self {
        let Hop { id, from, to, forward, relationship_type, weight } = hop;
        let relationship_type = relationship_type.as_str().to_owned();
        Self { relationship_id: id.0, from: from.0, to: to.0, forward, relationship_type, weight }
    }
}

/// A memory that was reached, how far away it is, and over which relationship.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NeighborView {
    pub node: NodeView,
    pub depth: u32,
    pub via: HopView,
}

/// What lies around a memory, nearest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NeighborsAnswer {
    pub start: NodeView,
    pub neighbors: Vec<NeighborView>,
    /// There is more within the depth than the limit lets through.
    pub truncated: bool,
}

impl From<Neighbors> for NeighborsAnswer {
    fn from(found: Neighbors) -> Self {
        let view = |reached: crate::queries::graph::neighbors::Reached| NeighborView {
            node: reached.node.into(),
            depth: reached.depth,
            via: reached.via.into(),
        };
        Self { start: found.start.into(), neighbors: found.reached.into_iter().map(view).collect(), truncated: found.truncated }
    }
}

/// One way; `cost` is the number of hops, or the sum of 1 / weight for weighted ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PathView {
    pub nodes: Vec<NodeView>,
    pub hops: Vec<HopView>,
    pub cost: f64,
}

/// The ways from one memory to another, shortest first; none when they are not connected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PathAnswer {
    pub paths: Vec<PathView>,
}

impl From<Vec<Path>> for PathAnswer {
    fn from(paths: Vec<Path>) -> Self {
        let view = |path: Path| PathView {
            nodes: path.nodes.into_iter().map(NodeView::from).collect(),
            hops: path.hops.into_iter().map(HopView::from).collect(),
            cost: path.cost,
        };
        Self { paths: paths.into_iter().map(view).collect() }
    }
}

/// A memory with many relationships.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HubView {
    pub node: NodeView,
    pub degree: u64,
}

/// What the graph of a space amounts to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GraphStats {
    pub nodes: u64,
    pub edges: u64,
    pub isolated: u64,
    /// Relationships per possible ordered pair of memories.
    pub density: f64,
    /// Relationships at a memory on average, both directions counted.
    pub average_degree: f64,
    #[schema(value_type = Object)]
    pub edges_by_type: Map<String, Value>,
    pub hubs: Vec<HubView>,
}

impl From<Stats> for GraphStats {
    fn from(stats: Stats) -> Self {
        let Stats { nodes, edges, isolated, by_type, hubs } = stats;
        let pairs = nodes.saturating_mul(nodes.saturating_sub(1));
        let over = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        Self {
            nodes,
            edges,
            isolated,
            density: over(edges, pairs),
            average_degree: over(2 * edges, nodes),
            edges_by_type: by_type.into_iter().map(|(kind, count)| (kind.as_str().to_owned(), count.into())).collect(),
            hubs: hubs.into_iter().map(|(node, degree)| HubView { node: node.into(), degree }).collect(),
        }
    }
}

/// A memory with its place in a picture, both coordinates from -1 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlacedView {
    pub node: NodeView,
    pub x: f64,
    pub y: f64,
}

/// A part of the graph to be drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubgraphAnswer {
    pub nodes: Vec<PlacedView>,
    pub edges: Vec<RelationshipView>,
}

impl From<Subgraph> for SubgraphAnswer {
    fn from(picture: Subgraph) -> Self {
        let placed = |one: crate::queries::graph::subgraph::Placed| PlacedView { node: one.node.into(), x: one.x, y: one.y };
        Self {
            nodes: picture.nodes.into_iter().map(placed).collect(),
            edges: picture.edges.into_iter().map(RelationshipView::from).collect(),
        }
    }
}
