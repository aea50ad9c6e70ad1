//! What memories look like on the wire, apart from the domain's types and converted by hand.
//!
//! Called by the handlers and, for reading answers, by the command line. Checks nothing that the domain checks.

pub mod access;
pub mod delete;
pub mod delivery;
pub mod erasure;
pub mod graph;
pub mod history;
pub mod search;
pub mod webhook;

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    api::http::error::Problem,
    app::memories::NewMemory,
    domain::{
        ids::MemoryId,
        memory::{Draft, Scope, Source, draft::Patch},
    },
    ports::MemoryRecord,
};

/// Where a memory came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceDto {
    pub kind: Option<String>,
    pub uri: Option<String>,
    pub id: Option<String>,
    /// Place within the conversation or document `id`, from 0.
    pub position: Option<u64>,
}

/// A memory as a client writes it: the body of POST and PUT, and an item of a batch. Only `content` must be there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryInput {
    /// Chosen by the client; else the server chooses.
    pub id: Option<Uuid>,
    /// One line that names the memory; searches find it by its title first.
    #[schema(max_length = 512)]
    pub title: Option<String>,
    #[schema(required = true, min_length = 1, max_length = 10000)]
    pub content: String,
    pub memory_type: Option<String>,
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    pub tags: Vec<String>,
    #[schema(minimum = 0, maximum = 1)]
    pub importance: Option<f64>,
    #[serde(deserialize_with = "maybe_object")]
    pub source: Option<SourceDto>,
    pub user_id: Option<String>,
    pub agent_id: Option<String>,
    pub run_id: Option<String>,
    pub occurred_at: Option<DateTime<Utc>>,
    /// Whether it is sealed wherever it is stored, and in no index, vector, webhook or stream. As it was, and as the space and the server have
    /// it, when absent; false of what they have as sensitive needs the scope space:admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<bool>,
    /// Needs the scope memory:import.
    pub created_at: Option<DateTime<Utc>>,
}

/// The fields that a PATCH changes; null empties the ones that may be empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryPatch {
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 512)]
    pub title: Option<Option<String>>,
    pub content: Option<String>,
    pub memory_type: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    pub tags: Option<Vec<String>>,
    #[schema(minimum = 0, maximum = 1)]
    pub importance: Option<f64>,
    #[serde(deserialize_with = "present_object")]
    #[schema(value_type = Option<SourceDto>)]
    pub source: Option<Option<SourceDto>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub user_id: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub agent_id: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub run_id: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub occurred_at: Option<Option<DateTime<Utc>>>,
    /// true seals what it says and destroys what its past says in the clear; false needs the scope space:admin.
    pub sensitive: Option<bool>,
}

/// Tells "null" (`Some(None)`) from "not there" (`None`).
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

/// Reads an object as one and nothing else: a derived type would take a list of its fields' values as well.
fn object<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::deserialize(Value::Object(Map::deserialize(from)?)).map_err(D::Error::custom)
}

/// As [`object`], or null.
fn maybe_object<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    let fields = Option::<Map<String, Value>>::deserialize(from)?;
    fields.map(|fields| T::deserialize(Value::Object(fields)).map_err(D::Error::custom)).transpose()
}

/// As [`maybe_object`], where null says something else than absence.
fn present_object<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    maybe_object(from).map(Some)
}

/// A memory as the server shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MemoryView {
    pub id: Uuid,
    /// Absent from what servers before titles say.
    #[serde(default)]
    pub title: Option<String>,
    pub content: String,
    pub memory_type: String,
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    pub tags: Vec<String>,
    pub importance: f64,
    pub source: SourceDto,
    pub user_id: Option<String>,
    pub agent_id: Option<String>,
    pub run_id: Option<String>,
    pub occurred_at: Option<DateTime<Utc>>,
    /// Of a sensitive memory: what it says is sealed where it is stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Only in the answer to a DELETE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
    /// Only of a memory of which nothing is left; its content reads `[erased]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<DateTime<Utc>>,
    pub revision: u64,
}

/// What stands in the place of a content that was erased.
const ERASED: &str = "[erased]";

/// The answer to a write; `position` is the token for `min_position`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Written {
    pub memory: MemoryView,
    pub position: u64,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MemoryPage {
    pub memories: Vec<MemoryView>,
    pub next_cursor: Option<String>,
}

/// The body of a batch: up to 1,000 memories, each a command of its own.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchInput {
    #[schema(value_type = Vec<MemoryInput>, max_items = 1000)]
    pub memories: Items,
}

/// Most memories of one batch.
pub const BATCH_ITEMS_MAX: usize = 1_000;

/// The items of a batch. What is too much is counted and not built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items {
    /// The first ones, up to [`BATCH_ITEMS_MAX`].
    pub values: Vec<Value>,
    pub count: usize,
}

impl Serialize for Items {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.values.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Items;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a list of memories")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Items, A::Error> {
                let mut items = Items::default();
                while items.count < BATCH_ITEMS_MAX {
                    let Some(value) = list.next_element()? else { return Ok(items) };
                    items.values.push(value);
                    items.count += 1;
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    items.count += 1;
                }
                Ok(items)
            }
        }
        from.deserialize_seq(Reader)
    }
}

/// What became of one item, in the order of the request: `memory` or `error`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchResult {
    pub status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// The answer to a batch; `position` is the highest of its items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchAnswer {
    pub results: Vec<BatchResult>,
    pub position: u64,
}

impl MemoryInput {
    /// The id that the client chose, the draft, and when it says the memory was created.
    pub fn into_parts(self) -> (Option<MemoryId>, Draft, Option<DateTime<Utc>>) {
        let draft = Draft {
            title: self.title,
            content: self.content,
            memory_type: self.memory_type,
            metadata: self.metadata,
            tags: self.tags,
            importance: self.importance,
            source: self.source.unwrap_or_default().into(),
            scope: Scope { user_id: self.user_id, agent_id: self.agent_id, run_id: self.run_id },
            occurred_at: self.occurred_at,
            sensitive: self.sensitive,
        };
        (self.id.map(MemoryId), draft, self.created_at)
    }
}

impl From<MemoryInput> for NewMemory {
    fn from(dto: MemoryInput) -> Self {
        let (id, draft, created_at) = dto.into_parts();
        Self { id, draft, created_at }
    }
}

impl From<MemoryPatch> for Patch {
    fn from(dto: MemoryPatch) -> Self {
        Self {
            title: dto.title,
            content: dto.content,
            memory_type: dto.memory_type,
            metadata: dto.metadata,
            tags: dto.tags,
            importance: dto.importance,
            source: dto.source.map(|source| source.unwrap_or_default().into()),
            user_id: dto.user_id,
            agent_id: dto.agent_id,
            run_id: dto.run_id,
            occurred_at: dto.occurred_at,
            sensitive: dto.sensitive,
        }
    }
}

impl From<SourceDto> for Source {
    fn from(dto: SourceDto) -> Self {
        Self { kind: dto.kind, uri: dto.uri, id: dto.id, position: dto.position }
    }
}

impl From<Source> for SourceDto {
    fn from(source: Source) -> Self {
        Self { kind: source.kind, uri: source.uri, id: source.id, position: source.position }
    }
}

impl From<MemoryRecord> for MemoryView {
    fn from(record: MemoryRecord) -> Self {
        let memory = record.memory;
        let body = memory.body;
        Self {
            id: record.id.0,
            title: body.title,
            content: if memory.erased_at.is_some() { ERASED.to_owned() } else { body.content },
            memory_type: body.memory_type.as_str().to_owned(),
            metadata: body.metadata,
            tags: body.tags,
            importance: body.importance,
            source: body.source.into(),
            user_id: body.scope.user_id,
            agent_id: body.scope.agent_id,
            run_id: body.scope.run_id,
            occurred_at: body.occurred_at,
            sensitive: body.sensitive,
            created_at: memory.created_at,
            updated_at: memory.updated_at,
            deleted_at: memory.deleted_at,
            erased_at: memory.erased_at,
            revision: record.revision.0,
        }
    }
}
