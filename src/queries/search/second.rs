//! The second look: the best that the arms found are ranked once more, together with what stands beside them in their conversation or
//! document. Pure but for the words of texts, which the index counts; called by the search alone.
//!
//! A turn of a conversation says half of what it means: who speaks, what was asked before, what is answered after it. None of that is
//! indexed, because a neighbour may be edited; it is lent here, to the few that count.
//!
//! Decision 2026-11-28, measured by `brain eval locomo` on 997 questions about five conversations, R@5 / R@10 / MRR: 74.0 / 82.0 / .587;
//! without what is lent 66.2 / 75.6 / .559, without the speaker 72.5 / 80.9 / .573, without the walk 71.5 / 80.8 / .577, without less for
//! what asks itself 72.8 / 80.4 / .558, without all of it 60.4 / 68.5 / .516. Halving or doubling a weight costs two points of R@5 at most;
//! chosen anew with each conversation left out they give 74.0 / 82.5 / .585. It takes 0.6 ms, and the rows 1 to 2 ms in place of 1.

use std::collections::{HashMap, HashSet};

use super::{glance, speakers, walk};
use crate::{
    domain::memory::Body,
    ports::{
        KeywordIndex, KeywordWeights, MemoryRecord, Words,
        cache::{Place, place_of},
    },
};

/// How many of the first ranking are looked at again, at least.
pub const SEEDS_MIN: usize = 30;
/// How far from one of them what is looked at stands, in places.
pub const REACH: u32 = 2;
/// What the words of those beside it count for in a text: by the distance before it, and behind it.
const LENT_BEFORE: [f32; REACH as usize] = [0.4, 0.2];
const LENT_BEHIND: [f32; REACH as usize] = [0.2, 0.1];
/// What words count for more when they are said by whom the question names.
const SPEAKER: f32 = 1.3;
/// What meaning counts for beside words, which count 1.
const MEANING: f64 = 0.5;
/// The walk's part of the whole, and from how many of the best it begins.
const WALK: f64 = 0.4;
const WALKERS: usize = 30;
/// Taken from what asks something itself and stands in a conversation: who asks seldom answers.
const ASKS: f64 = 0.2;

/// What can be left out of a search, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    Neighbours,
    Speaker,
    Walk,
    Asks,
}

impl Mechanism {
    pub const ALL: [Self; 4] = [Self::Neighbours, Self::Speaker, Self::Walk, Self::Asks];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neighbours => "neighbours",
            Self::Speaker => "speaker",
            Self::Walk => "walk",
            Self::Asks => "asks",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// One that is looked at, and what the arms said of it.
pub struct Seen {
    pub record: MemoryRecord,
    pub cosine: Option<f32>,
    pub words: Option<f32>,
}

/// What each mechanism did for one, each on its own scale.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// BM25 that its neighbours' words add.
    pub neighbours: f32,
    /// BM25 that it has more because the question names who speaks; less where only the name was found.
    pub speaker: f32,
    /// The walk's part of the value, which goes from 0 to 1.
    pub walk: f32,
    /// What is taken from the value because it asks something itself.
    pub asks: f32,
    /// What the reranked are ordered by, higher for better; only of those.
    pub rerank: Option<f32>,
}

/// One of the second ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its place among those that were looked at.
    pub seen: usize,
    pub value: f64,
    /// BM25 with all that was lent to it.
    pub words: f32,
    pub parts: Parts,
}

/// What the question is, as the second look needs it.
pub struct Look<'a> {
    pub question: &'a str,
    pub weights: Option<&'a KeywordWeights>,
    /// The lowest cosine that the meaning arm named: of whom it does not name nobody knows more.
    pub cosine_least: f32,
    /// The cosine below which nobody is found by meaning alone.
    pub floor: f32,
    pub without: &'a [Mechanism],
}

/// The members beside each, from the nearest outwards: before it, and behind it.
struct Beside {
    before: Vec<[Option<usize>; REACH as usize]>,
    behind: Vec<[Option<usize>; REACH as usize]>,
}

impl Beside {
    fn of(seen: &[Seen]) -> Self {
        let places: Vec<Option<Place>> = seen.iter().map(|it| place_of(&it.record.memory.body)).collect();
        let at: HashMap<Place, usize> =
            places.iter().enumerate().filter_map(|(member, place)| Some(((*place)?, member))).collect();
        let find = |place: &Option<Place>, step: &dyn Fn(u64, u64) -> Option<u64>| {
            std::array::from_fn(|away| {
                let (source, position) = (*place)?;
                at.get(&(source, step(position, away as u64 + 1)?)).copied()
            })
        };
        let before = places.iter().map(|place| find(place, &u64::checked_sub)).collect();
        let behind = places.iter().map(|place| find(place, &u64::checked_add)).collect();
        Self { before, behind }
    }

    fn any(&self) -> bool {
        self.before.iter().flatten().any(Option::is_some)
    }

    /// Who stands next to each.
    fn next(&self) -> Vec<Vec<usize>> {
        self.before.iter().zip(&self.behind).map(|(before, behind)| before[0].into_iter().chain(behind[0]).collect()).collect()
    }

    /// Whose words are lent to a member, and for how much.
    fn lenders(&self, member: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let lent = |beside: &'_ [Option<usize>; REACH as usize], worth: [f32; REACH as usize]| {
            beside.iter().copied().zip(worth).filter_map(|(other, worth)| Some((other?, worth))).collect::<Vec<_>>()
        };
        lent(&self.before[member], LENT_BEFORE).into_iter().chain(lent(&self.behind[member], LENT_BEHIND))
    }
}

/// Ranks once more, best first; `None` where nobody stands beside anybody, so that there is nothing to add.
pub fn rank(seen: &[Seen], look: &Look<'_>, index: &dyn KeywordIndex) -> Option<Vec<Placed>> {
    let beside = Beside::of(seen);
    if !beside.any() {
        return None;
    }
    let is_on = |mechanism| !look.without.contains(&mechanism);
    let by_words = by_words(seen, look, &beside, index);
    let words: Vec<f64> = by_words.iter().map(|(own, parts)| f64::from(own + parts.neighbours + parts.speaker)).collect();
    let meaning: Vec<f64> = seen.iter().map(|it| f64::from(it.cosine.unwrap_or(look.cosine_least))).collect();
    let both = standard(&words)
        .into_iter()
        .zip(standard(&meaning))
        .map(|(words, meaning)| (words + MEANING * meaning) / (1.0 + MEANING));
    let found = unit(&both.collect::<Vec<_>>());
    let walked = if is_on(Mechanism::Walk) { walked(&found, &beside.next()) } else { vec![0.0; seen.len()] };
    let mut placed: Vec<Placed> = (0..seen.len())
        .map(|member| {
            let (_, mut parts) = by_words[member];
            let body = &seen[member].record.memory.body;
            let is_question = is_on(Mechanism::Asks) && place_of(body).is_some() && speakers::asks(body);
            parts.walk = (WALK * walked[member]) as f32;
            parts.asks = if is_question { -ASKS as f32 } else { 0.0 };
            let share = if is_on(Mechanism::Walk) { 1.0 - WALK } else { 1.0 };
            let value = share * found[member] + f64::from(parts.walk + parts.asks);
            Placed { seen: member, value, words: words[member] as f32, parts }
        })
        .collect();
    // Who is beside one that was found, and has nothing of what is asked for, is not found by that.
    let is_found = |it: &Placed| {
        let cosine = seen[it.seen].cosine.filter(|cosine| *cosine >= look.floor);
        cosine.is_some() || words[it.seen] > 0.0
    };
    placed.retain(is_found);
    let id = |placed: &Placed| seen[placed.seen].record.id;
    placed.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| id(a).cmp(&id(b))));
    Some(placed)
}

/// BM25 of each by its own words, and what others and its speaker add.
fn by_words(seen: &[Seen], look: &Look<'_>, beside: &Beside, index: &dyn KeywordIndex) -> Vec<(f32, Parts)> {
    let Some(weights) = look.weights else { return vec![(0.0, Parts::default()); seen.len()] };
    let glance = glance::Glance::new(weights);
    let words: Vec<Words> = seen.iter().map(|it| glance.words(&it.record.memory.body, index)).collect();
    let is_on = |mechanism| !look.without.contains(&mechanism);
    let names: HashMap<&str, bool> = seen
        .iter()
        .filter(|_| is_on(Mechanism::Speaker))
        .filter_map(|it| speakers::speaker(&it.record.memory.body))
        .map(|name| (name, speakers::is_named(name, look.question)))
        .collect();
    let named: HashSet<String> =
        names.iter().filter(|(_, is_named)| **is_named).flat_map(|(name, _)| glance::stems(name, index)).collect();
    (0..seen.len())
        .map(|member| {
            let own = seen[member].words.unwrap_or_default().max(weights.score(&words[member]));
            let lent: Vec<(&Words, f32)> = match is_on(Mechanism::Neighbours) {
                true => beside.lenders(member).map(|(other, worth)| (&words[other], worth)).collect(),
                false => vec![],
            };
            let with = own + weights.lent(&words[member], &lent, &|_| true);
            // A name says who speaks, and counts as that.
            let names_apart = weights.score_of(&words[member], &|word| named.contains(word))
                + weights.lent(&words[member], &lent, &|word| named.contains(word));
            let is_theirs =
                speakers::speaker(&seen[member].record.memory.body).is_some_and(|name| names.get(name) == Some(&true));
            let without_names = (with - names_apart).max(0.0);
            let all = if named.is_empty() { with } else { without_names * if is_theirs { SPEAKER } else { 1.0 } };
            (own, Parts { neighbours: with - own, speaker: all - with, ..Parts::default() })
        })
        .collect()
}

/// The walk from the best, 1 where it is most.
fn walked(found: &[f64], next: &[Vec<usize>]) -> Vec<f64> {
    let mut best = found.to_vec();
    best.sort_by(|a, b| b.total_cmp(a));
    let least = best.get(WALKERS.min(best.len()).saturating_sub(1)).copied().unwrap_or_default();
    let span = best.first().copied().unwrap_or_default() - least;
    let seeds: Vec<f64> =
        found.iter().map(|value| if span > 0.0 { ((value - least) / span).max(0.0).powi(3) } else { 0.0 }).collect();
    let at = walk::shares(&seeds, next);
    let most = at.iter().copied().fold(0.0, f64::max);
    at.into_iter().map(|share| if most > 0.0 { share / most } else { 0.0 }).collect()
}

/// As distances from the mean, in standard deviations; nothing where all are the same.
pub fn standard(values: &[f64]) -> Vec<f64> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    values.iter().map(|value| if deviation > 0.0 { (value - mean) / deviation } else { 0.0 }).collect()
}

/// Brought to 0 for the lowest and 1 for the highest.
fn unit(values: &[f64]) -> Vec<f64> {
    let (least, most) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)));
    values.iter().map(|value| if most > least { (value - least) / (most - least) } else { 0.0 }).collect()
}

/// Where somebody would have to stand to be looked at as well: within reach of one that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reaches(Box<[Place]>);

impl Reaches {
    pub fn of<'a>(seeds: impl Iterator<Item = &'a Body>) -> Self {
        Self(seeds.filter_map(place_of).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether somebody there would be looked at as well.
    pub fn reach(&self, place: Option<Place>) -> bool {
        let Some((source, position)) = place else { return false };
        self.0.iter().any(|(other, at)| *other == source && at.abs_diff(position) <= REACH.into())
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

#[cfg(test)]
mod tests;
