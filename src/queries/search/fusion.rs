//! Two rankings become one: standardised scores, weighted. Pure; called by the search alone. What a result is worth by itself is
//! [`super::evidence`]'s to say.
//!
//! Rank fusion with equal weights made a good keyword arm worse when it was measured on conversations; standardised scores that
//! lean on the keyword arm made both better. Hence this form and these weights.

use std::collections::BTreeMap;

use crate::{domain::ids::MemoryId, ports::Hit};

/// What an arm is worth when both answer.
pub const KEYWORD_WEIGHT: f32 = 1.0;
pub const SEMANTIC_WEIGHT: f32 = 0.7;
/// How far apart two computations of an arm's score may lie, in shares of it; of a cosine, absolutely.
const ROUNDING: f64 = 1e-5;

/// One arm's answer: its best candidates, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    pub name: &'static str,
    pub weight: f32,
    pub hits: Vec<Hit>,
    /// What a memory scores that the arm looked at and did not name: 0 for words that do not occur.
    /// `None` when nobody can tell, because the arm has more than it named.
    pub silent_score: Option<f32>,
    /// The arm names nobody below this, though it helps to order whom another one names.
    pub floor: f32,
}

impl Arm {
    pub fn keyword(hits: Vec<Hit>, silent_score: Option<f32>) -> Self {
        Self { name: "keyword", weight: KEYWORD_WEIGHT, hits, silent_score, floor: 0.0 }
    }

    pub fn semantic(hits: Vec<Hit>, floor: f32) -> Self {
        Self { name: "semantic", weight: SEMANTIC_WEIGHT, hits, silent_score: None, floor }
    }
}

/// How one arm sees a memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// From 1.
    pub rank: u32,
    /// On the arm's own scale.
    pub score: f32,
}

/// A memory with its place among the others, and what each arm that named it said.
#[derive(Clone, Debug, PartialEq)]
pub struct Fused {
    pub id: MemoryId,
    /// The weighted sum: log-odds, if one likes.
    pub logit: f32,
    pub arms: BTreeMap<&'static str, Standing>,
}

/// What an arm's scores were measured against in one search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The arm's part of the sum.
    share: f32,
    mean: f64,
    deviation: f64,
    /// What a memory counts for that the arm does not name.
    silent: f32,
}

impl Scale {
    /// What a score adds to the sum; no score is that of a memory which the arm does not name.
    pub fn part(&self, score: Option<f32>) -> f32 {
        let score = score.unwrap_or(self.silent);
        let z = if self.deviation > 0.0 { (f64::from(score) - self.mean) / self.deviation } else { 0.0 };
        self.share * z as f32
    }

    /// By how much a part may differ between here, the database and the index, which round differently.
    pub fn rounding(&self, score: f32) -> f32 {
        self.share * (ROUNDING * f64::from(score.abs().max(1.0)) / self.deviation) as f32
    }

    /// Whether scores differ at all, so that a better one counts for more.
    pub fn tells_apart(&self) -> bool {
        self.deviation > 0.0
    }
}

/// The fused ranking, and the scale of each arm in the order of the arms; an arm that found nothing has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    pub best: Vec<Fused>,
    pub scales: Vec<Option<Scale>>,
}

/// Fuses the arms' candidates, best first; equal scores in the order of their ids.
///
/// Per arm z = (score - mean) / standard deviation. A candidate that the arm did not name takes `silent_score`, which then counts
/// in mean and deviation, or else the lowest score named. The result is sum(weight * z) / sum(weight). Whom every arm has below its
/// floor is left out at the end, so that a floor changes nobody's place.
pub fn fuse(arms: &[Arm]) -> Ranking {
    let mut named: BTreeMap<MemoryId, BTreeMap<&'static str, Standing>> = BTreeMap::new();
    for arm in arms {
        for (place, hit) in arm.hits.iter().enumerate() {
            let rank = u32::try_from(place + 1).unwrap_or(u32::MAX);
            named.entry(hit.id).or_default().insert(arm.name, Standing { rank, score: hit.score });
        }
    }
    let weights: f32 = arms.iter().filter(|arm| !arm.hits.is_empty()).map(|arm| arm.weight).sum();
    let scales: Vec<Option<Scale>> = arms.iter().map(|arm| scale(arm, weights, named.len())).collect();
    let fused = |(id, standings): (MemoryId, BTreeMap<&'static str, Standing>)| {
        let part = |(arm, scale): (&Arm, &Option<Scale>)| {
            let score = standings.get(arm.name).map(|standing| standing.score);
            scale.map_or(0.0, |scale| scale.part(score))
        };
        let logit: f32 = arms.iter().zip(&scales).map(part).sum();
        Fused { id, logit, arms: standings }
    };
    let mut best: Vec<Fused> = named.into_iter().map(fused).collect();
    for arm in arms {
        let is_below = |standing: &Standing| standing.score < arm.floor;
        for one in &mut best {
            if one.arms.get(arm.name).is_some_and(is_below) {
                one.arms.remove(arm.name);
            }
        }
    }
    best.retain(|one| !one.arms.is_empty());
    // The sort is stable, and the map was in the order of ids.
    best.sort_by(|a, b| b.logit.total_cmp(&a.logit));
    Ranking { best, scales }
}

fn scale(arm: &Arm, weights: f32, candidates: usize) -> Option<Scale> {
    let lowest = arm.hits.iter().map(|hit| hit.score).min_by(f32::total_cmp)?;
    let others = candidates - arm.hits.len();
    let (mean, deviation) = spread(&arm.hits, arm.silent_score.map(|score| (score, others)));
    Some(Scale { share: arm.weight / weights, mean, deviation, silent: arm.silent_score.unwrap_or(lowest) })
}

/// Mean and standard deviation of the named scores, and of the silent ones if they are known.
fn spread(hits: &[Hit], silent: Option<(f32, usize)>) -> (f64, f64) {
    let (score, others) = silent.unwrap_or_default();
    let count = (hits.len() + others) as f64;
    let mean = (hits.iter().map(|hit| f64::from(hit.score)).sum::<f64>() + f64::from(score) * others as f64) / count;
    let square = |score: f32| (f64::from(score) - mean).powi(2);
    let squares = hits.iter().map(|hit| square(hit.score)).sum::<f64>() + square(score) * others as f64;
    (mean, (squares / count).sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn hits(scores: &[(u128, f32)]) -> Vec<Hit> {
        let mut hits: Vec<Hit> =
            scores.iter().map(|(id, score)| Hit { id: MemoryId(Uuid::from_u128(*id)), score: *score }).collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        hits
    }

    fn keyword(scores: &[(u128, f32)]) -> Arm {
        Arm::keyword(hits(scores), Some(0.0))
    }

    fn semantic(scores: &[(u128, f32)]) -> Arm {
        Arm::semantic(hits(scores), -1.0)
    }

    fn order(fused: &[Fused]) -> Vec<u128> {
        fused.iter().map(|one| one.id.0.as_u128()).collect()
    }

    #[test]
    fn a_single_word_hit_beats_a_like_meaning() {
        let fused = fuse(&[semantic(&[(1, 0.8), (2, 0.7), (3, 0.6)]), keyword(&[(3, 9.0)])]).best;
        assert_eq!(order(&fused)[0], 3);
        assert_eq!(fused[0].arms["keyword"], Standing { rank: 1, score: 9.0 });
        assert_eq!(fused[0].arms["semantic"], Standing { rank: 3, score: 0.6 });
        assert!(!fused[1].arms.contains_key("keyword"));
    }

    #[test]
    fn an_arm_that_found_nothing_says_nothing() {
        let alone = fuse(&[semantic(&[(1, 0.8), (2, 0.1)])]).best;
        assert_eq!(fuse(&[semantic(&[(1, 0.8), (2, 0.1)]), keyword(&[])]).best, alone);
        assert_eq!(fuse(&[keyword(&[]), semantic(&[])]).best, []);
        assert_eq!(fuse(&[keyword(&[(1, 3.0)])]).best[0].logit, 0.0);
    }

    #[test]
    fn a_floor_leaves_out_whom_nobody_else_names_and_moves_nobody() {
        let (near, words) = (semantic(&[(1, 0.6), (2, 0.1), (3, 0.3), (4, 0.0)]), keyword(&[(2, 3.0)]));
        let all = fuse(&[near.clone(), words.clone()]).best;
        let above = fuse(&[Arm { floor: 0.2, ..near.clone() }, words.clone()]).best;
        assert_eq!(order(&above), order(&all).into_iter().filter(|id| *id != 4).collect::<Vec<_>>());
        let second = above.iter().find(|one| one.id.0.as_u128() == 2).expect("its word is found");
        assert_eq!(second.arms.keys().copied().collect::<Vec<_>>(), ["keyword"]);
        assert!(all.iter().any(|one| one.id == second.id && one.logit == second.logit));
        assert_eq!(order(&fuse(&[Arm { floor: f32::INFINITY, ..near }, words]).best), [2]);
    }

    proptest! {
        #[test]
        fn all_that_were_named_are_there_in_falling_order(
            near in proptest::collection::btree_map(0u128..60, -1.0f32..1.0, 0..40),
            words in proptest::collection::btree_map(0u128..60, 0.0f32..40.0, 0..40),
        ) {
            let arms = [semantic(&near.clone().into_iter().collect::<Vec<_>>()), keyword(&words.clone().into_iter().collect::<Vec<_>>())];
            let fused = fuse(&arms).best;
            prop_assert!(fused.windows(2).all(|pair| pair[0].logit >= pair[1].logit));
            let mut named: Vec<u128> = near.into_keys().chain(words.into_keys()).collect();
            named.sort_unstable();
            named.dedup();
            let mut seen = order(&fused);
            seen.sort_unstable();
            prop_assert_eq!(seen, named);
        }

        #[test]
        fn whoever_is_better_in_both_arms_is_better(
            scores in proptest::collection::btree_map(0u128..40, (-1.0f32..1.0, 0.1f32..40.0), 2..30),
        ) {
            let near: Vec<(u128, f32)> = scores.iter().map(|(id, pair)| (*id, pair.0)).collect();
            let words: Vec<(u128, f32)> = scores.iter().map(|(id, pair)| (*id, pair.1)).collect();
            let fused = fuse(&[semantic(&near), keyword(&words)]).best;
            let place = |id: u128| fused.iter().position(|one| one.id.0.as_u128() == id).expect("named");
            for (a, x) in &scores {
                for (b, y) in &scores {
                    if x.0 > y.0 && x.1 > y.1 {
                        prop_assert!(place(*a) < place(*b) || fused[place(*a)].logit == fused[place(*b)].logit);
                    }
                }
            }
        }
    }
}
