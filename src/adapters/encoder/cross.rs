//! A cross-encoder from a folder of the operator's: reads a question together with each text. Implements [`Reranker`]; built by wiring.
//! Loaded when it is first asked, like the model that embeds, and it has a thread of its own: it takes longer.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use bert::Encoder;
use tokenizers::{Encoding, Tokenizer, TruncationParams, TruncationStrategy};
use tokio_util::sync::CancellationToken;

use super::{
    Cause, Computing, PATIENCE, done,
    loader::{Loaded, Loader},
    model::{TOKENIZER_BYTES, open, tokenizer},
    worker::{Pace, Worker},
};
use crate::ports::{EmbedError, Reranker};

/// Tokens of a pair that count.
const TOKENS_MAX: usize = 512;

/// The model, once it is needed.
pub struct CrossEncoder {
    model: Loader<Pairs>,
    worker: Worker,
}

struct Pairs {
    encoder: Encoder,
    tokenizer: Tokenizer,
}

impl Loaded for Pairs {
    const KIND: &'static str = "reranker";

    fn bytes(&self) -> usize {
        self.encoder.weights().bytes() + TOKENIZER_BYTES
    }
}

impl CrossEncoder {
    /// Errors: when there can be no further thread.
    pub fn new(folder: PathBuf, computing: Computing) -> std::io::Result<Self> {
        let load = move || Pairs::load(&folder, computing);
        Ok(Self { model: Loader::new(Arc::new(load)), worker: Worker::start("reranking", Pace::Foreground)? })
    }

    /// Until told to stop: lets the model go when nobody has needed it for so long.
    pub async fn unload_idle(&self, idle: Duration, stop: CancellationToken) {
        self.model.unload_idle(idle, stop).await;
    }
}

impl Pairs {
    fn load(folder: &std::path::Path, Computing { precision, kernel }: Computing) -> Result<Self, Cause> {
        let encoder = open(folder, precision, kernel)?;
        let shape = encoder.weights().shape();
        if !shape.scores_pairs {
            return Err(
                format!("{} is no cross-encoder: its config.json names no …ForSequenceClassification", folder.display()).into()
            );
        }
        let max_length = TOKENS_MAX.min(shape.positions);
        // The question is short and whole.
        let truncation = TruncationParams { max_length, strategy: TruncationStrategy::OnlySecond, ..TruncationParams::default() };
        Ok(Self { tokenizer: tokenizer(folder, truncation)?, encoder })
    }

    fn score(&self, question: &str, texts: Vec<String>) -> Result<Vec<f32>, Cause> {
        let pair = |text: String| {
            let encoding = self.tokenizer.encode((question, text), true)?;
            Ok((encoding.get_ids().to_vec(), second(&encoding)))
        };
        let pairs = texts.into_iter().map(pair).collect::<Result<Vec<_>, Cause>>()?;
        Ok(self.encoder.score(&pairs, 1)?)
    }
}

/// Where the second text's tokens begin, by the types that the tokenizer gives them; nowhere for models that know one type only.
fn second(encoding: &Encoding) -> usize {
    encoding.get_type_ids().iter().position(|of_type| *of_type == 1).unwrap_or(encoding.len())
}

#[async_trait]
impl Reranker for CrossEncoder {
    async fn score(&self, question: &str, texts: Vec<String>) -> Result<Vec<f32>, EmbedError> {
        let model = self.model.get(Some(PATIENCE)).await.map_err(EmbedError::Unavailable)?;
        let question = question.to_owned();
        done(self.worker.run(move || model.score(&question, texts)).await)
    }
}
