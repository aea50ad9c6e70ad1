//! Late interaction with the model that embeds: each token of a question against those of each text. Blocks; called on blocking threads only.

use super::{Cause, model::Model};
use crate::ports::TokenMatch;

/// Compares a question with each text, on this thread and at most so many others.
pub fn interact(model: &Model, question: &str, texts: Vec<String>, threads: usize) -> Result<Vec<TokenMatch>, Cause> {
    let encoded = model.encode([question.to_owned()].into_iter().chain(texts).collect())?;
    let rows = model.encoder().tokens(&encoded, threads)?;
    let (question, texts) = encoded.split_first().expect("the question is the first");
    let width = model.encoder().weights().shape().width;
    // The first and the last are signs of the model's own.
    let asked = &question[1.min(question.len())..question.len().saturating_sub(1).max(1.min(question.len()))];
    let one = |(text, of_text): (&Vec<u32>, &Vec<f32>)| TokenMatch {
        nearest: bert::late::nearest(&rows[0], of_text, width),
        holds: asked.iter().map(|token| text.contains(token)).collect(),
    };
    Ok(texts.iter().zip(&rows[1..]).map(one).collect())
}
