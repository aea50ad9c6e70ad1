//! The frame around every stored event. Built by the write path, read by all projections; the names are on disk, see `upcast.rs`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::catalog;
use crate::domain::{
    ids::{CommandId, EventId, KeyId, PrincipalId, Revision, SpaceId, StreamSeq, Timestamp},
    memory::{Before, Field},
};

/// By what, and from where, somebody has acted: what an audit asks beside who, what and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Via {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The browser's session, by its public name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
    /// The delegation that an access token was of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<Uuid>,
    /// The other end of the connection, which may be a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

/// One event as it is stored: MessagePack with named fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Envelope {
    /// v5(command id, aggregate, id, index); also the message id that the log deduplicates by.
    pub id: EventId,
    /// `memory.created`; fixed for ever.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the shape of `data`.
    pub version: u16,
    pub space: SpaceId,
    /// Kind of the aggregate: `memory`.
    pub aggregate: String,
    /// Id of the aggregate, as it stands in the subject.
    pub aggregate_id: String,
    /// 1, 2, 3 … per aggregate.
    pub revision: Revision,
    pub actor: PrincipalId,
    /// Absent where the instance itself has acted, and in events of before it was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    pub command_id: CommandId,
    /// xxh3-64 of what was asked under a key, so that the same key with another wish is noticed; 0 without a key.
    pub command_hash: u64,
    /// Of everything that was done under one Idempotency-Key; without one the command's own id.
    pub correlation_id: Uuid,
    pub causation_id: Option<Uuid>,
    pub at: Timestamp,
    /// Names of the fields that this event changed.
    pub changed: Vec<String>,
    pub before: Before,
    /// The whole aggregate after the change, in the shape that (`type`, `version`) names.
    pub data: Value,
}

impl Envelope {
    /// Whether it happened to a memory.
    pub fn is_of_memory(&self) -> bool {
        self.aggregate == catalog::MEMORY
    }

    /// Whether nothing is left of its aggregate but that there was one.
    pub fn is_erasure(&self) -> bool {
        self.kind.strip_prefix(self.aggregate.as_str()) == Some(".erased")
    }

    /// Whether this field was among those that it changed.
    pub fn has_changed(&self, field: &str) -> bool {
        self.changed.iter().any(|changed| changed == field)
    }

    /// Whether it changed a memory and left alone what searches rank it by: title, text and tags.
    pub fn leaves_ranking(&self) -> bool {
        self.kind == "memory.updated"
            && ![Field::Title, Field::Content, Field::Tags, Field::Sensitive].iter().any(|field| self.has_changed(field.as_str()))
    }
}

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub seq: StreamSeq,
    pub event: Envelope,
}

impl Envelope {
    /// The tags of a memory after the change and, where they changed, before it: who watched a tag must hear that a memory left it.
    pub fn tags_now_or_before(&self) -> impl Iterator<Item = &str> {
        let now = self.data["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let before = self.before.tags.iter().flatten().map(String::as_str);
        now.chain(before).filter(|_| self.is_of_memory())
    }
}
