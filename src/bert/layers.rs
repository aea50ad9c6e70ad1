//! The forward pass of a ragged batch: all tokens of all texts one after the other, nothing padded. Pure but for the kernels; called by
//! [`super::Encoder`] and by the maker of small models.

use std::ops::Range;

use super::{
    form::{Ending, Linear, Products, Weights},
    kernels::{
        COLUMNS, ROWS_MAX, Ready, Sums,
        bytes::Aligned,
        floats::{self, After, Heads, Outcome, Step},
    },
    shape::Pooling,
};

/// Token ids, and the place where those of a pair's second text begin.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    pub tokens: &'a [u32],
    pub second: usize,
}

impl<'a> Text<'a> {
    /// One that is no pair.
    pub fn alone(tokens: &'a [u32]) -> Self {
        Self { tokens, second: tokens.len() }
    }
}

/// Memory of one thread, kept between batches.
pub struct Workspace {
    /// `[tokens, width]`: what the layers change.
    hidden: Vec<f32>,
    /// `[tokens, 3 width]` in attention, `[tokens, inner]` after it.
    wide: Vec<f32>,
    context: Vec<f32>,
    scratch: Vec<f32>,
    bytes: Aligned,
    steps: Vec<Step>,
    sums: Box<Sums>,
    float_sums: Box<[f32; ROWS_MAX * COLUMNS]>,
}

impl Default for Workspace {
    fn default() -> Self {
        let (sums, float_sums) = (Box::new([0; ROWS_MAX * COLUMNS]), Box::new([0.0; ROWS_MAX * COLUMNS]));
        let bytes = Aligned::zeroed(0);
        Self { hidden: vec![], wide: vec![], context: vec![], scratch: vec![], bytes, steps: vec![], sums, float_sums }
    }
}

/// Who wants to see what goes into each linear layer.
pub trait Watch {
    /// `rows` `[tokens, inputs]` of the matrix `which` of a layer.
    fn input(&mut self, layer: usize, which: usize, rows: &[f32]);
}

/// Nobody.
impl Watch for () {
    fn input(&mut self, _layer: usize, _which: usize, _rows: &[f32]) {}
}

/// What `take` makes of the rows `[tokens, width]` of each text, in the order of `texts`.
///
/// Texts have 1 to `positions` tokens, each below `words`; [`super::Encoder`] has checked it.
pub fn forward<T>(
    weights: &Weights,
    ready: &Ready,
    texts: &[Text<'_>],
    space: &mut Workspace,
    watch: &mut impl Watch,
    take: impl Fn(&[f32]) -> T,
) -> Vec<T> {
    let shape = *weights.shape();
    let tokens: usize = texts.iter().map(|text| text.tokens.len()).sum();
    let (kernel, width) = (ready.kernel(), shape.width);
    space.make_room(weights, texts, tokens);
    let Workspace { hidden, wide, context, scratch, .. } = &mut *space;
    let mut hidden = std::mem::take(hidden);
    let mut wide = std::mem::take(wide);
    let mut context = std::mem::take(context);
    let mut scratch = std::mem::take(scratch);
    begin(weights, ready, texts, &mut hidden);
    let heads = Heads { count: shape.heads, width: width / shape.heads };
    for layer in 0..shape.layers {
        let [attention_norm, norm] = weights.norms(layer);
        let mut linear = |which, rows: &[f32], to: &mut [f32], after| {
            watch.input(layer, which, rows);
            apply(&weights.linear(layer, which), ready, rows, to, after, space);
        };
        linear(0, &hidden, &mut wide[..tokens * 3 * width], After::Nothing);
        for text in places(texts) {
            let rows = &wide[text.start * 3 * width..text.end * 3 * width];
            floats::attend(kernel, rows, heads, &mut context[text.start * width..text.end * width], &mut scratch);
        }
        linear(1, &context, &mut hidden, After::Add);
        floats::normalise(kernel, &mut hidden, attention_norm.0, attention_norm.1, shape.epsilon);
        linear(2, &hidden, &mut wide[..tokens * shape.inner], After::Gelu);
        linear(3, &wide[..tokens * shape.inner], &mut hidden, After::Add);
        floats::normalise(kernel, &mut hidden, norm.0, norm.1, shape.epsilon);
    }
    let taken = places(texts).map(|text| take(&hidden[text.start * width..text.end * width])).collect();
    (space.hidden, space.wide, space.context, space.scratch) = (hidden, wide, context, scratch);
    taken
}

/// Which rows are whose.
fn places(texts: &[Text<'_>]) -> impl Iterator<Item = Range<usize>> {
    texts.iter().scan(0, |end, text| {
        let from = *end;
        *end += text.tokens.len();
        Some(from..*end)
    })
}

fn begin(weights: &Weights, ready: &Ready, texts: &[Text<'_>], hidden: &mut [f32]) {
    let shape = weights.shape();
    let second = weights.ending().map(|ending| ending.second);
    let places = texts.iter().flat_map(|text| (0..text.tokens.len()).map(move |place| (text, place)));
    for ((text, place), row) in places.zip(hidden.chunks_exact_mut(shape.width)) {
        weights.embed(text.tokens[place] as usize, place, row);
        if let Some(second) = second.filter(|_| place >= text.second) {
            row.iter_mut().zip(second).for_each(|(value, beside)| *value += beside);
        }
    }
    let (gain, shift) = weights.norm();
    floats::normalise(ready.kernel(), hidden, gain, shift, shape.epsilon);
}

/// One linear layer: `rows` `[tokens, inputs]` to `to` `[tokens, outputs]`.
fn apply(linear: &Linear<'_>, ready: &Ready, rows: &[f32], to: &mut [f32], after: After, space: &mut Workspace) {
    let (kernel, tokens) = (ready.kernel(), rows.len() / linear.inputs);
    let inner = linear.inputs_padded;
    if let Products::Bytes { factors, .. } = linear.products {
        floats::quantise(kernel, rows, factors, inner, space.bytes.as_mut_slice(), &mut space.steps[..tokens]);
    }
    // A block's weights stay near while all rows pass by.
    for column in (0..linear.outputs).step_by(COLUMNS) {
        let columns = column..(column + COLUMNS).min(linear.outputs);
        for row in (0..tokens).step_by(ready.rows_best()) {
            let count = ready.rows_best().min(tokens - row);
            let bias = &linear.bias[columns.clone()];
            let outcome = &mut Outcome { to: &mut to[row * linear.outputs + column..], stride: linear.outputs, bias, after };
            match &linear.products {
                Products::Bytes { numbers, scales, sums, .. } => {
                    let numbers = &numbers[column * inner..(column + COLUMNS) * inner];
                    ready.accumulate(numbers, &space.bytes.as_slice()[row * inner..], inner, count, &mut space.sums);
                    let steps = &space.steps[row..row + count];
                    floats::after_bytes(kernel, &space.sums, steps, &scales[column..], &sums[column..], outcome);
                }
                Products::Floats(numbers) => {
                    let numbers = &numbers[column * linear.inputs..(column + COLUMNS) * linear.inputs];
                    let rows = &rows[row * linear.inputs..(row + count) * linear.inputs];
                    floats::multiply(kernel, numbers, rows, linear.inputs, &mut space.float_sums);
                    floats::after_floats(kernel, &space.float_sums, count, outcome);
                }
            }
        }
    }
}

/// A text's rows as one vector of unit length.
pub fn pool(rows: &[f32], width: usize, pooling: Pooling) -> Vec<f32> {
    let mut vector = rows[..width].to_vec();
    if pooling == Pooling::Mean {
        for row in rows.chunks_exact(width).skip(1) {
            for (sum, value) in vector.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
    to_unit(&mut vector);
    vector
}

/// How well a pair fits, of its rows: a number of the model's own scale, higher for better.
pub fn score(rows: &[f32], ending: &Ending<'_>) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let width = ending.score.len();
    let pooled: Vec<f32> = ending
        .dense
        .chunks_exact(width)
        .zip(ending.dense_bias)
        .map(|(weights, bias)| (dot(weights, &rows[..width]) + bias).tanh())
        .collect();
    dot(&pooled, ending.score) + ending.score_bias
}

/// Brings a vector to the length 1.
pub fn to_unit(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
}

impl Workspace {
    fn make_room(&mut self, weights: &Weights, texts: &[Text<'_>], tokens: usize) {
        let shape = weights.shape();
        let longest = texts.iter().map(|text| text.tokens.len()).max().unwrap_or_default();
        let heads = Heads { count: shape.heads, width: shape.width / shape.heads };
        self.hidden.resize(tokens * shape.width, 0.0);
        self.context.resize(tokens * shape.width, 0.0);
        self.wide.resize(tokens * (3 * shape.width).max(shape.inner), 0.0);
        self.scratch.resize(floats::scratch_len(heads, longest), 0.0);
        self.steps.resize(tokens, Step::default());
        let inner = (0..4).map(|which| weights.linear(0, which).inputs_padded).max().unwrap_or_default();
        // A tile reads 16 rows, whatever the texts have.
        let bytes = tokens.next_multiple_of(16) * inner;
        if self.bytes.as_slice().len() < bytes {
            self.bytes = Aligned::zeroed(bytes);
        }
    }
}
