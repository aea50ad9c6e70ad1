//! The forward pass: text → tokens → BERT → masked mean → unit length. Blocks; called on blocking threads only.
//! Source: the model card of sentence-transformers/all-MiniLM-L6-v2.

use std::{fs, path::Path};

use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::{Tokenizer, TruncationParams};

use super::Cause;

/// Tokens of a text that count; the model was trained on no more.
const TOKENS_MAX: usize = 256;
/// Size of one forward pass, padding included: large enough to keep the cores busy, short enough to wait for.
const BATCH_TEXTS_MAX: usize = 16;
const BATCH_TOKENS_MAX: usize = 1_024;

/// A text as token ids, and its place among the texts that came with it.
pub struct Encoded {
    pub place: usize,
    ids: Vec<u32>,
}

pub struct Model {
    bert: BertModel,
    tokenizer: Tokenizer,
}

impl Model {
    pub fn load(folder: &Path) -> Result<Self, Cause> {
        let config: Config = serde_json::from_slice(&fs::read(folder.join("config.json"))?)?;
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))?;
        // The file asks for padding to 128 tokens, which would make every short text as dear as a long one.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(Some(TruncationParams { max_length: TOKENS_MAX, ..TruncationParams::default() }))?;
        let weights = fs::read(folder.join("model.safetensors"))?;
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        Ok(Self { bert: BertModel::load(weights, &config)?, tokenizer })
    }

    pub fn encode(&self, texts: Vec<String>) -> Result<Vec<Encoded>, Cause> {
        let encode = |(place, text): (usize, String)| {
            let encoding = self.tokenizer.encode(text, true)?;
            Ok(Encoded { place, ids: encoding.get_ids().to_vec() })
        };
        texts.into_iter().enumerate().map(encode).collect()
    }

    /// Shape: `[texts, DIMENSIONS]`, unit length.
    pub fn forward(&self, texts: &[Encoded]) -> Result<Vec<Vec<f32>>, Cause> {
        let width = texts.iter().map(|text| text.ids.len()).max().unwrap_or_default();
        let padded = |value: &dyn Fn(&Encoded, usize) -> u32| -> Result<Tensor, Cause> {
            let numbers: Vec<u32> = texts
                .iter()
                .flat_map(|text| (0..width).map(move |column| (text, column)))
                .map(|(text, column)| value(text, column))
                .collect();
            Ok(Tensor::from_vec(numbers, (texts.len(), width), &Device::Cpu)?)
        };
        let ids = padded(&|text, column| text.ids.get(column).copied().unwrap_or_default())?;
        let mask = padded(&|text, column| u32::from(column < text.ids.len()))?;
        let hidden = self.bert.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let mean = hidden.broadcast_mul(&mask)?.sum(1)?.broadcast_div(&mask.sum(1)?)?;
        let unit = mean.broadcast_div(&mean.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)?;
        Ok(unit.to_vec2()?)
    }
}

/// Texts of like length together, so that little is padded.
pub fn batches(mut texts: Vec<Encoded>) -> Vec<Vec<Encoded>> {
    texts.sort_by_key(|text| text.ids.len());
    let mut batches: Vec<Vec<Encoded>> = Vec::new();
    for text in texts {
        match batches.last_mut() {
            // The newest text is the longest, so it sets the width.
            Some(batch) if batch.len() < BATCH_TEXTS_MAX && (batch.len() + 1) * text.ids.len() <= BATCH_TOKENS_MAX => {
                batch.push(text)
            }
            _ => batches.push(vec![text]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_like_lengths_within_their_limits() {
        let lengths = [300, 3, 200, 4, 90, 5, 256, 1];
        let texts = lengths.iter().chain([2; 40].iter()).enumerate();
        let texts: Vec<Encoded> = texts.map(|(place, length)| Encoded { place, ids: vec![1; *length] }).collect();
        let made = batches(texts);
        assert_eq!(made.iter().map(Vec::len).sum::<usize>(), 48);
        for batch in &made {
            let width = batch.iter().map(|text| text.ids.len()).max().unwrap();
            assert!(batch.len() <= BATCH_TEXTS_MAX && (batch.len() == 1 || batch.len() * width <= BATCH_TOKENS_MAX));
        }
    }
}
