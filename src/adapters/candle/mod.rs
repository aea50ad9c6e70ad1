//! all-MiniLM-L6-v2 in f32 on candle, in this process. Implements [`Embedder`]; built by wiring, which knows where the files are.
//!
//! Loaded at the first call. A failure is remembered for a while, so that a missing model does not slow every search down.

mod background;
mod model;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::Semaphore, task::spawn_blocking, time::Instant};

use self::{
    background::Background,
    model::{Encoded, Model},
};
use crate::ports::{EmbedError, Embedder, Urgency};

/// Searches that are embedded at the same time; more wait.
const QUERIES_MAX: usize = 4;
/// How long a model that could not be loaded is left alone.
const RETRY_S: u64 = 10;

/// The cosine below which the model finds nobody.
///
/// Decision 2026-11-27: measured on the 1,383 sections of a program's manual. Of 20 questions about it the tenth best section had 0.24
/// to 0.61; of 18 queries without an answer the tenth best had 0.10 to 0.28, and half of all had less than 0.15.
const FLOOR: f32 = 0.2;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Finds the folder with `config.json`, `tokenizer.json` and `model.safetensors`; may fetch it, so it may take long.
pub type Folder = Arc<dyn Fn() -> Result<PathBuf, Cause> + Send + Sync>;

/// The model, once it is needed.
pub struct MiniLm {
    folder: Folder,
    state: Arc<Mutex<State>>,
    queries: Semaphore,
    /// Texts that come in, one batch at a time: the rest of the machine is for those who wait.
    ingest: Background,
}

enum State {
    Unloaded,
    Loaded(Arc<Model>),
    Failed { at: Instant, cause: String },
}

impl MiniLm {
    /// As it stands in subjects and rows.
    pub const NAME: &str = "minilm-l6-v2";

    /// Errors: when there can be no further thread.
    pub fn new(folder: Folder) -> std::io::Result<Self> {
        let (queries, ingest) = (Semaphore::new(QUERIES_MAX), Background::start("ingest")?);
        Ok(Self { folder, state: Arc::new(Mutex::new(State::Unloaded)), queries, ingest })
    }

    /// One piece of work of those who have so much time.
    async fn run<T: Send + 'static>(
        &self,
        urgency: Urgency,
        work: impl FnOnce() -> Result<T, Cause> + Send + 'static,
    ) -> Result<T, EmbedError> {
        let done = match urgency {
            Urgency::Query => {
                let _turn = self.queries.acquire().await.expect("the queue is never closed");
                spawn_blocking(work).await.map_err(|cause| EmbedError::Model(cause.into()))?
            }
            Urgency::Ingest => self.ingest.run(work).await.ok_or_else(|| EmbedError::Model("the model panicked".into()))?,
        };
        done.map_err(EmbedError::Model)
    }

    /// The model, loaded by the first who asks; others wait for it.
    async fn model(&self) -> Result<Arc<Model>, EmbedError> {
        let (state, folder) = (self.state.clone(), self.folder.clone());
        let loaded = spawn_blocking(move || {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            match &*state {
                State::Loaded(model) => return Ok(model.clone()),
                State::Failed { at, cause } if at.elapsed() < Duration::from_secs(RETRY_S) => return Err(cause.clone().into()),
                State::Failed { .. } | State::Unloaded => {}
            }
            let fresh = folder().and_then(|folder| Model::load(&folder)).map(Arc::new);
            *state = match &fresh {
                Ok(model) => State::Loaded(model.clone()),
                Err(cause) => State::Failed { at: Instant::now(), cause: cause.to_string() },
            };
            fresh
        });
        loaded.await.map_err(|cause| EmbedError::Unavailable(cause.into()))?.map_err(EmbedError::Unavailable)
    }
}

#[async_trait]
impl Embedder for MiniLm {
    fn model(&self) -> &'static str {
        Self::NAME
    }

    fn recipe(&self) -> &'static str {
        "content, 256 tokens, mean, l2, f32"
    }

    fn floor(&self) -> f32 {
        FLOOR
    }

    /// It was trained on English, and has the letters of other scripts but no words of theirs; emoji it has none.
    fn reads(&self, text: &str) -> bool {
        let (mut latin, mut other) = (0, 0);
        for letter in text.chars().filter(|c| c.is_alphanumeric()) {
            *(if is_latin(letter) { &mut latin } else { &mut other }) += 1;
        }
        latin > 0 && latin >= other
    }

    async fn embed(&self, texts: Vec<String>, urgency: Urgency) -> Result<Vec<Vec<f32>>, EmbedError> {
        if texts.is_empty() {
            return Ok(vec![]);
        }
        let model = self.model().await?;
        let tokenizer = model.clone();
        let encoded = self.run(urgency, move || tokenizer.encode(texts)).await?;
        let mut vectors = vec![vec![]; encoded.len()];
        // One batch a turn: whoever else waits comes in between.
        for batch in model::batches(encoded) {
            let model = model.clone();
            let places: Vec<usize> = batch.iter().map(|text: &Encoded| text.place).collect();
            let done = self.run(urgency, move || model.forward(&batch)).await?;
            for (place, vector) in places.into_iter().zip(done) {
                vectors[place] = vector;
            }
        }
        Ok(vectors)
    }
}

/// A letter of Latin with all its accents, of full width as well, or a digit.
fn is_latin(c: char) -> bool {
    c.is_ascii() || matches!(c, '\u{00AA}'..='\u{024F}' | '\u{1E00}'..='\u{1EFF}' | '\u{FF10}'..='\u{FF5A}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::DIMENSIONS;

    fn minilm() -> MiniLm {
        let folders = crate::config::Config::of_environment().expect("good settings").folders;
        MiniLm::new(Arc::new(move || Ok(crate::runtime::model_dir(&folders.cache_dir, &|_| {})?))).expect("a thread")
    }

    async fn embed(model: &MiniLm, texts: &[&str]) -> Vec<Vec<f32>> {
        model.embed(texts.iter().map(ToString::to_string).collect(), Urgency::Query).await.expect("embeds")
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[tokio::test]
    async fn like_meanings_lie_close_whatever_is_embedded_beside_them() {
        let model = minilm();
        let long = "the harbour at night ".repeat(500);
        let texts = ["We drink tea at four.", "Tea time is 4 pm.", "The engine needs a new gasket.", "", &long];
        let together = embed(&model, &texts).await;
        assert!(cosine(&together[0], &together[1]) > cosine(&together[0], &together[2]) + 0.2);
        for (text, vector) in texts.iter().zip(&together) {
            assert_eq!(vector.len(), DIMENSIONS);
            assert!((cosine(vector, vector) - 1.0).abs() < 1e-4, "unit length");
            let alone = embed(&model, &[text]).await;
            assert!(cosine(vector, &alone[0]) > 0.9999, "{text:.20}");
        }
        assert!(embed(&model, &[]).await.is_empty());
    }

    #[test]
    fn what_is_not_written_in_latin_letters_is_not_read() {
        let model = MiniLm::new(Arc::new(|| Err("it is not there".into()))).expect("a thread");
        for read in ["tea", "Tiếng Việt", "Straße 12", "E0382", "2024-01-01", "what means 東京"] {
            assert!(model.reads(read), "{read}");
        }
        for unread in ["東京", "Ёлка стоит", "كتاب", "🎉", "???", "ต้มยำ tea", "한국어", "Ω", ""] {
            assert!(!model.reads(unread), "{unread}");
        }
    }

    #[tokio::test]
    async fn a_missing_model_is_said_at_once() {
        let model = MiniLm::new(Arc::new(|| Err("it is not there".into()))).expect("a thread");
        for _ in 0..2 {
            let failed = model.embed(vec!["tea".into()], Urgency::Ingest).await;
            assert!(matches!(failed, Err(EmbedError::Unavailable(_))));
        }
    }
}
