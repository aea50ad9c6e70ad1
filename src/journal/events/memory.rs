//! The stored shape of memories. The names are on disk: see `upcast.rs` before changing one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, MemoryErasedV1, Storable, Stored, read, stored, unknown};
use crate::domain::{
    erasure::Trace,
    ids::Timestamp,
    memory::{Before, Body, Event, Memory, MemoryType, Scope, Source},
};

/// A memory after a change: the data of `memory.created`, `.updated`, `.deleted` and `.restored`. Version 1 had no title, version 2 was never
/// sensitive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MemoryV3 {
    pub title: Option<String>,
    pub content: String,
    pub memory_type: MemoryType,
    pub metadata: Map<String, Value>,
    pub tags: Vec<String>,
    pub importance: f64,
    pub source: Source,
    pub user_id: Option<String>,
    pub agent_id: Option<String>,
    pub run_id: Option<String>,
    pub occurred_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    /// Whether title, content, metadata and `source.uri` stand in `sealed` alone.
    pub sensitive: bool,
    /// See `journal/sealed.rs`; absent before it is sealed, and of what is not sensitive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// A memory that has become sensitive: the data of `memory.sealed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MemorySealedV1 {
    #[serde(flatten)]
    pub memory: MemoryV3,
    /// Where its older events stood, which are destroyed: the newest 8,000. The write path knows them, and adds them.
    #[serde(default)]
    pub older: Vec<Trace>,
}

impl From<&Memory> for MemoryV3 {
    fn from(memory: &Memory) -> Self {
        let Memory { body, created_at, updated_at, deleted_at, erased_at: _ } = memory.clone();
        Self {
            title: body.title,
            content: body.content,
            memory_type: body.memory_type,
            metadata: body.metadata,
            tags: body.tags,
            importance: body.importance,
            source: body.source,
            user_id: body.scope.user_id,
            agent_id: body.scope.agent_id,
            run_id: body.scope.run_id,
            occurred_at: body.occurred_at,
            created_at,
            updated_at,
            deleted_at,
            sensitive: body.sensitive,
            sealed: None,
        }
    }
}

impl From<MemoryV3> for Memory {
    fn from(stored: MemoryV3) -> Self {
        Self {
            body: Body {
                title: stored.title,
                content: stored.content,
                memory_type: stored.memory_type,
                metadata: stored.metadata,
                tags: stored.tags,
                importance: stored.importance,
                source: stored.source,
                scope: Scope { user_id: stored.user_id, agent_id: stored.agent_id, run_id: stored.run_id },
                occurred_at: stored.occurred_at,
                sensitive: stored.sensitive,
            },
            created_at: stored.created_at,
            updated_at: stored.updated_at,
            deleted_at: stored.deleted_at,
            erased_at: None,
        }
    }
}

/// The event after which nothing of the memory's past may be left.
pub const SEALED: &str = "memory.sealed";

fn with_changes(event: &Event, stored: Stored) -> Stored {
    let (changed, before) = event.changes();
    Stored { changed: changed.iter().map(|field| field.as_str().to_owned()).collect(), before, ..stored }
}

impl Storable for Event {
    fn store(&self) -> Stored {
        let kind = match self {
            Self::Created(_) => "memory.created",
            Self::Updated { .. } => "memory.updated",
            Self::Deleted(_) => "memory.deleted",
            Self::Restored { .. } => "memory.restored",
            Self::Sealed { memory, .. } => {
                let data = MemorySealedV1 { memory: memory.into(), older: vec![] };
                return with_changes(self, stored(SEALED, &data));
            }
            Self::Erased { memory, reason, older } => {
                return stored("memory.erased", &MemoryErasedV1::of(memory, reason.clone(), older.clone()));
            }
        };
        with_changes(self, Stored { version: 3, ..stored(kind, &MemoryV3::from(self.memory())) })
    }

    fn load(kind: &str, data: &Value) -> Result<Self, Error> {
        if kind == "memory.erased" {
            let erased = read::<MemoryErasedV1>(kind, data)?;
            return Ok(Self::Erased { memory: erased.memory(), reason: erased.reason, older: erased.older });
        }
        let memory = Memory::from(read::<MemoryV3>(kind, data)?);
        // What changed is for subscribers; the state alone is what a fold needs.
        let (changed, before) = (vec![], Before::default());
        match kind {
            "memory.created" => Ok(Self::Created(memory)),
            "memory.updated" => Ok(Self::Updated { memory, changed, before }),
            "memory.deleted" => Ok(Self::Deleted(memory)),
            "memory.restored" => Ok(Self::Restored { memory, changed, before }),
            SEALED => Ok(Self::Sealed { memory, changed, before }),
            _ => Err(unknown(kind)),
        }
    }
}
