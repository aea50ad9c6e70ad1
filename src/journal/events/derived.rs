//! The stored shapes of derived facts: embeddings, how far an embedder has come, and what webhooks have had. The names are on disk: see `upcast.rs`.

use base64::{Engine, engine::general_purpose::STANDARD};
use half::f16;
use serde::{Deserialize, Serialize};

/// The data of `embedding.computed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EmbeddingV1 {
    pub model: String,
    /// How the memory became a text and the text a vector.
    pub recipe: String,
    /// SHA-256 of the content that was embedded, in lower-case hexadecimal.
    pub content_hash: String,
    /// Position in EVENTS of the state that was embedded.
    pub memory_position: u64,
    pub vector: HalfVector,
}

/// The data of `embedding.erased`: there was a vector of a memory that is erased.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EmbeddingErasedV1 {
    pub model: String,
    /// Position in EVENTS of what erased the memory.
    pub memory_position: u64,
}

/// The data of `embedder.advanced`: everything in EVENTS up to `position` is embedded or needs no vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EmbedderV1 {
    pub model: String,
    pub position: u64,
}

/// The data of `dispatcher.settled`: every webhook has had everything in EVENTS up to `position` that it wanted, or will not get it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DispatcherV1 {
    pub position: u64,
}

/// A vector in half precision: little-endian IEEE 754 binary16, in base64. 2 bytes a number lose nothing that a search can see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct HalfVector(String);

impl HalfVector {
    pub fn from_f32(numbers: &[f32]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect();
        Self(STANDARD.encode(bytes))
    }

    /// The numbers; `None` when the text is no vector.
    pub fn numbers(&self) -> Option<Vec<f16>> {
        let bytes = STANDARD.decode(&self.0).ok()?;
        let (pairs, rest) = bytes.as_chunks::<2>();
        rest.is_empty().then(|| pairs.iter().map(|pair| f16::from_le_bytes(*pair)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_comes_back_in_half_precision() {
        let vector = HalfVector::from_f32(&[0.5, -0.051, 1.0]);
        assert_eq!(vector.numbers(), Some(vec![f16::from_f32(0.5), f16::from_f32(-0.051), f16::from_f32(1.0)]));
        assert_eq!(HalfVector("AAA=".into()).numbers().map(|numbers| numbers.len()), Some(1));
        assert_eq!(HalfVector("AA==".into()).numbers(), None);
        assert_eq!(HalfVector("?".into()).numbers(), None);
    }
}
