//! The aggregate `memory`: one thing somebody wants remembered. Decides create, update, put, delete and restore.
//!
//! Called by the write path; reads no clock and makes no ids. What a valid memory is stands in [`draft`].

pub mod draft;
pub mod script;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    decider::Decider,
    erasure::{self, Trace},
    ids::Timestamp,
    violation::{self, Violation},
};
pub use draft::Draft;
pub use script::ScriptTags;

/// What kind of memory it is; the names are on disk, see `journal/upcast.rs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryType {
    #[default]
    Semantic,
    Episodic,
    Procedural,
}

impl MemoryType {
    pub const ALL: [Self; 3] = [Self::Semantic, Self::Episodic, Self::Procedural];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Semantic => "semantic",
            Self::Episodic => "episodic",
            Self::Procedural => "procedural",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where a memory came from. `position` orders the memories of one `id` (a conversation, a document) from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Source {
    pub kind: Option<String>,
    pub uri: Option<String>,
    pub id: Option<String>,
    pub position: Option<u64>,
}

/// Whom a memory concerns: the scoping fields that memory clients filter by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Scope {
    pub user_id: Option<String>,
    pub agent_id: Option<String>,
    pub run_id: Option<String>,
}

/// What a client says of a memory, already validated: only [`Draft::validate`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// One line that names the memory: that of a note, for instance.
    pub title: Option<String>,
    pub content: String,
    pub memory_type: MemoryType,
    pub metadata: Map<String, Value>,
    pub tags: Vec<String>,
    /// 0 to 1.
    pub importance: f64,
    pub source: Source,
    pub scope: Scope,
    pub occurred_at: Option<Timestamp>,
}

impl Body {
    /// The body of an erased memory, which no draft can make.
    pub fn empty(memory_type: MemoryType, importance: f64) -> Self {
        Self {
            title: None,
            content: String::new(),
            memory_type,
            metadata: Map::new(),
            tags: vec![],
            importance,
            source: Source::default(),
            scope: Scope::default(),
            occurred_at: None,
        }
    }

    /// The text that the memory's vector stands for: its title as the first line, if it has one, and its content.
    pub fn text_to_embed(&self) -> Cow<'_, str> {
        match &self.title {
            Some(title) => Cow::Owned(format!("{title}\n{}", self.content)),
            None => Cow::Borrowed(&self.content),
        }
    }
}

/// A memory as it stands after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    pub body: Body,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Set while the memory is a tombstone. The body stays: restore needs it.
    pub deleted_at: Option<Timestamp>,
    /// Set once nothing of the body is left: for ever, and nothing happens to the memory afterwards.
    pub erased_at: Option<Timestamp>,
}

impl Memory {
    /// What is left of it when it is erased: its kind, its weight and its times.
    fn emptied(&self, at: Timestamp) -> Self {
        let Body { memory_type, importance, .. } = self.body;
        let body = Body::empty(memory_type, importance);
        Self {
            body,
            created_at: self.created_at,
            updated_at: at,
            deleted_at: Some(self.deleted_at.unwrap_or(at)),
            erased_at: Some(at),
        }
    }
}

/// The state of the aggregate: nothing yet, or the memory after its last event.
pub type State = Option<Memory>;

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

/// What happened. Each event carries the whole memory after the change.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Created(Memory),
    Updated {
        memory: Memory,
        changed: Vec<Field>,
        before: Before,
    },
    Deleted(Memory),
    /// Back from deletion, with its old body or (by a put) with a new one.
    Restored {
        memory: Memory,
        changed: Vec<Field>,
        before: Before,
    },
    /// Nothing of it is left, nor of its past.
    Erased {
        memory: Memory,
        reason: Option<String>,
        older: Vec<Trace>,
    },
}

impl Event {
    pub fn memory(&self) -> &Memory {
        match self {
            Self::Created(memory) | Self::Deleted(memory) => memory,
            Self::Updated { memory, .. } | Self::Restored { memory, .. } | Self::Erased { memory, .. } => memory,
        }
    }

    /// The fields that this event changed and their old values where fan-out needs them.
    pub fn changes(&self) -> (&[Field], Before) {
        match self {
            Self::Created(_) | Self::Deleted(_) | Self::Erased { .. } => (&[], Before::default()),
            Self::Updated { changed, before, .. } | Self::Restored { changed, before, .. } => (changed, before.clone()),
        }
    }
}

/// What somebody wants. `at` is the instant of the command; what becomes of script tags is the instance's to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A new memory; refused when the id is taken.
    Create {
        draft: Draft,
        at: Timestamp,
        created_at: Option<Timestamp>,
        script_tags: ScriptTags,
    },
    /// Changes some fields of a living memory.
    Update {
        patch: draft::Patch,
        at: Timestamp,
        script_tags: ScriptTags,
    },
    /// Makes the memory be exactly this: creates, replaces, revives, or nothing when equal.
    Put {
        draft: Draft,
        at: Timestamp,
        created_at: Option<Timestamp>,
        script_tags: ScriptTags,
    },
    Delete {
        at: Timestamp,
    },
    Restore {
        at: Timestamp,
    },
    /// Takes everything away for ever; `older` are the places in the log that the memory has had, and `reason` is at most
    /// [`erasure::REASON_CHARS_MAX`] characters.
    Erase {
        at: Timestamp,
        reason: Option<String>,
        older: Vec<Trace>,
    },
}

/// Why a command is refused. The codes are part of the API's contract.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("{}", violation::sentence(.0))]
    Invalid(Vec<Violation>),
    #[error("a memory with this id exists")]
    AlreadyExists,
    #[error("there is no memory with this id")]
    NotFound,
    #[error("the memory is deleted; restore it first")]
    Deleted,
    #[error("the memory was erased; its id is never used again")]
    Erased,
}

impl Rejection {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(violations) => violations.first().map_or("memory.invalid", |first| first.code),
            Self::AlreadyExists => "memory.already_exists",
            Self::NotFound => "memory.not_found",
            Self::Deleted => "memory.deleted",
            Self::Erased => "memory.erased",
        }
    }

    pub fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations) => violations,
            _ => &[],
        }
    }
}

/// The decider of memories.
pub struct MemoryDecider;

impl Decider for MemoryDecider {
    type Command = Command;
    type Event = Event;
    type State = State;
    type Rejection = Rejection;

    fn decide(command: Command, state: &State) -> Result<Vec<Event>, Rejection> {
        match (command, state) {
            (Command::Create { draft, at, created_at, script_tags }, None)
            | (Command::Put { draft, at, created_at, script_tags }, None) => {
                let (body, created_at) = draft.validate_with(created_at, script_tags).map_err(Rejection::Invalid)?;
                let created_at = created_at.unwrap_or(at);
                Ok(vec![Event::Created(Memory { body, created_at, updated_at: at, deleted_at: None, erased_at: None })])
            }
            (Command::Erase { .. }, Some(old)) if old.erased_at.is_some() => Ok(vec![]),
            (_, Some(old)) if old.erased_at.is_some() => Err(Rejection::Erased),
            (Command::Erase { at, reason, older }, Some(old)) => {
                let reason = erasure::reason(reason).map_err(|violation| Rejection::Invalid(vec![violation]))?;
                Ok(vec![Event::Erased { memory: old.emptied(at), reason, older }])
            }
            (Command::Create { draft, created_at, script_tags, .. }, Some(_)) => {
                draft.validate_with(created_at, script_tags).map_err(Rejection::Invalid)?;
                Err(Rejection::AlreadyExists)
            }
            (Command::Put { draft, at, created_at, script_tags }, Some(old)) => {
                let (body, created_at) = draft.validate_with(created_at, script_tags).map_err(Rejection::Invalid)?;
                Ok(replace(old, body, created_at, at))
            }
            (_, None) => Err(Rejection::NotFound),
            (Command::Update { .. }, Some(old)) if old.deleted_at.is_some() => Err(Rejection::Deleted),
            (Command::Update { patch, at, script_tags }, Some(old)) => {
                let body = patch.apply(&old.body, script_tags).map_err(Rejection::Invalid)?;
                Ok(replace(old, body, None, at))
            }
            (Command::Delete { at }, Some(old)) => Ok(match old.deleted_at {
                Some(_) => vec![],
                None => vec![Event::Deleted(Memory { deleted_at: Some(at), updated_at: at, ..old.clone() })],
            }),
            (Command::Restore { at }, Some(old)) => Ok(match old.deleted_at {
                None => vec![],
                Some(_) => replace(old, old.body.clone(), None, at),
            }),
        }
    }

    fn evolve(_: State, event: &Event) -> State {
        Some(event.memory().clone())
    }
}

/// The event that turns `old` into a living memory with `body`, or none when it already is one.
fn replace(old: &Memory, body: Body, created_at: Option<Timestamp>, at: Timestamp) -> Vec<Event> {
    let changed = changed_fields(&old.body, &body);
    let created_at = created_at.unwrap_or(old.created_at);
    if changed.is_empty() && old.deleted_at.is_none() && created_at == old.created_at {
        return vec![];
    }
    let before = Before {
        tags: changed.contains(&Field::Tags).then(|| old.body.tags.clone()),
        memory_type: changed.contains(&Field::MemoryType).then_some(old.body.memory_type),
        importance: changed.contains(&Field::Importance).then_some(old.body.importance),
    };
    let memory = Memory { body, created_at, updated_at: at, deleted_at: None, erased_at: None };
    vec![if old.deleted_at.is_some() {
        Event::Restored { memory, changed, before }
    } else {
        Event::Updated { memory, changed, before }
    }]
}

fn changed_fields(old: &Body, new: &Body) -> Vec<Field> {
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
    ];
    differs.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect()
}
