//! A published model made small: its f32 weights become bytes or nibbles, in a file of our own form. Called when a model is first used and
//! by `brain models quantise`; takes seconds.
//!
//! A few numbers of an activation are many times larger than all others, and a row's scale follows the largest. So each input's weights
//! are multiplied by what its activations are divided by ("SmoothQuant", Xiao et al. 2023). How large activations get is seen by sending
//! words through the model in f32.
//!
//! Decision 2026-11-28: words drawn at random from the vocabulary, not texts. It is a property of the model which inputs are large, so
//! the result is as good (cosine to f32 .99901 against .99905 with four hundred texts), and no text of any language or licence needs to be kept.

use std::path::Path;

use super::{
    form::{End, Image, OpenError, Plan, Refused, Sealed, Weights, WriteError},
    kernels::Kernel,
    layers::{self, Text, Watch, Workspace},
    shape::{Precision, Shape},
    source::{Source, SourceError, WORDS},
};

/// Why a model could not be made small.
#[derive(Debug, thiserror::Error)]
pub enum QuantiseError {
    #[error("the model cannot be read")]
    Source(#[from] SourceError),
    #[error("the model cannot be kept")]
    Write(#[from] WriteError),
    #[error("the model that was made cannot be used, which is a bug")]
    Made(#[from] Refused),
    #[error("the model that was made cannot be opened again")]
    Open(#[from] OpenError),
}

/// How much of an activation's size is moved into the weights: all is 1.
const MOVED: f32 = 0.5;
/// Texts of random words that are sent through, and their lengths.
const TEXTS: usize = 96;
const LENGTHS: [usize; 6] = [4, 8, 16, 24, 48, 96];
/// Not 0, and of no other meaning.
const SEED: u64 = 0x5eed_0123_4567_89ab;

/// Reads a model's folder and puts the small file at `to`. Memory: the model in f32, and what is made of it.
pub fn quantise(folder: &Path, precision: Precision, to: &Path) -> Result<(), QuantiseError> {
    Ok(make(folder, precision, None)?.save(to)?)
}

/// The file in memory. `texts` are looked at in place of random words.
pub fn make(folder: &Path, precision: Precision, texts: Option<&[Vec<u32>]>) -> Result<Sealed, QuantiseError> {
    let source = Source::open(folder)?;
    let whole = image(&source, Precision::F32, &[])?;
    if precision == Precision::F32 {
        return Ok(whole.seal(source.hash));
    }
    let weights = Weights::of(whole.seal(source.hash).into_bytes())?;
    let random = random_texts(&source.shape);
    let largest = largest(&weights, texts.unwrap_or(&random));
    drop(weights);
    Ok(image(&source, precision, &largest)?.seal(source.hash))
}

/// All parts of a model in their places. `largest` are those of [`largest()`], of no use for f32.
fn image(source: &Source, precision: Precision, largest: &[[Vec<f32>; 4]]) -> Result<Image, SourceError> {
    let shape = source.shape;
    let mut image = Image::new(shape, precision);
    let plan = image.plan.clone();
    embeddings(source, &plan, &mut image)?;
    if let Some(end) = &plan.end {
        ending(source, end, shape.width, &mut image)?;
    }
    let (width, inner) = (shape.width, shape.inner);
    for (number, layer) in plan.layers.iter().enumerate() {
        let floats = |name: &str, shape: &[usize]| source.floats(&format!("encoder.layer.{number}.{name}"), shape);
        let linear = |name: &str, outputs: usize, inputs: usize| -> Result<_, SourceError> {
            Ok((floats(&format!("{name}.weight"), &[outputs, inputs])?, floats(&format!("{name}.bias"), &[outputs])?))
        };
        let mut attention = (vec![], vec![]);
        for part in ["query", "key", "value"] {
            let (weights, bias) = linear(&format!("attention.self.{part}"), width, width)?;
            attention.0.extend(weights);
            attention.1.extend(bias);
        }
        let rest =
            [("attention.output.dense", width, width), ("intermediate.dense", inner, width), ("output.dense", width, inner)];
        let mut made = vec![attention];
        for (name, outputs, inputs) in rest {
            made.push(linear(name, outputs, inputs)?);
        }
        for (which, (matrix, (weights, bias))) in layer.matrices().into_iter().zip(made).enumerate() {
            let factors = largest.get(number).map(|largest| factors(&weights, &largest[which])).unwrap_or_default();
            image.put_matrix(matrix, &weights, &bias, &factors);
        }
        for (name, norm) in [("attention.output", &layer.attention_norm), ("output", &layer.norm)] {
            image.put(&norm.gain, &floats(&format!("{name}.LayerNorm.weight"), &[width])?);
            image.put(&norm.shift, &floats(&format!("{name}.LayerNorm.bias"), &[width])?);
        }
    }
    Ok(image)
}

fn embeddings(source: &Source, plan: &Plan, image: &mut Image) -> Result<(), SourceError> {
    let shape = source.shape;
    let width = shape.width;
    let words = source.floats(WORDS, &[shape.words, width])?;
    for (row, word) in words.chunks_exact(width).enumerate() {
        image.put_row(&plan.words, row, word);
    }
    let positions = source.floats("embeddings.position_embeddings.weight", &[source.first_position + shape.positions, width])?;
    // BERT has two types of tokens, XLM-R has one; a single text is of the first.
    let name = "embeddings.token_type_embeddings.weight";
    let types = source.floats(name, &[2, width]).or_else(|_| source.floats(name, &[1, width]))?;
    for (row, position) in positions.chunks_exact(width).skip(source.first_position).enumerate() {
        let both: Vec<f32> = position.iter().zip(&types).map(|(position, of_type)| position + of_type).collect();
        image.put_row(&plan.positions, row, &both);
    }
    image.put(&plan.norm.gain, &source.floats("embeddings.LayerNorm.weight", &[width])?);
    image.put(&plan.norm.shift, &source.floats("embeddings.LayerNorm.bias", &[width])?);
    Ok(())
}

/// What scores pairs. BERT has a pooler before its classifier, XLM-R a classifier of two layers.
fn ending(source: &Source, end: &End, width: usize, image: &mut Image) -> Result<(), SourceError> {
    let types = "embeddings.token_type_embeddings.weight";
    let second: Vec<f32> = match source.floats(types, &[2, width]) {
        Ok(both) => both[width..].iter().zip(&both).map(|(second, first)| second - first).collect(),
        Err(_) => vec![0.0; width],
    };
    image.put(&end.second, &second);
    let is_bert = source.has("pooler.dense.weight");
    let outer = |name: &str, shape: &[usize]| source.outer_floats(&format!("classifier.{name}"), shape);
    let (dense, dense_bias) = match is_bert {
        true => (source.floats("pooler.dense.weight", &[width, width])?, source.floats("pooler.dense.bias", &[width])?),
        false => (outer("dense.weight", &[width, width])?, outer("dense.bias", &[width])?),
    };
    let score = if is_bert { "" } else { "out_proj." };
    image.put(&end.dense, &dense);
    image.put(&end.dense_bias, &dense_bias);
    image.put(&end.score, &outer(&format!("{score}weight"), &[1, width])?);
    image.put(&end.score_bias, &outer(&format!("{score}bias"), &[1])?);
    Ok(())
}

/// What each input's activations are multiplied with, so that neither they nor the weights have all of its size.
fn factors(weights: &[f32], largest: &[f32]) -> Vec<f32> {
    let mut of_weights = vec![0.0_f32; largest.len()];
    for row in weights.chunks_exact(largest.len()) {
        for (most, weight) in of_weights.iter_mut().zip(row) {
            *most = most.max(weight.abs());
        }
    }
    let factor = |(activation, weight): (&f32, &f32)| weight.max(1e-5).powf(1.0 - MOVED) / activation.max(1e-5).powf(MOVED);
    largest.iter().zip(&of_weights).map(factor).collect()
}

/// The largest that each input of each matrix of each layer has been.
fn largest(weights: &Weights, texts: &[Vec<u32>]) -> Vec<[Vec<f32>; 4]> {
    struct Seen(Vec<[Vec<f32>; 4]>);
    impl Watch for Seen {
        fn input(&mut self, layer: usize, which: usize, rows: &[f32]) {
            let largest = &mut self.0[layer][which];
            for row in rows.chunks_exact(largest.len()) {
                for (most, value) in largest.iter_mut().zip(row) {
                    *most = most.max(value.abs());
                }
            }
        }
    }
    let shape = weights.shape();
    let inputs = [shape.width, shape.width, shape.width, shape.inner].map(|inputs| vec![0.0; inputs]);
    let mut seen = Seen(vec![inputs; shape.layers]);
    let (ready, mut space) = (Kernel::best().ready(), Workspace::default());
    for text in texts {
        layers::forward(weights, &ready, &[Text::alone(text)], &mut space, &mut seen, |_| ());
    }
    seen.0
}

/// The same for every model of a shape. Texts begin and end as BERT's do as far as its numbers are known; others' words are as good.
fn random_texts(shape: &Shape) -> Vec<Vec<u32>> {
    let mut state = SEED;
    let mut word = || {
        // xorshift64: chance is of no importance here, only that it is the same again.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % shape.words as u64) as u32
    };
    let length = |text: usize| LENGTHS[text % LENGTHS.len()].min(shape.positions);
    (0..TEXTS).map(|text| (0..length(text)).map(|_| word()).collect()).collect()
}
