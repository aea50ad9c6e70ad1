//! Whether a memory could enter a search that was answered before, by the statistics that it was answered with. Pure.
//!
//! Called by the caches for every change. Errs on one side only: what it says cannot enter, does not.

use std::sync::Arc;

use super::{
    fits::may_pass,
    fusion::{Scale, logistic},
};
use crate::ports::{
    Filter, KeywordWeights, WordWeight,
    cache::{Candidate, Narrow},
};

/// Differences of rounding between here, the database and the index.
const MARGIN: f32 = 1e-3;

/// How one arm saw the candidates.
#[derive(Clone, Debug)]
pub struct ArmJudge<T> {
    /// What it scores with.
    pub by: T,
    /// `None` when it found nothing.
    pub scale: Option<Scale>,
}

/// What a change could mean for one search.
#[derive(Clone, Debug)]
pub struct Judge {
    pub filter: Filter,
    pub keyword: Option<ArmJudge<KeywordWeights>>,
    /// The query's vector, as [`crate::ports::unit`] makes it.
    pub semantic: Option<ArmJudge<Arc<[f32]>>>,
    /// The score of the last that is shown; `None` when there was room for more.
    pub bar: Option<f32>,
}

impl Judge {
    /// What a memory scores by the stored statistics; `None` when no arm names it, infinite when nobody can tell.
    pub fn score(&self, candidate: &Candidate) -> Option<f32> {
        let keyword = self.keyword.as_ref().map(|arm| (arm.scale, Some(arm.by.score(candidate.words())).filter(|it| *it > 0.0)));
        let semantic = self.semantic.as_ref().map(|arm| {
            let cosine = |vector: &Arc<[f32]>| arm.by.iter().zip(&**vector).map(|(a, b)| a * b).sum();
            (arm.scale, candidate.vector.as_ref().map(cosine))
        });
        let seen: Vec<(Option<Scale>, Option<f32>)> = [keyword, semantic].into_iter().flatten().collect();
        if seen.iter().all(|(_, score)| score.is_none()) {
            return None;
        }
        let part = |(scale, score): &(Option<Scale>, Option<f32>)| match (scale, score) {
            // It would be the first that this arm finds, or the first that differs: nobody knows what that would count for.
            (None, Some(_)) => f32::INFINITY,
            (Some(scale), Some(_)) if !scale.tells_apart() => f32::INFINITY,
            (None, None) => 0.0,
            // Who is named counts for no less than who is not.
            (Some(scale), score) => scale.part(*score).max(scale.part(None)),
        };
        let sum: f32 = seen.iter().map(part).sum();
        Some(if sum.is_finite() { logistic(sum) } else { sum })
    }

    fn is_entered(&self, candidate: &Candidate, margin: f32) -> bool {
        if candidate.memory.deleted_at.is_some() || !may_pass(&self.filter, &candidate.memory) {
            return false;
        }
        self.score(candidate).is_some_and(|score| self.bar.is_none_or(|bar| score >= bar + margin))
    }
}

impl Narrow for Judge {
    fn is_entered_by(&self, candidate: &Candidate) -> bool {
        self.is_entered(candidate, -MARGIN)
    }

    fn is_surely_entered_by(&self, candidate: &Candidate) -> bool {
        self.is_entered(candidate, MARGIN) && self.score(candidate).is_some_and(f32::is_finite)
    }

    fn heeds_vectors(&self) -> bool {
        self.semantic.is_some()
    }

    /// The vector is that of the kept query embeddings, and counted there.
    fn bytes(&self) -> usize {
        let words = self.keyword.as_ref().map_or(0, |arm| {
            let word = |it: &WordWeight| size_of_val(it) + it.word.len();
            arm.by.words.iter().map(word).sum::<usize>() + size_of_val(arm.by.phrases.as_slice())
        });
        size_of::<Self>() + words
    }
}
