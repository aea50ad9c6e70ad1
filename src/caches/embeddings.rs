//! Vectors of queries that were asked before. A text's vector never changes, so these only go for want of room.

use std::sync::Arc;

use async_trait::async_trait;
use moka::sync::Cache;

use super::flight::{Flights, Ticket};
use crate::ports::{Cosines, EmbedError, Embedder, TokenMatch, Urgency};

/// Most bytes of vectors and their texts: some forty thousand queries.
const BYTES_MAX: u64 = 64 << 20;
/// What an entry takes beside its text and its vector.
const ENTRY_BYTES: usize = 200;

type Vector = Arc<[f32]>;

/// An embedder that embeds each query once.
pub struct RememberedQueries {
    model: Arc<dyn Embedder>,
    known: Cache<Arc<str>, Vector>,
    asked: Flights<Arc<str>, Vector>,
}

impl RememberedQueries {
    pub fn new(model: Arc<dyn Embedder>) -> Self {
        let bytes = |text: &Arc<str>, vector: &Vector| (text.len() + size_of_val(&**vector) + ENTRY_BYTES) as u32;
        let known = Cache::builder().max_capacity(BYTES_MAX).weigher(bytes).build();
        Self { model, known, asked: Flights::default() }
    }
}

#[async_trait]
impl Embedder for RememberedQueries {
    fn model(&self) -> &'static str {
        self.model.model()
    }

    fn recipe(&self) -> &'static str {
        self.model.recipe()
    }

    fn floor(&self) -> f32 {
        self.model.floor()
    }

    fn cosines(&self) -> Cosines {
        self.model.cosines()
    }

    fn reads(&self, text: &str) -> bool {
        self.model.reads(text)
    }

    async fn embed(&self, texts: Vec<String>, urgency: Urgency) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.model.embed(texts, urgency).await
    }

    async fn interact(&self, question: &str, texts: Vec<String>) -> Result<Vec<TokenMatch>, EmbedError> {
        self.model.interact(question, texts).await
    }

    async fn query(&self, text: &str) -> Result<Vector, EmbedError> {
        let key: Arc<str> = text.into();
        loop {
            if let Some(vector) = self.known.get(&key) {
                metrics::counter!("brain_cache_hits", "kind" => "embedding").increment(1);
                return Ok(vector);
            }
            match self.asked.join(&key) {
                Ticket::Leader(leader) => {
                    metrics::counter!("brain_cache_misses", "kind" => "embedding").increment(1);
                    let vector = self.model.query(text).await?;
                    self.known.insert(key.clone(), vector.clone());
                    leader.complete(vector.clone());
                    return Ok(vector);
                }
                Ticket::Waiter(mut waiting) => {
                    if let Ok(vector) = waiting.wait_for(Option::is_some).await {
                        return Ok(vector.clone().expect("waited for"));
                    }
                }
            }
        }
    }
}
