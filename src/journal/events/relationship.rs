//! The stored shape of relationships. The names are on disk: see `upcast.rs` before changing one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, RelationshipErasedV1, Storable, Stored, read, stored, unknown};
use crate::domain::{
    ids::{MemoryId, Timestamp},
    relationship::{Body, Ends, Event, Relationship, RelationshipType},
};

/// A relationship after a change: the data of `relationship.created`, `.updated` and `.deleted`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RelationshipV1 {
    pub source_id: MemoryId,
    pub target_id: MemoryId,
    pub relationship_type: RelationshipType,
    pub weight: f64,
    pub properties: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
}

impl From<&Relationship> for RelationshipV1 {
    fn from(relationship: &Relationship) -> Self {
        let Relationship { ends, body, created_at, updated_at, deleted_at } = relationship.clone();
        let Ends { source, target, relationship_type } = ends;
        let Body { weight, properties } = body;
        Self { source_id: source, target_id: target, relationship_type, weight, properties, created_at, updated_at, deleted_at }
    }
}

impl From<RelationshipV1> for Relationship {
    fn from(stored: RelationshipV1) -> Self {
        let RelationshipV1 { source_id, target_id, relationship_type, weight, properties, created_at, updated_at, deleted_at } =
            stored;
        let ends = Ends { source: source_id, target: target_id, relationship_type };
        Self { ends, body: Body { weight, properties }, created_at, updated_at, deleted_at }
    }
}

impl Storable for Event {
    fn store(&self) -> Stored {
        let (kind, changed) = match self {
            Self::Created(_) => ("relationship.created", vec![]),
            Self::Updated(_, changed) => ("relationship.updated", changed.iter().map(|field| (*field).to_owned()).collect()),
            Self::Deleted(_) => ("relationship.deleted", vec![]),
            Self::Erased(erased, older) => {
                return stored("relationship.erased", &RelationshipErasedV1::of(erased, older.clone()));
            }
        };
        Stored { changed, ..stored(kind, &RelationshipV1::from(self.relationship())) }
    }

    fn load(kind: &str, data: &Value) -> Result<Self, Error> {
        if kind == "relationship.erased" {
            let erased = read::<RelationshipErasedV1>(kind, data)?;
            return Ok(Self::Erased(erased.relationship(), erased.older));
        }
        let relationship = Relationship::from(read::<RelationshipV1>(kind, data)?);
        match kind {
            "relationship.created" => Ok(Self::Created(relationship)),
            // What changed is for subscribers; the state alone is what a fold needs.
            "relationship.updated" => Ok(Self::Updated(relationship, vec![])),
            "relationship.deleted" => Ok(Self::Deleted(relationship)),
            _ => Err(unknown(kind)),
        }
    }
}
