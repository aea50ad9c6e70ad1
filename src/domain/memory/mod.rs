//! The aggregate `memory`: one thing somebody wants remembered. Decides create, update, put, delete and restore.
//!
//! Called by the write path; reads no clock and makes no ids. What a valid memory is stands in [`draft`].

mod change;
pub mod draft;
pub mod script;
pub mod sensitive;
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
pub use change::{Before, Field};
pub use draft::Draft;
pub use script::ScriptTags;
pub use sensitive::Sealing;

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
    /// Whether what it says is sealed wherever it is written down, and is in no index, vector or message.
    pub sensitive: bool,
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
            sensitive: false,
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
    /// It has become sensitive: its past, which is not sealed, is destroyed. It lives, also if it was deleted.
    Sealed {
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
            Self::Updated { memory, .. }
            | Self::Restored { memory, .. }
            | Self::Sealed { memory, .. }
            | Self::Erased { memory, .. } => memory,
        }
    }

    /// The fields that this event changed and their old values where fan-out needs them.
    pub fn changes(&self) -> (&[Field], Before) {
        match self {
            Self::Created(_) | Self::Deleted(_) | Self::Erased { .. } => (&[], Before::default()),
            Self::Updated { changed, before, .. }
            | Self::Restored { changed, before, .. }
            | Self::Sealed { changed, before, .. } => (changed, before.clone()),
        }
    }
}

/// What the instance lets in, and what it seals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub script_tags: ScriptTags,
    pub sealing: Sealing,
}

/// What somebody wants. `at` is the instant of the command; the rules are the instance's.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A new memory; refused when the id is taken.
    Create {
        draft: Draft,
        at: Timestamp,
        created_at: Option<Timestamp>,
        rules: Rules,
    },
    /// Changes some fields of a living memory.
    Update {
        patch: draft::Patch,
        at: Timestamp,
        rules: Rules,
    },
    /// Makes the memory be exactly this: creates, replaces, revives, or nothing when equal.
    Put {
        draft: Draft,
        at: Timestamp,
        created_at: Option<Timestamp>,
        rules: Rules,
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
    #[error("the memory is sensitive, and stays so unless somebody who may administer the space says \"sensitive\": false")]
    StaysSensitive,
    #[error("this instance seals nothing (security.encryption_enabled is false), so it takes no sensitive memory")]
    SealingOff,
}

impl Rejection {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(violations) => violations.first().map_or("memory.invalid", |first| first.code),
            Self::AlreadyExists => "memory.already_exists",
            Self::NotFound => "memory.not_found",
            Self::Deleted => "memory.deleted",
            Self::Erased => "memory.erased",
            Self::StaysSensitive => "memory.stays_sensitive",
            Self::SealingOff => "memory.sealing_off",
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
            (Command::Create { draft, at, created_at, rules }, None) | (Command::Put { draft, at, created_at, rules }, None) => {
                let (body, created_at) = draft.validate_with(created_at, false, rules)?;
                let created_at = created_at.unwrap_or(at);
                Ok(vec![Event::Created(Memory { body, created_at, updated_at: at, deleted_at: None, erased_at: None })])
            }
            (Command::Erase { .. }, Some(old)) if old.erased_at.is_some() => Ok(vec![]),
            (_, Some(old)) if old.erased_at.is_some() => Err(Rejection::Erased),
            (Command::Erase { at, reason, older }, Some(old)) => {
                let reason = erasure::reason(reason).map_err(|violation| Rejection::Invalid(vec![violation]))?;
                Ok(vec![Event::Erased { memory: old.emptied(at), reason, older }])
            }
            (Command::Create { draft, created_at, rules, .. }, Some(old)) => {
                draft.validate_with(created_at, old.body.sensitive, rules)?;
                Err(Rejection::AlreadyExists)
            }
            (Command::Put { draft, at, created_at, rules }, Some(old)) => {
                let (body, created_at) = draft.validate_with(created_at, old.body.sensitive, rules)?;
                Ok(replace(old, body, created_at, at))
            }
            (_, None) => Err(Rejection::NotFound),
            (Command::Update { .. }, Some(old)) if old.deleted_at.is_some() => Err(Rejection::Deleted),
            (Command::Update { patch, at, rules }, Some(old)) => {
                let body = patch.apply(&old.body, rules)?;
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
    let changed = change::changed_fields(&old.body, &body);
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
    vec![if memory.body.sensitive && !old.body.sensitive {
        Event::Sealed { memory, changed, before }
    } else if old.deleted_at.is_some() {
        Event::Restored { memory, changed, before }
    } else {
        Event::Updated { memory, changed, before }
    }]
}
