//! The aggregate `relationship`: one memory stands to another in a certain way. Decides create, put, update and delete.
//!
//! Called by the write path, which also sees to it that both ends live; what a valid relationship is stands in [`draft`].

pub mod draft;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    decider::Decider,
    erasure::Trace,
    ids::{MemoryId, Timestamp},
    violation::{self, Violation},
};
pub use draft::{Draft, Patch};

/// In which way the source stands to the target; the names are on disk, see `journal/upcast.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RelationshipType {
    RelatedTo,
    References,
    Contradicts,
    Supports,
    Extends,
    Replaces,
    PartOf,
    Contains,
    DependsOn,
}

impl RelationshipType {
    pub const ALL: [Self; 9] = [
        Self::RelatedTo,
        Self::References,
        Self::Contradicts,
        Self::Supports,
        Self::Extends,
        Self::Replaces,
        Self::PartOf,
        Self::Contains,
        Self::DependsOn,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::RelatedTo => "related_to",
            Self::References => "references",
            Self::Contradicts => "contradicts",
            Self::Supports => "supports",
            Self::Extends => "extends",
            Self::Replaces => "replaces",
            Self::PartOf => "part_of",
            Self::Contains => "contains",
            Self::DependsOn => "depends_on",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What never changes of a relationship: its ends and its type, from which its id follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ends {
    pub source: MemoryId,
    pub target: MemoryId,
    pub relationship_type: RelationshipType,
}

/// What a client says of a relationship, already validated: only [`Draft::validate`] and [`Patch::apply`] make one.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// 0 to 1.
    pub weight: f64,
    pub properties: Map<String, Value>,
}

/// A relationship as it stands after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Relationship {
    pub ends: Ends,
    pub body: Body,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Set while the relationship is a tombstone.
    pub deleted_at: Option<Timestamp>,
}

/// The state of the aggregate: nothing yet, or the relationship after its last event.
pub type State = Option<Relationship>;

/// What happened. Each event carries the whole relationship after the change.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Created(Relationship),
    /// With the names of the fields that changed.
    Updated(Relationship, Vec<&'static str>),
    Deleted(Relationship),
    /// Deleted for ever, with an end that was erased; nothing of its properties is left, nor of its past.
    Erased(Relationship, Vec<Trace>),
}

impl Event {
    pub fn relationship(&self) -> &Relationship {
        match self {
            Self::Created(relationship) | Self::Deleted(relationship) => relationship,
            Self::Updated(relationship, _) | Self::Erased(relationship, _) => relationship,
        }
    }
}

/// What somebody wants. `at` is the instant of the command.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A new relationship; nothing when an equal one lives, refused when a different one does.
    Create {
        draft: Draft,
        at: Timestamp,
        created_at: Option<Timestamp>,
    },
    /// Makes the relationship be exactly this.
    Put {
        draft: Draft,
        at: Timestamp,
        created_at: Option<Timestamp>,
    },
    Update {
        patch: Patch,
        at: Timestamp,
    },
    Delete {
        at: Timestamp,
    },
    /// Takes everything but its ends away; the worker's, once an end was erased.
    Erase {
        at: Timestamp,
        older: Vec<Trace>,
    },
}

/// Why a command is refused. The codes are part of the API's contract.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("{}", violation::sentence(.0))]
    Invalid(Vec<Violation>),
    #[error("this relationship exists with another weight or other properties")]
    AlreadyExists,
    #[error("there is no relationship with this id")]
    NotFound,
    #[error("the relationship is deleted; create it again")]
    Deleted,
    /// The write path's to find out: an end is no living memory of the space.
    #[error("{field} names no living memory of this space")]
    EndMissing { field: &'static str, id: MemoryId },
}

impl Rejection {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(violations) => violations.first().map_or("relationship.invalid", |first| first.code),
            Self::AlreadyExists => "relationship.already_exists",
            Self::NotFound => "relationship.not_found",
            Self::Deleted => "relationship.deleted",
            Self::EndMissing { .. } => "relationship.end_missing",
        }
    }
}

/// The decider of relationships.
pub struct RelationshipDecider;

impl Decider for RelationshipDecider {
    type Command = Command;
    type Event = Event;
    type State = State;
    type Rejection = Rejection;

    fn decide(command: Command, state: &State) -> Result<Vec<Event>, Rejection> {
        match (command, state) {
            (Command::Create { draft, at, created_at }, state) => {
                let (ends, body, created_at) = draft.validate(created_at).map_err(Rejection::Invalid)?;
                match state {
                    Some(old) if old.deleted_at.is_none() && old.body == body => Ok(vec![]),
                    Some(old) if old.deleted_at.is_none() => Err(Rejection::AlreadyExists),
                    _ => Ok(vec![created(ends, body, created_at, at)]),
                }
            }
            (Command::Put { draft, at, created_at }, state) => {
                let (ends, body, created_at) = draft.validate(created_at).map_err(Rejection::Invalid)?;
                Ok(match state {
                    Some(old) if old.deleted_at.is_none() => replace(old, body, created_at, at),
                    _ => vec![created(ends, body, created_at, at)],
                })
            }
            (_, None) => Err(Rejection::NotFound),
            (Command::Erase { at, older }, Some(old)) => {
                let body = Body { properties: Map::new(), ..old.body.clone() };
                let deleted_at = Some(old.deleted_at.unwrap_or(at));
                Ok(vec![Event::Erased(Relationship { body, updated_at: at, deleted_at, ..old.clone() }, older)])
            }
            (Command::Update { .. }, Some(old)) if old.deleted_at.is_some() => Err(Rejection::Deleted),
            (Command::Update { patch, at }, Some(old)) => {
                Ok(replace(old, patch.apply(&old.body).map_err(Rejection::Invalid)?, None, at))
            }
            (Command::Delete { at }, Some(old)) => Ok(match old.deleted_at {
                Some(_) => vec![],
                None => vec![Event::Deleted(Relationship { deleted_at: Some(at), updated_at: at, ..old.clone() })],
            }),
        }
    }

    fn evolve(_: State, event: &Event) -> State {
        Some(event.relationship().clone())
    }
}

fn created(ends: Ends, body: Body, created_at: Option<Timestamp>, at: Timestamp) -> Event {
    Event::Created(Relationship { ends, body, created_at: created_at.unwrap_or(at), updated_at: at, deleted_at: None })
}

/// The event that gives the living `old` this body, or none when it has it.
fn replace(old: &Relationship, body: Body, created_at: Option<Timestamp>, at: Timestamp) -> Vec<Event> {
    let differs = [("weight", old.body.weight != body.weight), ("properties", old.body.properties != body.properties)];
    let changed: Vec<_> = differs.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect();
    let created_at = created_at.unwrap_or(old.created_at);
    if changed.is_empty() && created_at == old.created_at {
        return vec![];
    }
    vec![Event::Updated(Relationship { ends: old.ends, body, created_at, updated_at: at, deleted_at: None }, changed)]
}
