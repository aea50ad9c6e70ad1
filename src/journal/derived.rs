//! Envelopes of the stream DERIVED: built by the embedder and the dispatcher of webhooks, read back by them and by the projection
//! `vectors`. Knows no network.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    codec,
    envelope::Envelope,
    events::{self, DispatcherV1, EmbedderV1, EmbeddingErasedV1, EmbeddingV1, HalfVector},
};
use crate::domain::{
    ids::{CommandId, MemoryId, PrincipalId, Revision, SpaceId, Timestamp},
    memory::Before,
};

/// What a derived fact is about: the newest one under a key counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FactKey {
    /// The embedding of a memory by a model (`embedding.computed`).
    Embedding { model: String, space: SpaceId, id: MemoryId },
    /// How far the embedder of a model has come (`embedder.advanced`).
    Embedder { model: String },
    /// Up to where webhooks have had everything (`dispatcher.settled`).
    Dispatcher,
}

impl FactKey {
    /// Errors: see [`events::Error`]; the data is not of the newest shape.
    pub fn embedding(model: &str, space: &SpaceId, id: MemoryId) -> Self {
        Self::Embedding { model: model.to_owned(), space: space.clone(), id }
    }
}

/// An embedding of a memory; `revision` counts the embeddings of this memory by this model from 1.
pub fn embedding_event(space: &SpaceId, id: MemoryId, data: &EmbeddingV1, revision: Revision, at: Timestamp) -> Envelope {
    // Whatever makes it another vector is part of the wish: the log takes an equal wish for one that it has.
    let wish = format!("embedding {} {} {} {} {space} {id}", data.model, data.recipe, data.memory_position, data.content_hash);
    envelope("embedding.computed", ("embedding", id.to_string()), space.clone(), &wish, data, revision, at)
}

/// Takes the place of a memory's vectors by a model, for ever.
pub fn embedding_erased_event(
    space: &SpaceId,
    id: MemoryId,
    data: &EmbeddingErasedV1,
    revision: Revision,
    at: Timestamp,
) -> Envelope {
    let wish = format!("embedding erased {} {} {space} {id}", data.model, data.memory_position);
    envelope("embedding.erased", ("embedding", id.to_string()), space.clone(), &wish, data, revision, at)
}

/// How far the embedder of a model has come.
pub fn embedder_event(data: &EmbedderV1, at: Timestamp) -> Envelope {
    let wish = format!("embedder {} {} {}", data.model, data.position, at.timestamp_micros());
    envelope("embedder.advanced", ("embedder", data.model.clone()), SpaceId::sys(), &wish, data, Revision(1), at)
}

/// What webhooks have had.
pub fn dispatcher_event(data: &DispatcherV1, at: Timestamp) -> Envelope {
    let wish = format!("dispatcher {} {}", data.position, at.timestamp_micros());
    envelope("dispatcher.settled", ("dispatcher", "webhooks".into()), SpaceId::sys(), &wish, data, Revision(1), at)
}

/// The data of an `embedding.computed` as it was stored.
pub fn embedding(event: &Envelope) -> Result<EmbeddingV1, events::Error> {
    events::read(&event.kind, &event.data)
}

/// The data of an `embedder.advanced`.
/// Errors: see [`events::Error`]; the data is not of the newest shape.
pub fn embedder(event: &Envelope) -> Result<EmbedderV1, events::Error> {
    events::read(&event.kind, &event.data)
}

/// The data of a `dispatcher.settled`.
/// Errors: see [`events::Error`]; the data is not of the newest shape.
pub fn dispatcher(event: &Envelope) -> Result<DispatcherV1, events::Error> {
    events::read(&event.kind, &event.data)
}

/// Reads a message of DERIVED for a projection: the vector becomes text that Postgres can cast, `[0.1,-0.2]`.
/// Errors: see [`codec::decode`].
pub fn decode(bytes: &[u8]) -> Result<Envelope, codec::Error> {
    let mut event = codec::decode(bytes)?;
    if let Some(vector) = event.data.get_mut("vector") {
        let numbers = HalfVector::deserialize(&*vector).ok().and_then(|vector| vector.numbers());
        // What is no vector stays as it is: Postgres refuses the cast and the event is parked.
        if let Some(numbers) = numbers {
            *vector = Value::String(text_of(numbers.iter().map(|number| number.to_f32())));
        }
    }
    Ok(event)
}

/// Names a text: SHA-256 in lower-case hexadecimal.
pub fn content_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The numbers of a vector as [`decode`] gives it; `None` when it is none.
pub fn numbers_of(vector: &Value) -> Option<Vec<f32>> {
    let text = vector.as_str()?.strip_prefix('[')?.strip_suffix(']')?;
    text.split(',').map(|number| number.parse().ok()).collect()
}

/// A vector as pgvector reads it.
pub fn text_of(numbers: impl Iterator<Item = f32>) -> String {
    let mut text = String::from("[");
    for number in numbers {
        let comma = if text.len() > 1 { "," } else { "" };
        write!(text, "{comma}{number}").expect("a string takes everything");
    }
    text.push(']');
    text
}

// Seven arguments, because an envelope has that many parts that differ; all callers stand above.
fn envelope(
    kind: &str,
    (aggregate, aggregate_id): (&str, String),
    space: SpaceId,
    wish: &str,
    data: &impl Serialize,
    revision: Revision,
    at: Timestamp,
) -> Envelope {
    let by = if aggregate == "dispatcher" { "dispatcher" } else { "embedder" };
    let actor = PrincipalId(Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("second-brain {by}").as_bytes()));
    let command_id = CommandId::keyed(&space, actor, wish);
    Envelope {
        id: command_id.event(aggregate, &aggregate_id, 0),
        kind: kind.into(),
        version: 1,
        space,
        aggregate: aggregate.into(),
        aggregate_id,
        revision,
        actor,
        via: None,
        command_id,
        command_hash: 0,
        correlation_id: command_id.0,
        causation_id: None,
        at,
        changed: vec![],
        before: Before::default(),
        data: serde_json::to_value(data).expect("stored structs have string keys and finite numbers only"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_sees_the_vector_as_text() {
        let data = EmbeddingV1 {
            model: "m".into(),
            recipe: "r".into(),
            content_hash: "ab".into(),
            memory_position: 7,
            vector: HalfVector::from_f32(&[0.5, -0.25]),
        };
        let at = chrono::DateTime::from_timestamp(0, 0).expect("in range");
        let event = embedding_event(&SpaceId::default_space(), MemoryId(Uuid::nil()), &data, Revision(1), at);
        assert_eq!(embedding(&event).expect("loads"), data);
        let seen = decode(&codec::encode(&event).expect("encodes")).expect("decodes");
        assert_eq!(seen.data["vector"], "[0.5,-0.25]");
        assert_eq!(numbers_of(&seen.data["vector"]), Some(vec![0.5, -0.25]));
        assert_eq!(seen.data["memory_position"], 7);
    }
}
