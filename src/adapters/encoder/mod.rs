//! all-MiniLM-L6-v2 by our own encoder, in this process. Implements [`Embedder`]; built by wiring, which knows where the files are.
//! Never talks to the network, and never holds the model in f32 but while it is made small.
//!
//! - [`model`]: the encoder, a package of its own, with its tokenizer, as files of a folder.
//! - [`interact`]: the same model, token by token. [`cross`]: one that reads two texts together.
//! - [`loader`]: one loading for all who ask, and none kept that nobody needs.
//! - [`worker`]: threads of their own, for those who wait and for texts that come in.
//!
//! Decision 2026-11-28: our own encoder in place of candle, whose f32 took 10 ms for a question of 16 tokens and a second of processor for
//! 24 texts of a conversation when it was measured; `cargo bench --bench encoder` compares both in one run.

mod cross;
mod interact;
pub mod loader;
pub mod model;
mod worker;

use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use bert::{kernels::Kernel, shape::Precision};

pub use self::cross::CrossEncoder;
use self::{
    loader::Loader,
    model::Model,
    worker::{Pace, Worker},
};
use crate::ports::{EmbedError, Embedder, TokenMatch, Urgency};

/// How long a question waits for a model that is being loaded: longer than loading takes, shorter than fetching.
const PATIENCE: Duration = Duration::from_secs(2);

/// The cosine below which the model finds nobody.
///
/// Decision 2026-11-27: measured on the 1,383 sections of a program's manual. Of 20 questions about it the tenth best section had 0.24
/// to 0.61; of 18 queries without an answer the tenth best had 0.10 to 0.28, and half of all had less than 0.15.
const FLOOR: f32 = 0.2;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Finds the folder with `config.json`, `tokenizer.json` and `model.safetensors`; may fetch it, so it may take long.
pub type Folder = Arc<dyn Fn() -> Result<PathBuf, Cause> + Send + Sync>;

/// How the model is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Computing {
    pub precision: Precision,
    pub kernel: Kernel,
}

impl Default for Computing {
    fn default() -> Self {
        Self { precision: Precision::Int8, kernel: Kernel::best() }
    }
}

/// The model, once it is needed.
pub struct MiniLm {
    model: Loader<Model>,
    computing: Computing,
    questions: Worker,
    /// Questions wait for nothing that takes longer.
    reranking: Worker,
    /// Texts that come in, one turn at a time: the rest of the machine is for those who wait.
    ingest: Worker,
    ingest_threads: usize,
}

impl MiniLm {
    /// As it stands in subjects and rows.
    pub const NAME: &str = "minilm-l6-v2";

    /// Errors: when there can be no further thread.
    pub fn new(folder: Folder, computing: Computing) -> std::io::Result<Self> {
        let load = move || Model::load(&folder()?, computing.precision, computing.kernel);
        Ok(Self {
            model: Loader::new(Arc::new(load)),
            computing,
            questions: Worker::start("questions", Pace::Foreground)?,
            reranking: Worker::start("reranking", Pace::Foreground)?,
            ingest: Worker::start("ingest", Pace::Background)?,
            // Half of the machine at most, however much there is to embed.
            ingest_threads: thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2)),
        })
    }

    /// Until told to stop: lets the model go when nobody has needed it for so long.
    pub async fn unload_idle(&self, idle: Duration, stop: CancellationToken) {
        self.model.unload_idle(idle, stop).await;
    }

    async fn ask(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let model = self.model.get(Some(PATIENCE)).await.map_err(EmbedError::Unavailable)?;
        let work = move || model.forward(&model.encode(texts)?, 1);
        done(self.questions.run(work).await)
    }

    async fn take_in(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let model = self.model.get(None).await.map_err(EmbedError::Unavailable)?;
        let (tokenizer, threads) = (model.clone(), self.ingest_threads);
        let encoded = done(self.ingest.run(move || tokenizer.encode(texts)).await)?;
        let mut vectors = Vec::with_capacity(encoded.len());
        // One turn, and whoever else waits comes in between.
        for turn in model::turns(encoded) {
            let model = model.clone();
            vectors.extend(done(self.ingest.run(move || model.forward(&turn, threads)).await)?);
        }
        Ok(vectors)
    }
}

fn done<T>(done: Option<Result<T, Cause>>) -> Result<T, EmbedError> {
    done.unwrap_or_else(|| Err("the model panicked".into())).map_err(EmbedError::Model)
}

#[async_trait]
impl Embedder for MiniLm {
    fn model(&self) -> &'static str {
        Self::NAME
    }

    fn recipe(&self) -> &'static str {
        match self.computing.precision {
            Precision::F32 => "content, 256 tokens, mean, l2, f32",
            Precision::Int8 => "content, 256 tokens, mean, l2, int8 v1",
            Precision::Int4 => "content, 256 tokens, mean, l2, int4 v1",
        }
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
        match urgency {
            _ if texts.is_empty() => Ok(vec![]),
            Urgency::Query => self.ask(texts).await,
            Urgency::Ingest => self.take_in(texts).await,
        }
    }

    async fn interact(&self, question: &str, texts: Vec<String>) -> Result<Vec<TokenMatch>, EmbedError> {
        let model = self.model.get(Some(PATIENCE)).await.map_err(EmbedError::Unavailable)?;
        let (question, threads) = (question.to_owned(), self.ingest_threads);
        done(self.reranking.run(move || interact::interact(&model, &question, texts, threads)).await)
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
        let folder = move || Ok(crate::runtime::model_dir(&folders.cache_dir, &|_| {})?);
        MiniLm::new(Arc::new(folder), Computing::default()).expect("a thread")
    }

    fn missing() -> MiniLm {
        MiniLm::new(Arc::new(|| Err("it is not there".into())), Computing::default()).expect("a thread")
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
        // Whoever takes texts in waits until the model is fetched and made small; who asks does not.
        model.embed(vec!["tea".into()], Urgency::Ingest).await.expect("embeds");
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
        let model = missing();
        for read in ["tea", "Tiếng Việt", "Straße 12", "E0382", "2024-01-01", "what means 東京"] {
            assert!(model.reads(read), "{read}");
        }
        for unread in ["東京", "Ёлка стоит", "كتاب", "🎉", "???", "ต้มยำ tea", "한국어", "Ω", ""] {
            assert!(!model.reads(unread), "{unread}");
        }
    }

    #[tokio::test]
    async fn a_missing_model_is_said_at_once() {
        let model = missing();
        for _ in 0..2 {
            let failed = model.embed(vec!["tea".into()], Urgency::Ingest).await;
            assert!(matches!(failed, Err(EmbedError::Unavailable(_))));
        }
    }
}
