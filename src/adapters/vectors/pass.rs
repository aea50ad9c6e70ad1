//! One pass over the rows of a space for several questions at once: codes first, then the vectors themselves of whatever may be among the best.
//!
//! A chunk of codes that is in the processor's cache serves all questions before the next one is fetched.

use super::{
    chunk::{Chunk, ROWS},
    kernels::Kernel,
    question::Question,
    rows::Rows,
};
use crate::{domain::ids::MemoryId, ports::Neighbour};

/// Rows of which the greatest bound is remembered.
const BLOCK: usize = 32;
/// Vectors that are looked at for one question beside those asked for, where the codes cannot tell more apart than that.
const LOOKS_MAX: usize = 100_000;

/// What is asked of the rows of a space.
pub struct Ask {
    pub question: Question,
    /// Only these, if given.
    pub among: Option<std::sync::Arc<[MemoryId]>>,
    /// At least 1.
    pub limit: usize,
}

/// What a pass writes on; kept between passes.
#[derive(Default)]
pub struct Scratch {
    /// One per ask: the bounds of all rows, and the greatest of each block.
    bounds: Vec<(Vec<f32>, Vec<f32>)>,
}

/// The answers in the order of the asks, each best first.
pub fn answer(kernel: Kernel, rows: &Rows, asks: &[Ask], scratch: &mut Scratch) -> Vec<Vec<Neighbour>> {
    scratch.bounds.resize_with(scratch.bounds.len().max(asks.len()), Default::default);
    let mut finders: Vec<Finder> = asks.iter().map(|ask| Finder::new(kernel, rows, ask)).collect();
    // Whoever names the rows, or wants most of them, needs no bounds.
    let is_direct = |ask: &Ask| ask.among.is_some() || ask.limit * 4 >= rows.len();
    for (bounds, maxima) in &mut scratch.bounds {
        bounds.clear();
        maxima.clear();
    }
    for chunk in &rows.chunks {
        for ((ask, finder), (bounds, maxima)) in asks.iter().zip(&mut finders).zip(&mut scratch.bounds) {
            if !is_direct(ask) {
                finder.bound(chunk, bounds, maxima);
            }
        }
    }
    for ((ask, finder), (bounds, maxima)) in asks.iter().zip(&mut finders).zip(&mut scratch.bounds) {
        match &ask.among {
            Some(ids) => ids.iter().filter_map(|id| rows.place(*id)).for_each(|place| finder.look(place)),
            None if is_direct(ask) => (0..rows.len()).for_each(|place| finder.look(place)),
            None => finder.find(bounds, maxima),
        }
    }
    finders.into_iter().map(Finder::best).collect()
}

/// The best of one question so far.
struct Finder<'a> {
    kernel: Kernel,
    rows: &'a Rows,
    ask: &'a Ask,
    found: Vec<(f32, usize)>,
    /// Whoever has less is not among the best.
    least: f32,
    looks: usize,
}

impl<'a> Finder<'a> {
    fn new(kernel: Kernel, rows: &'a Rows, ask: &'a Ask) -> Self {
        Self { kernel, rows, ask, found: vec![], least: f32::NEG_INFINITY, looks: 0 }
    }

    /// The bounds of a chunk's rows; of one without codes the cosines themselves.
    fn bound(&mut self, chunk: &Chunk, bounds: &mut Vec<f32>, maxima: &mut Vec<f32>) {
        let start = bounds.len();
        bounds.resize(start + ROWS, f32::NEG_INFINITY);
        let out = &mut bounds[start..];
        match chunk.coded() {
            Some((coded, centre)) => {
                let offset: f32 = self.ask.question.vector.iter().zip(centre).map(|(a, b)| a * b).sum();
                self.kernel.bounds(coded, &self.ask.question, self.ask.question.line(offset), out);
            }
            None => (0..chunk.ids.len()).for_each(|place| out[place] = self.cosine(chunk, place)),
        }
        maxima.extend(out.chunks_exact(BLOCK).map(|block| block.iter().copied().fold(f32::NEG_INFINITY, f32::max)));
    }

    fn cosine(&self, chunk: &Chunk, place: usize) -> f32 {
        self.kernel.dot(&self.ask.question.vector, chunk.row(place)) * chunk.inverse[place]
    }

    /// First those that promise most, which tell how good one must be; then everybody who may be that good.
    fn find(&mut self, bounds: &mut [f32], maxima: &[f32]) {
        let mut highest = maxima.to_vec();
        let most = self.ask.limit * 3 / 2;
        let bar = match most < highest.len() {
            true => *highest.select_nth_unstable_by(most, |a, b| b.total_cmp(a)).1,
            false => f32::NEG_INFINITY,
        };
        self.sift(bounds, maxima, bar);
        self.prune();
        self.sift(bounds, maxima, f32::NEG_INFINITY);
    }

    /// Looks at everybody whose bound is `bar` or more, and no less than what the best have; each once.
    fn sift(&mut self, bounds: &mut [f32], maxima: &[f32], bar: f32) {
        for (block, greatest) in maxima.iter().enumerate() {
            if *greatest < bar.max(self.least) {
                continue;
            }
            for (within, bound) in bounds[block * BLOCK..][..BLOCK].iter_mut().enumerate() {
                if *bound > f32::NEG_INFINITY && *bound >= bar.max(self.least) && self.looks < LOOKS_MAX + self.ask.limit {
                    *bound = f32::NEG_INFINITY;
                    self.look(block * BLOCK + within);
                }
            }
        }
    }

    fn look(&mut self, place: usize) {
        let (chunk, within) = self.rows.at(place);
        let cosine = self.cosine(chunk, within);
        self.looks += 1;
        if cosine >= self.least {
            self.found.push((cosine, place));
            if self.found.len() >= self.ask.limit * 2 + BLOCK {
                self.prune();
            }
        }
    }

    /// Keeps as many as were asked for.
    fn prune(&mut self) {
        let limit = self.ask.limit;
        if self.found.len() >= limit {
            let rows = self.rows;
            self.found.select_nth_unstable_by(limit - 1, |a, b| order(rows, a, b));
            self.found.truncate(limit);
            self.least = self.found[limit - 1].0;
        }
    }

    fn best(mut self) -> Vec<Neighbour> {
        let rows = self.rows;
        self.found.sort_unstable_by(|a, b| order(rows, a, b));
        self.found.truncate(self.ask.limit);
        let neighbour = |(cosine, place): (f32, usize)| {
            let (chunk, within) = rows.at(place);
            Neighbour { id: chunk.ids[within], cosine, text: chunk.texts[within] }
        };
        self.found.into_iter().map(neighbour).collect()
    }
}

/// The nearest first, equal ones by their ids.
fn order(rows: &Rows, a: &(f32, usize), b: &(f32, usize)) -> std::cmp::Ordering {
    let id = |place: usize| {
        let (chunk, within) = rows.at(place);
        chunk.ids[within]
    };
    b.0.total_cmp(&a.0).then_with(|| id(a.1).cmp(&id(b.1)))
}
