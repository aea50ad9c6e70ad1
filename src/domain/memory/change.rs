//! What a change of a memory has changed: its fields by name, and the old values that tell whom it leaves. Called by the decider.

use serde::{Deserialize, Serialize};

use super::{Body, MemoryType};

/// A field of [`Body`] by the name that clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    Title,
    Content,
    MemoryType,
    Metadata,
    Tags,
    Importance,
    Source,
    UserId,
    AgentId,
    RunId,
    OccurredAt,
    Sensitive,
}

impl Field {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Content => "content",
            Self::MemoryType => "memory_type",
            Self::Metadata => "metadata",
            Self::Tags => "tags",
            Self::Importance => "importance",
            Self::Source => "source",
            Self::UserId => "user_id",
            Self::AgentId => "agent_id",
            Self::RunId => "run_id",
            Self::OccurredAt => "occurred_at",
            Self::Sensitive => "sensitive",
        }
    }
}

/// Old values that decide whom a memory leaves when it changes; `None` where the value did not change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Before {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_type: Option<MemoryType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<f64>,
}

/// The fields in which two bodies differ.
pub(super) fn changed_fields(old: &Body, new: &Body) -> Vec<Field> {
    let differs = [
        (Field::Title, old.title != new.title),
        (Field::Content, old.content != new.content),
        (Field::MemoryType, old.memory_type != new.memory_type),
        (Field::Metadata, old.metadata != new.metadata),
        (Field::Tags, old.tags != new.tags),
        (Field::Importance, old.importance != new.importance),
        (Field::Source, old.source != new.source),
        (Field::UserId, old.scope.user_id != new.scope.user_id),
        (Field::AgentId, old.scope.agent_id != new.scope.agent_id),
        (Field::RunId, old.scope.run_id != new.scope.run_id),
        (Field::OccurredAt, old.occurred_at != new.occurred_at),
        (Field::Sensitive, old.sensitive != new.sensitive),
    ];
    differs.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect()
}
