//! A text's way to its vector: text → tokens → the encoder. Blocks; called on blocking threads only.
//! Source: the model card of sentence-transformers/all-MiniLM-L6-v2.

use std::path::Path;

use bert::{
    Encoder,
    form::{VERSION, Weights},
    kernels::Kernel,
    quantise::make,
    shape::Precision,
};
use tokenizers::{Tokenizer, TruncationParams};

use super::{Cause, loader::Loaded};

/// Tokens of a text that count; the model was trained on no more.
const TOKENS_MAX: usize = 256;
/// Tokens of one turn: long enough to be quick, short enough to wait for (3 ms by the quickest kernel, 100 by the slowest).
const TURN_TOKENS_MAX: usize = 1_024;

pub struct Model {
    encoder: Encoder,
    tokenizer: Tokenizer,
}

impl Model {
    /// Errors: the folder lacks what a model needs, or is none that can be computed.
    pub fn load(folder: &Path, precision: Precision, kernel: Kernel) -> Result<Self, Cause> {
        let truncation = TruncationParams { max_length: TOKENS_MAX, ..TruncationParams::default() };
        Ok(Self { tokenizer: tokenizer(folder, truncation)?, encoder: open(folder, precision, kernel)? })
    }

    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    pub fn encode(&self, texts: Vec<String>) -> Result<Vec<Vec<u32>>, Cause> {
        let encode = |text: String| Ok(self.tokenizer.encode(text, true)?.get_ids().to_vec());
        texts.into_iter().map(encode).collect()
    }

    /// Shape: `[texts, DIMENSIONS]`, unit length. On this thread and at most so many others.
    pub fn forward(&self, texts: &[Vec<u32>], threads: usize) -> Result<Vec<Vec<f32>>, Cause> {
        Ok(self.encoder.embed(texts, threads)?)
    }
}

/// The folder's tokenizer, without padding: its file may ask for it, which would make every short text as dear as a long one.
pub fn tokenizer(folder: &Path, truncation: TruncationParams) -> Result<Tokenizer, Cause> {
    let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(Some(truncation))?;
    Ok(tokenizer)
}

/// Maps the folder's small model, which is made beside the published one when it is not there or is refused.
pub fn open(folder: &Path, precision: Precision, kernel: Kernel) -> Result<Encoder, Cause> {
    let small = folder.join(format!("encoder-v{VERSION}.{precision}"));
    Encoder::open(&small, kernel).or_else(|cause| {
        tracing::debug!(%cause, "the model is made small");
        made(folder, precision, &small, kernel)
    })
}

fn made(folder: &Path, precision: Precision, small: &Path, kernel: Kernel) -> Result<Encoder, Cause> {
    let made = make(folder, precision, None)?;
    match made.save(small) {
        Ok(()) => Ok(Encoder::open(small, kernel)?),
        Err(cause) => {
            tracing::warn!(%cause, file = %small.display(), "the small model cannot be kept, and is made again at every start");
            Ok(Encoder::new(Weights::of(made.into_bytes())?, kernel))
        }
    }
}

/// What the tokenizer takes, which cannot say so itself.
pub const TOKENIZER_BYTES: usize = 9 << 20;

impl Loaded for Model {
    const KIND: &'static str = "embedder";

    fn bytes(&self) -> usize {
        self.encoder.weights().bytes() + TOKENIZER_BYTES
    }
}

/// Texts in their order, as many together as one turn takes.
pub fn turns(texts: Vec<Vec<u32>>) -> Vec<Vec<Vec<u32>>> {
    let mut turns: Vec<Vec<Vec<u32>>> = vec![];
    let mut tokens = 0;
    for text in texts {
        tokens += text.len();
        match turns.last_mut() {
            Some(turn) if tokens <= TURN_TOKENS_MAX => turn.push(text),
            _ => {
                tokens = text.len();
                turns.push(vec![text]);
            }
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_keep_the_order_and_their_limit() {
        let texts: Vec<Vec<u32>> = [300, 3, 700, 600, 2, 256].iter().enumerate().map(|(n, len)| vec![n as u32; *len]).collect();
        let made = turns(texts.clone());
        assert!(made.iter().all(|turn| turn.iter().map(Vec::len).sum::<usize>() <= TURN_TOKENS_MAX));
        assert_eq!(made.concat(), texts);
    }
}
