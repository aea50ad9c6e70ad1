//! Our own encoder for models of the BERT family: ragged batches, weights and activations in bytes, kernels chosen at run time.
//!
//! Takes token ids, gives vectors; blocks its thread. Tokenizing, threads' priorities and who waits for whom are the caller's.
//! A folder of a model is made into one small file by [`quantise`]; the file is mapped and used by [`Encoder`].

pub mod form;
pub mod kernels;
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
    layers::Workspace,
};

/// Tokens that go through the layers together: enough to use weights that were loaded, few enough to stay in a core's own cache.
const BATCH_TOKENS: usize = 192;

/// Why there are no vectors: the caller's texts are none of this model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("text {text} has {found} tokens, and may have 1 to {most}")]
    Length { text: usize, found: usize, most: usize },
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
        let texts: Vec<&[u32]> = texts.iter().map(AsRef::as_ref).collect();
        self.check(&texts)?;
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        // So many that no thread waits long for the last one.
        let most = BATCH_TOKENS.min(lengths.iter().sum::<usize>().div_ceil(threads.max(1)) + 32);
        let batches = batches(&lengths, most);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = vec![];
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((batch.start, self.forward(&texts[batch.clone()])));
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
        Ok(done.into_iter().flat_map(|(_, vectors)| vectors).collect())
    }

    fn check(&self, texts: &[&[u32]]) -> Result<(), Misfit> {
        let shape = self.weights.shape();
        for (text, tokens) in texts.iter().enumerate() {
            if tokens.is_empty() || tokens.len() > shape.positions {
                return Err(Misfit::Length { text, found: tokens.len(), most: shape.positions });
            }
            if let Some(found) = tokens.iter().copied().find(|token| *token as usize >= shape.words) {
                return Err(Misfit::Word { text, found, words: shape.words });
            }
        }
        Ok(())
    }

    fn forward(&self, texts: &[&[u32]]) -> Vec<Vec<f32>> {
        let mut space = self.spaces().pop().unwrap_or_default();
        let vectors = layers::forward(&self.weights, &self.kernel.ready(), texts, &mut space, &mut ());
        self.spaces().push(space);
        vectors
    }

    fn spaces(&self) -> std::sync::MutexGuard<'_, Vec<Workspace>> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
