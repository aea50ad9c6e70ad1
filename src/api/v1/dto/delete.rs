//! What deleting many memories looks like on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    api::http::error::Problem,
    app::memories::{Deleted, Preview},
    ports::MemoryRecord,
};

/// How much of a content a sample shows, in characters.
const EXCERPT_CHARS_MAX: usize = 160;

/// Which memories are to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeleteInput {
    /// As in a search: every memory that passes is deleted. Filters that every memory passes are refused; see `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filters: Option<Value>,
    /// In place of filters: every memory of the space.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// Deletes nothing, and answers how many memories pass and what the newest of them are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Most memories that this call deletes, 1 to 10,000; 1,000 unless given. `more` says whether to call again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10000)]
    pub limit: Option<u32>,
    /// In place of tombstones that can be restored, nothing is left, for ever; tombstones that pass are erased as well.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub erase: bool,
    /// Why, for the receipt; at most 200 characters, and only with `erase`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is deleted is chosen among what this position shows at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_position: Option<u64>,
}

/// What was deleted, or with `dry_run` would be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeleteAnswer {
    pub dry_run: bool,
    /// How many memories pass; only with `dry_run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<u64>,
    /// How many were deleted by this call, each by an event of its own.
    pub deleted: u64,
    /// How many were changed or deleted by somebody else between being chosen and being deleted. They are left as they are; the next
    /// call looks whether they still pass.
    pub changed: u64,
    /// Whether memories may be left that pass: the limit, or the time for one call, was reached.
    pub more: bool,
    /// The newest of what passes, at most 20; only with `dry_run`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sample: Vec<DeleteSample>,
    /// Memories that could not be deleted, at most 20 of them, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<DeleteFailure>,
    /// From this position on reads show it.
    pub position: u64,
}

/// A memory that would be deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeleteSample {
    pub id: Uuid,
    pub revision: u64,
    pub created_at: DateTime<Utc>,
    pub title: Option<String>,
    pub source_uri: Option<String>,
    /// The first characters of its content.
    pub excerpt: String,
}

/// A memory that could not be deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeleteFailure {
    pub id: Uuid,
    pub error: Problem,
}

impl From<MemoryRecord> for DeleteSample {
    fn from(record: MemoryRecord) -> Self {
        let body = record.memory.body;
        Self {
            id: record.id.0,
            revision: record.revision.0,
            created_at: record.memory.created_at,
            title: body.title,
            source_uri: body.source.uri,
            excerpt: body.content.chars().take(EXCERPT_CHARS_MAX).collect(),
        }
    }
}

impl From<Preview> for DeleteAnswer {
    fn from(found: Preview) -> Self {
        let Preview { matched, sample, position } = found;
        let (sample, matched, more) = (sample.into_iter().map(Into::into).collect(), Some(matched), matched > 0);
        Self { dry_run: true, matched, more, sample, position: position.0, ..Self::default() }
    }
}

impl From<Deleted> for DeleteAnswer {
    fn from(done: Deleted) -> Self {
        let Deleted { deleted, changed, more, failed, position } = done;
        let failed = failed.into_iter().map(|(id, error)| DeleteFailure { id: id.0, error: error.into() }).collect();
        Self { deleted, changed, more, failed, position: position.0, ..Self::default() }
    }
}
