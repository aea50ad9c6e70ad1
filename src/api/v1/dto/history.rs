//! What the past of a memory looks like on the wire. Called by the handlers and, for reading answers, by the command line.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::MemoryView;
use crate::{
    ports::MemoryRevision,
    queries::diff::{Diff, Line},
};

/// A state of a memory, and the event that led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RevisionView {
    pub revision: u64,
    pub position: u64,
    /// Type of the event: `memory.updated`.
    #[serde(rename = "type")]
    pub kind: String,
    pub at: DateTime<Utc>,
    pub actor: Uuid,
    pub memory: MemoryView,
}

impl From<MemoryRevision> for RevisionView {
    fn from(found: MemoryRevision) -> Self {
        Self {
            revision: found.record.revision.0,
            position: found.position.0,
            kind: found.kind,
            at: found.at,
            actor: found.actor.0,
            memory: found.record.into(),
        }
    }
}

/// The states of a memory, newest first; `next_before` is what to send as `before` for older ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryPage {
    pub revisions: Vec<RevisionView>,
    pub next_before: Option<u64>,
}

/// A field of which two states say different things.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldChangeView {
    pub field: String,
    pub old: Value,
    pub new: Value,
}

/// A line of the content: `same`, `removed` or `added`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LineView {
    pub change: String,
    pub text: String,
}

/// What differs between two states of a memory; `content` is empty when the contents are equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DiffAnswer {
    pub from: u64,
    pub to: u64,
    pub fields: Vec<FieldChangeView>,
    pub content: Vec<LineView>,
}

impl DiffAnswer {
    pub fn new((from, to): (u64, u64), diff: Diff) -> Self {
        let line = |(line, text): (Line, String)| {
            let change = match line {
                Line::Same => "same",
                Line::Removed => "removed",
                Line::Added => "added",
            };
            LineView { change: change.to_owned(), text }
        };
        let fields = diff.fields.into_iter().map(|it| FieldChangeView { field: it.field, old: it.old, new: it.new }).collect();
        Self { from, to, fields, content: diff.content.into_iter().map(line).collect() }
    }
}
