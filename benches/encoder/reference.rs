//! all-MiniLM-L6-v2 in f32 on candle: what our encoder is held against. Padded batches, as everybody computes it.
//! Source: the model card of sentence-transformers/all-MiniLM-L6-v2.

use std::{fs, path::Path};

use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::{Tokenizer, TruncationParams};

const TOKENS_MAX: usize = 256;

pub struct Candle {
    model: BertModel,
    tokenizer: Tokenizer,
}

impl Candle {
    pub fn load(folder: &Path) -> anyhow::Result<Self> {
        let config: Config = serde_json::from_slice(&fs::read(folder.join("config.json"))?)?;
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).map_err(anyhow::Error::from_boxed)?;
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: TOKENS_MAX, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(anyhow::Error::from_boxed)?;
        let weights = fs::read(folder.join("model.safetensors"))?;
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        Ok(Self { model: BertModel::load(weights, &config)?, tokenizer })
    }

    pub fn tokens(&self, texts: &[String]) -> anyhow::Result<Vec<Vec<u32>>> {
        let of =
            |text: &String| Ok(self.tokenizer.encode(text.as_str(), true).map_err(anyhow::Error::from_boxed)?.get_ids().to_vec());
        texts.iter().map(of).collect()
    }

    /// Shape: `[texts, 384]`, unit length.
    pub fn embed(&self, texts: &[Vec<u32>]) -> anyhow::Result<Vec<Vec<f32>>> {
        let width = texts.iter().map(Vec::len).max().unwrap_or_default();
        let padded = |value: &dyn Fn(&[u32], usize) -> u32| -> anyhow::Result<Tensor> {
            let numbers: Vec<u32> = texts.iter().flat_map(|text| (0..width).map(move |column| value(text, column))).collect();
            Ok(Tensor::from_vec(numbers, (texts.len(), width), &Device::Cpu)?)
        };
        let ids = padded(&|text, column| text.get(column).copied().unwrap_or_default())?;
        let mask = padded(&|text, column| u32::from(column < text.len()))?;
        let hidden = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let mean = hidden.broadcast_mul(&mask)?.sum(1)?.broadcast_div(&mask.sum(1)?)?;
        let unit = mean.broadcast_div(&mean.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)?;
        Ok(unit.to_vec2()?)
    }
}

/// All texts, some at a time.
pub fn all(
    texts: &[Vec<u32>],
    mut embed: impl FnMut(&[Vec<u32>]) -> anyhow::Result<Vec<Vec<f32>>>,
) -> anyhow::Result<Vec<Vec<f32>>> {
    let mut vectors = vec![];
    for batch in texts.chunks(super::BATCH) {
        vectors.extend(embed(batch)?);
    }
    Ok(vectors)
}

/// Of vectors of unit length.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
