//! From the first ranking to the results: the rows of the best and of what stands beside them, the second look, the scores, and what could
//! enter the answer later. Called by the search alone.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use super::{
    Mode, RankedMemory, SearchParts, SearchQuery,
    evidence::Evidence,
    fusion::{Arm, Fused, Ranking},
    judge::{ArmJudge, Beside, Judge, Least},
    rerank::{self, Candidate, RERANKED},
    rows::{self, Read},
    second::{self, Look, Parts, REACH, Reaches, SEEDS_MIN, Seen},
    stages::Stages,
};
use crate::{
    domain::{
        ids::{MemoryId, SpaceId},
        memory::Body,
    },
    ports::{KeywordWeights, MemoryRecord, QueryError},
};

/// What was asked, and what the arms said.
pub struct Asked<'a> {
    pub space: &'a SpaceId,
    pub question: &'a SearchQuery,
    pub parts: &'a SearchParts,
    pub arms: &'a [Arm],
    pub first: &'a Ranking,
    pub weights: Option<&'a KeywordWeights>,
    /// Compares with the best once these are known.
    pub evidence: Evidence,
}

/// What came of it.
#[derive(Default)]
pub struct Found {
    pub results: Vec<RankedMemory>,
    /// Everything that was looked at beside the results.
    pub looked_at: Vec<MemoryId>,
    /// Where somebody new would be looked at as well; empty without a second look.
    reaches: Reaches,
    /// Those that are shown, or folded into one that is; and the first that is neither.
    walked: Vec<MemoryId>,
    next: Option<MemoryId>,
    /// Whether all that the arms named was looked at.
    pub has_ended: bool,
    /// Whether the order is that of a later look: something stands beside something, or the best were reranked.
    is_second: bool,
    /// Whether the best should have been reranked and could not.
    pub lacks_rerank: bool,
}

/// One in the order that results are taken from, best first.
pub struct Listed {
    pub id: MemoryId,
    /// What it was ordered by.
    value: f64,
    cosine: Option<f32>,
    words: Option<f32>,
    pub parts: Option<Parts>,
}

impl Asked<'_> {
    /// Whether there is a second look: not where only one arm was wanted.
    fn looks_again(&self) -> bool {
        self.question.mode == Mode::Hybrid && self.question.without.len() < second::Mechanism::ALL.len()
    }

    /// How many of the first ranking are looked at again.
    fn seeds(&self) -> usize {
        if self.looks_again() || self.question.rerank { SEEDS_MIN.max(self.question.limit).min(self.first.best.len()) } else { 0 }
    }

    fn scores(&self, arm: &str) -> HashMap<MemoryId, f32> {
        let hits = self.arms.iter().filter(|it| it.name == arm).flat_map(|it| &it.hits);
        hits.map(|hit| (hit.id, hit.score)).collect()
    }

    fn place(&self, fused: &Fused) -> Listed {
        let score = |arm: &str| fused.arms.get(arm).map(|standing| standing.score);
        Listed { id: fused.id, value: fused.logit.into(), cosine: score("semantic"), words: score("keyword"), parts: None }
    }
}

/// The results. Those that vanished since the arms looked are passed over for the next ones.
/// Errors: those of the rows.
pub async fn rank(asked: &mut Asked<'_>, stages: &Stages) -> Result<Found, QueryError> {
    let seeds: Vec<MemoryId> = asked.first.best.iter().take(asked.seeds()).map(|one| one.id).collect();
    let mut found = Found::default();
    let mut records: HashMap<MemoryId, MemoryRecord> = HashMap::new();
    let mut places: Vec<Listed> = vec![];
    if !seeds.is_empty() {
        let read = asked.parts.reads.around(asked.space, &seeds, &asked.question.filter, REACH);
        let seen = seen(asked, stages.timed("around", read).await?);
        let started = Instant::now();
        if asked.looks_again() {
            places = look_again(asked, &seen, &mut found);
        }
        stages.took("second", started);
        found.reaches = Reaches::of(seen.iter().filter(|it| seeds.contains(&it.record.id)).map(|it| &it.record.memory.body));
        let beside = seen.iter().map(|it| it.record.id).filter(|id| !seeds.contains(id));
        found.looked_at = seeds.iter().copied().chain(beside).collect();
        records = seen.into_iter().map(|it| (it.record.id, it.record)).collect();
    }
    let known: HashSet<MemoryId> = places.iter().map(|it| it.id).collect();
    let rest = asked.first.best.iter().filter(|one| !known.contains(&one.id));
    places.extend(rest.map(|one| asked.place(one)));
    if asked.question.rerank {
        let started = Instant::now();
        rerank_best(asked, &mut places, &records, &mut found).await;
        stages.took("rerank", started);
    }
    asked.evidence = std::mem::take(&mut asked.evidence).behind(places.iter().map(|it| (it.cosine, it.words)));
    let scores = falling(&places, &asked.evidence);
    let good = scores.iter().take_while(|score| **score >= asked.question.min_score).count();
    let wanted = places.iter().zip(scores).take(good);
    let read = Read { records, of: &seeds };
    let mut rows = stages.timed("rows", rows::of(asked, wanted, read)).await?;
    stages.timed("passages", rows::show(asked, &mut rows.found)).await?;
    found.looked_at.extend(rows.next);
    found.has_ended = rows.has_ended && good == places.len();
    (found.results, found.walked, found.next) = (rows.found, rows.walked, rows.next);
    Ok(found)
}

/// The score of each: no result has less than one behind it.
fn falling(places: &[Listed], evidence: &Evidence) -> Vec<f32> {
    let mut scores: Vec<f32> = places.iter().map(|it| evidence.of(it.cosine, it.words)).collect();
    for place in (1..scores.len()).rev() {
        scores[place - 1] = scores[place - 1].max(scores[place]);
    }
    scores
}

fn seen(asked: &Asked<'_>, records: Vec<MemoryRecord>) -> Vec<Seen> {
    let (near, words) = (asked.scores("semantic"), asked.scores("keyword"));
    let mut seen: Vec<Seen> = records
        .into_iter()
        .map(|record| Seen { cosine: near.get(&record.id).copied(), words: words.get(&record.id).copied(), record })
        .collect();
    seen.sort_by_key(|it| it.record.id);
    seen
}

/// The order of the second look; nothing where there is nothing to see, so that the first ranking stands.
fn look_again(asked: &Asked<'_>, seen: &[Seen], found: &mut Found) -> Vec<Listed> {
    let semantic = asked.arms.iter().find(|arm| arm.name == "semantic");
    let look = Look {
        question: &asked.question.query,
        weights: asked.weights,
        cosine_least: semantic.and_then(|arm| arm.hits.last()).map_or(0.0, |last| last.score),
        floor: semantic.map_or(f32::INFINITY, |arm| arm.floor),
        without: &asked.question.without,
    };
    let Some(placed) = second::rank(seen, &look, &*asked.parts.keyword) else { return vec![] };
    found.is_second = true;
    let place = |it: second::Placed| {
        let one = &seen[it.seen];
        Listed { id: one.record.id, value: it.value, cosine: one.cosine, words: Some(it.words), parts: Some(it.parts) }
    };
    placed.into_iter().map(place).collect()
}

/// Reranks those at the head whose rows were read; the order stands where the model cannot.
async fn rerank_best(asked: &Asked<'_>, places: &mut Vec<Listed>, records: &HashMap<MemoryId, MemoryRecord>, found: &mut Found) {
    let (near, words) = (asked.scores("semantic"), asked.scores("keyword"));
    let candidate = |it: &Listed| {
        let (cosine, words) = (near.get(&it.id).copied(), words.get(&it.id).copied());
        let body = &records.get(&it.id)?.memory.body;
        Some(Candidate { body, value: it.value, cosine: cosine.unwrap_or_default(), words: words.unwrap_or_default() })
    };
    let candidates: Vec<Candidate<'_>> = places.iter().take(RERANKED).map_while(candidate).collect();
    let around: Vec<&Body> = records.values().map(|record| &record.memory.body).collect();
    let models = (&*asked.parts.embedder, asked.parts.reranker.as_deref());
    match rerank::order(&asked.question.query, &candidates, &around, models).await {
        Ok(order) => {
            found.is_second = true;
            let mut head: Vec<Option<Listed>> = places.drain(..order.len()).map(Some).collect();
            let reordered: Vec<Listed> = order
                .into_iter()
                .map(|(from, value)| {
                    let mut one = head[from].take().expect("each has one place");
                    one.parts.get_or_insert_default().rerank = Some(value as f32);
                    one
                })
                .collect();
            places.splice(..0, reordered);
        }
        Err(cause) => {
            tracing::warn!(cause = &cause as &dyn std::error::Error, "searching without reranking");
            found.lacks_rerank = true;
        }
    }
}

impl Found {
    /// What could enter the answer later, by the statistics that it was made with.
    pub fn judge(&self, asked: &Asked<'_>, (vector, weights): (Option<Arc<[f32]>>, Option<KeywordWeights>)) -> Judge {
        let Asked { question, first, evidence, .. } = asked;
        let mut scales = first.scales.iter().copied();
        let semantic = vector.map(|by| ArmJudge { by, scale: scales.next().flatten() });
        let keyword = weights.map(|by| ArmJudge { by, scale: scales.next().flatten() });
        let floor = asked.arms.iter().find(|arm| arm.name == "semantic").map_or(f32::INFINITY, |arm| arm.floor);
        let place = |id: MemoryId| first.best.iter().position(|one| one.id == id);
        // The deepest of the first ranking that is shown, and that was looked at: those between it and the seeds have vanished.
        let shown = self.walked.iter().filter_map(|id| place(*id)).max();
        let deepest = shown.max(self.next.and_then(place));
        let last = shown.map(|place| first.best[place].logit);
        let is_cut = if question.fold { self.next.is_some() } else { self.results.len() >= question.limit };
        let bar = deepest.filter(|_| is_cut).map(|place| first.best[place].logit);
        let seeds = asked.seeds();
        let is_full = seeds >= SEEDS_MIN.max(question.limit);
        let seeds_bar =
            (is_full && bar.is_some()).then(|| first.best[deepest.map_or(seeds - 1, |place| place.max(seeds - 1))].logit);
        let beside = (seeds > 0).then(|| Beside { reaches: self.reaches.clone(), bar: seeds_bar, is_second: self.is_second });
        let least = (question.min_score > 0.0).then(|| Least { score: question.min_score, evidence: evidence.clone(), last });
        Judge { filter: question.filter.clone(), keyword, semantic, floor, bar, least, beside }
    }
}
