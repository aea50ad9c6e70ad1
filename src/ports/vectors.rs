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

/// What a model's cosines are worth: a score is made of them by these, so that models can be told apart by their scores no more than by
/// their answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosines {
    /// Below it two texts have nothing to do with each other.
    pub floor: f32,
    /// Where as much speaks for two texts being about the same as against it.
    pub even: f32,
    /// How fast that changes: the factor before the cosine in the logistic.
    pub steepness: f32,
}

impl Cosines {
    /// By the floor alone: a model with a higher one has its cosines nearer together.
    ///
    /// Decision 2026-11-28, measured with all-MiniLM-L6-v2, floor .2: on the 1,383 sections of a manual the best cosine of 20 questions about
    /// it was .46 to .83, of 18 without an answer .15 to .36; on 2,760 turns of conversations .33 to .73, and at most .32.
    pub fn of_floor(floor: f32) -> Self {
        let above = (1.0 - floor).max(0.05);
        Self { floor, even: floor + 0.34 * above, steepness: 9.6 / above }
    }

    /// How much a cosine speaks for two texts being about the same, 0 to 1.
    pub fn nearness(&self, cosine: f32) -> f32 {
        if cosine < self.floor { 0.0 } else { 1.0 / (1.0 + (self.steepness * (self.even - cosine)).exp()) }
    }
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

/// How near a text comes to each token of a question; of the same tokens for all texts of one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenMatch {
    /// The cosine of the nearest token of the text, -1 to 1.
    pub nearest: Vec<f32>,
    /// Whether the text holds the very token.
    pub holds: Vec<bool>,
}

/// Scores texts against a question, each read together with it: a cross-encoder.
/// Errors: see [`EmbedError`].
#[async_trait]
pub trait Reranker: Send + Sync {
    /// In the order of `texts`, on the model's own scale; higher is better.
    async fn score(&self, question: &str, texts: Vec<String>) -> Result<Vec<f32>, EmbedError>;
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

    /// What its cosines are worth.
    fn cosines(&self) -> Cosines {
        Cosines::of_floor(self.floor().max(0.0))
    }

    /// Whether the model knows words of the text: of what it does not, its vectors tell little more than the length.
    fn reads(&self, _text: &str) -> bool {
        true
    }

    /// Compares a question with each text token by token, each read by itself: for reranking. Texts beyond the model's limit are cut.
    /// Errors: `Unavailable` also of a model that has no vectors of tokens.
    async fn interact(&self, _question: &str, _texts: Vec<String>) -> Result<Vec<TokenMatch>, EmbedError> {
        Err(EmbedError::Unavailable("the model does not compare token by token".into()))
    }

    /// The vector of a query, as [`unit()`] makes it.
    async fn query(&self, text: &str) -> Result<Arc<[f32]>, EmbedError> {
        Ok(unit(&self.embed(vec![text.to_owned()], Urgency::Query).await?.swap_remove(0)))
    }
}
