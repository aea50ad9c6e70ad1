//! Turning text into vectors with a local model.

use async_trait::async_trait;

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

/// Embeds texts; loads its model at the first call.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Name of the model, as it stands in subjects and rows: a-z, 0-9 and -.
    fn model(&self) -> &'static str;

    /// How a memory becomes the text that is embedded, and a text a vector; another recipe is another vector.
    fn recipe(&self) -> &'static str;

    /// Shape: `[texts, DIMENSIONS]`, unit length, in the order of `texts`. Text beyond 256 tokens is cut. Empty in, empty out.
    async fn embed(&self, texts: Vec<String>, urgency: Urgency) -> Result<Vec<Vec<f32>>, EmbedError>;
}
