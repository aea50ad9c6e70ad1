//! Stored events: versioned structs apart from the domain's, converted by hand. Called by the write path and the folds.
//! Their JSON Schemas are generated from here into `schemas/` and compared by a test; a released one never changes.

mod access;
mod derived;
mod erasure;
mod memory;
mod relationship;
#[cfg(test)]
mod tests;
mod webhook;

pub use access::{InvitationV1, KeyV3, PrincipalV2, SpaceV3};
pub use derived::{DispatcherV1, EmbedderV1, EmbeddingErasedV1, EmbeddingV1, HalfVector};
pub use erasure::{ErasureV1, MemoryErasedV1, RelationshipErasedV1};
pub use memory::{MemorySealedV1, MemoryV3, SEALED};
pub use relationship::RelationshipV1;
pub use webhook::{FilterV1, SecretV1, WebhookV1};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::domain::memory::Before;

/// The data of an event is not of the shape that its type and version name. Permanent.
#[derive(Debug, thiserror::Error)]
#[error("the data of {kind} does not have the stored shape")]
pub struct Error {
    pub kind: String,
    #[source]
    cause: serde_json::Error,
}

/// A domain event on its way into an envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub kind: &'static str,
    pub version: u16,
    pub changed: Vec<String>,
    pub before: Before,
    pub data: Value,
}

/// A domain event that has a stored form.
pub trait Storable: Sized {
    fn store(&self) -> Stored;
    /// Reads it back from an envelope's `type` and lifted `data`.
    fn load(kind: &str, data: &Value) -> Result<Self, Error>;
}

fn stored(kind: &'static str, data: &impl Serialize) -> Stored {
    let data = serde_json::to_value(data).expect("stored structs have string keys and finite numbers only");
    Stored { kind, version: 1, changed: vec![], before: Before::default(), data }
}

pub(super) fn read<T: DeserializeOwned>(kind: &str, data: &Value) -> Result<T, Error> {
    T::deserialize(data).map_err(|cause| Error { kind: kind.to_owned(), cause })
}

fn unknown(kind: &str) -> Error {
    Error { kind: kind.to_owned(), cause: serde::de::Error::custom("not an event of this aggregate") }
}
