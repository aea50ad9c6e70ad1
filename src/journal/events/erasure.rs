//! The stored shapes of what is left when something is erased, and of receipts. The names are on disk: see `upcast.rs`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, Storable, Stored, read, stored, unknown};
use crate::domain::{
    erasure::{Completed, Receipt, Remain, Trace},
    ids::{MemoryId, StreamSeq, Timestamp},
    memory::{Body, Memory, MemoryType},
    relationship::{self, Ends, Relationship, RelationshipType},
};

/// The data of `memory.erased`: a memory without anything that anybody said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MemoryErasedV1 {
    pub memory_type: MemoryType,
    pub importance: f64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub erased_at: Timestamp,
    /// As whoever asked for it has said.
    pub reason: Option<String>,
    /// Where its older events stood, the newest 8,000: the log's clock is read from them after they are gone.
    pub older: Vec<Trace>,
}

impl MemoryErasedV1 {
    pub(super) fn of(memory: &Memory, reason: Option<String>, older: Vec<Trace>) -> Self {
        let Memory { body, created_at, updated_at, deleted_at, erased_at } = memory;
        let (created_at, updated_at, deleted_at) = (*created_at, *updated_at, *deleted_at);
        let Body { memory_type, importance, .. } = *body;
        let erased_at = erased_at.unwrap_or(updated_at);
        Self { memory_type, importance, created_at, updated_at, deleted_at, erased_at, reason, older }
    }

    pub(super) fn memory(&self) -> Memory {
        Memory {
            body: Body::empty(self.memory_type, self.importance),
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted_at: self.deleted_at,
            erased_at: Some(self.erased_at),
        }
    }
}

/// The data of `relationship.erased`: a relationship without properties, deleted for ever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RelationshipErasedV1 {
    pub source_id: MemoryId,
    pub target_id: MemoryId,
    pub relationship_type: RelationshipType,
    pub weight: f64,
    /// Always empty.
    pub properties: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Timestamp,
    pub older: Vec<Trace>,
}

impl RelationshipErasedV1 {
    pub(super) fn of(relationship: &Relationship, older: Vec<Trace>) -> Self {
        let Relationship { ends, body, created_at, updated_at, deleted_at } = relationship.clone();
        let Ends { source, target, relationship_type } = ends;
        let (weight, deleted_at) = (body.weight, deleted_at.unwrap_or(updated_at));
        let properties = Map::new();
        Self {
            source_id: source,
            target_id: target,
            relationship_type,
            weight,
            properties,
            created_at,
            updated_at,
            deleted_at,
            older,
        }
    }

    pub(super) fn relationship(&self) -> Relationship {
        let (source, target, relationship_type) = (self.source_id, self.target_id, self.relationship_type);
        Relationship {
            ends: Ends { source, target, relationship_type },
            body: relationship::Body { weight: self.weight, properties: Map::new() },
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted_at: Some(self.deleted_at),
        }
    }
}

/// The data of `erasure.completed`: the receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ErasureV1 {
    pub memory_id: MemoryId,
    /// Position of the `memory.erased` that asked for it.
    pub erased_position: u64,
    pub begun_at: Timestamp,
    pub completed_at: Timestamp,
    pub relationships: u64,
    pub events: u64,
    pub vectors: u64,
    pub attempts: u64,
    pub deliveries: u64,
    pub tables: u64,
    pub not_reached: Vec<Remain>,
}

impl Storable for Completed {
    fn store(&self) -> Stored {
        let receipt = self.0.clone();
        let data = ErasureV1 {
            memory_id: receipt.memory,
            erased_position: receipt.erased_position.0,
            begun_at: receipt.begun_at,
            completed_at: receipt.completed_at,
            relationships: receipt.relationships,
            events: receipt.events,
            vectors: receipt.vectors,
            attempts: receipt.attempts,
            deliveries: receipt.deliveries,
            tables: receipt.tables,
            not_reached: receipt.not_reached,
        };
        stored("erasure.completed", &data)
    }

    fn load(kind: &str, data: &Value) -> Result<Self, Error> {
        if kind != "erasure.completed" {
            return Err(unknown(kind));
        }
        read::<ErasureV1>(kind, data).map(|it| Self(it.into()))
    }
}

impl From<ErasureV1> for Receipt {
    fn from(stored: ErasureV1) -> Self {
        Self {
            memory: stored.memory_id,
            erased_position: StreamSeq(stored.erased_position),
            begun_at: stored.begun_at,
            completed_at: stored.completed_at,
            relationships: stored.relationships,
            events: stored.events,
            vectors: stored.vectors,
            attempts: stored.attempts,
            deliveries: stored.deliveries,
            tables: stored.tables,
            not_reached: stored.not_reached,
        }
    }
}
