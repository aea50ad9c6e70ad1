//! Turning text into vectors with a local model.

use std::sync::Arc;

use async_trait::async_trait;
use half::f16;

/// Numbers in a vector.
pub const DIMENSIONS: usize = 384;

/// Who waits for the vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A person who searches: never queued behind ingest.
    Query,
    /// The embedder, which has time.
    Ingest,
}

/// Why there are no vectors.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The model's files are missing or unreadable; trying again later may help.
    #[error("the embedding model cannot be loaded")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The forward pass failed: a bug, or not enough memory.
    #[error("the embedding model failed")]
    Model(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A vector as it is stored, in half precision, brought to length 1 again: its product with another one is their cosine.
pub fn unit(vector: &[f32]) -> Arc<[f32]> {
    let halves: Vec<f32> = vector.iter().map(|number| f16::from_f32(*number).to_f32()).collect();
    let length = halves.iter().map(|number| number * number).sum::<f32>().sqrt();
    halves.into_iter().map(|number| number / length).collect()
}

/// Embeds texts; loads its model at the first call.
/// Errors of each method: see [`EmbedError`]; a text that was refused by the model fails alone.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Name of the model, as it stands in subjects and rows: a-z, 0-9 and -.
    fn model(&self) -> &'static str;

    /// How a memory becomes the text that is embedded, and a text a vector; another recipe is another vector.
    fn recipe(&self) -> &'static str;

    /// Shape: `[texts, DIMENSIONS]`, unit length, in the order of `texts`. Text beyond 256 tokens is cut. Empty in, empty out.
    async fn embed(&self, texts: Vec<String>, urgency: Urgency) -> Result<Vec<Vec<f32>>, EmbedError>;

    /// The cosine below which two texts have nothing to do with each other; -1 for a model of which nobody knows.
    fn floor(&self) -> f32 {
        -1.0
    }

    /// Whether the model knows words of the text: of what it does not, its vectors tell little more than the length.
    fn reads(&self, _text: &str) -> bool {
        true
    }

    /// The vector of a query, as [`unit()`] makes it.
    async fn query(&self, text: &str) -> Result<Arc<[f32]>, EmbedError> {
        Ok(unit(&self.embed(vec![text.to_owned()], Urgency::Query).await?.swap_remove(0)))
    }
}
