//! Our own encoder for models of the BERT family: ragged batches, weights and activations in bytes, kernels chosen at run time.
//!
//! Takes token ids, gives vectors; blocks its thread. Tokenizing, threads' priorities and who waits for whom are the caller's.
//! A folder of a model is made into one small file by [`quantise`]; the file is mapped and used by [`Encoder`].

// The documentation is for those who work on the program: it is built with its private items.
#![allow(rustdoc::private_intra_doc_links)]

pub mod form;
pub mod kernels;
pub mod late;
mod layers;
pub mod quantise;
pub mod shape;
mod source;

use std::{
    ops::Range,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use self::{
    form::{OpenError, Weights},
    kernels::Kernel,
    layers::{Text, Workspace},
};

/// Tokens that go through the layers together: enough to use weights that were loaded, few enough to stay in a core's own cache.
const BATCH_TOKENS: usize = 192;

/// Why there are no vectors: the caller's texts are none of this model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("text {text} has {found} tokens, and may have 1 to {most}")]
    Length { text: usize, found: usize, most: usize },
    #[error("the model was not made to score pairs")]
    NoPairs,
    #[error("text {text} has the token {found}, and the model knows {words}")]
    Word { text: usize, found: u32, words: usize },
}

/// A model in memory; used by any number of threads.
pub struct Encoder {
    weights: Weights,
    kernel: Kernel,
    /// Those of threads that are not computing just now.
    spaces: Mutex<Vec<Workspace>>,
}

impl Encoder {
    /// Maps a file that [`quantise`] has made. Reads all of it once.
    pub fn open(path: &Path, kernel: Kernel) -> Result<Self, OpenError> {
        Ok(Self::new(Weights::open(path)?, kernel))
    }

    pub fn new(weights: Weights, kernel: Kernel) -> Self {
        Self { weights, kernel, spaces: Mutex::default() }
    }

    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Shape: `[texts, width]`, unit length, in the order of `texts`. Empty in, empty out. At most `threads` compute, this one among
    /// them; others are started for the call, with this one's priority.
    /// Errors: the first text that is empty, too long, or has an unknown token; nothing is computed then.
    pub fn embed<T: AsRef<[u32]>>(&self, texts: &[T], threads: usize) -> Result<Vec<Vec<f32>>, Misfit> {
        let shape = *self.weights.shape();
        self.run(alone(texts), threads, move |rows| layers::pool(rows, shape.width, shape.pooling))
    }

    /// What each token of each text has come to mean among the others, those at its ends included.
    /// Shape: a text has `[tokens, width]`, each row of unit length. Threads and errors are those of [`Self::embed`].
    pub fn tokens<T: AsRef<[u32]>>(&self, texts: &[T], threads: usize) -> Result<Vec<Vec<f32>>, Misfit> {
        let width = self.weights.shape().width;
        self.run(alone(texts), threads, move |rows| {
            let mut rows = rows.to_vec();
            rows.chunks_exact_mut(width).for_each(layers::to_unit);
            rows
        })
    }

    /// How well each pair fits: higher is better, on the model's own scale. A pair is its tokens, those at the ends and between the two
    /// included, and the place where the second text's begin. Threads and errors are those of [`Self::embed`], and `NoPairs`.
    pub fn score<T: AsRef<[u32]>>(&self, pairs: &[(T, usize)], threads: usize) -> Result<Vec<f32>, Misfit> {
        let ending = self.weights.ending().ok_or(Misfit::NoPairs)?;
        let texts = pairs.iter().map(|(tokens, second)| Text { tokens: tokens.as_ref(), second: *second }).collect();
        self.run(texts, threads, |rows| layers::score(rows, &ending))
    }

    fn run<V: Send>(&self, texts: Vec<Text<'_>>, threads: usize, take: impl Fn(&[f32]) -> V + Sync) -> Result<Vec<V>, Misfit> {
        self.check(&texts)?;
        let lengths: Vec<usize> = texts.iter().map(|text| text.tokens.len()).collect();
        // So many that no thread waits long for the last one.
        let most = BATCH_TOKENS.min(lengths.iter().sum::<usize>().div_ceil(threads.max(1)) + 32);
        let batches = batches(&lengths, most);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = vec![];
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((batch.start, self.forward(&texts[batch.clone()], &take)));
            }
            done
        };
        let mut done = thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(batches.len())).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            done.extend(others.into_iter().flat_map(|other| other.join().expect("a panic is passed on")));
            done
        });
        done.sort_unstable_by_key(|(first, _)| *first);
        Ok(done.into_iter().flat_map(|(_, taken)| taken).collect())
    }

    fn check(&self, texts: &[Text<'_>]) -> Result<(), Misfit> {
        let shape = self.weights.shape();
        for (text, Text { tokens, .. }) in texts.iter().enumerate() {
            if tokens.is_empty() || tokens.len() > shape.positions {
                return Err(Misfit::Length { text, found: tokens.len(), most: shape.positions });
            }
            if let Some(found) = tokens.iter().copied().find(|token| *token as usize >= shape.words) {
                return Err(Misfit::Word { text, found, words: shape.words });
            }
        }
        Ok(())
    }

    fn forward<V>(&self, texts: &[Text<'_>], take: impl Fn(&[f32]) -> V) -> Vec<V> {
        let mut space = self.spaces().pop().unwrap_or_default();
        let taken = layers::forward(&self.weights, &self.kernel.ready(), texts, &mut space, &mut (), take);
        self.spaces().push(space);
        taken
    }

    fn spaces(&self) -> std::sync::MutexGuard<'_, Vec<Workspace>> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn alone<T: AsRef<[u32]>>(texts: &[T]) -> Vec<Text<'_>> {
    texts.iter().map(|text| Text::alone(text.as_ref())).collect()
}

/// Texts one after the other, as many together as have `most` tokens; a longer one goes alone.
fn batches(lengths: &[usize], most: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = vec![];
    let mut tokens = 0;
    for (text, length) in lengths.iter().enumerate() {
        tokens += length;
        match batches.last_mut() {
            Some(batch) if tokens <= most => batch.end = text + 1,
            _ => {
                tokens = *length;
                batches.push(text..text + 1);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests;
