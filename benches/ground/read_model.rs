//! The read models of the simulation: what a few dozen memories look like at a position of each stream, and what lists and searches find
//! among them.

use std::{collections::HashMap, sync::Arc};

use second_brain::{
    caches::changes::Did,
    domain::ids::{MemoryId, Revision},
    ports::{Filter, Hit, KeywordText, KeywordWeights, ListQuery, MemoryRecord, Test, WordWeight, Words, cache::Candidate, unit},
    queries::{
        list,
        search::{
            fold::Shown,
            fusion::{Arm, Ranking, fuse},
            judge::{ArmJudge, Beside, Judge},
            second::Reaches,
        },
    },
};
use uuid::Uuid;

use super::dice::Dice;

pub const WORDS: usize = 12;
pub const TAGS: usize = 3;
/// Candidates of an arm at first, and results.
const DEPTH: usize = 12;
pub const LIMIT: usize = 4;
/// How many of the first ranking are looked at again.
const SEEDS: usize = 6;

/// A memory at one of its states.
#[derive(Clone)]
pub struct State {
    pub revision: u64,
    /// Which of its texts it has.
    pub text: u64,
    pub candidate: Arc<Candidate>,
    /// The same with the vector of this text.
    pub with_vector: Arc<Candidate>,
    /// What brought it about.
    pub did: Did,
}

/// What both streams have said up to a position of each.
#[derive(Clone, Default)]
pub struct View {
    pub events: usize,
    pub vectors: usize,
    pub memories: HashMap<usize, State>,
    /// The text of the newest vector of each memory.
    pub embedded: HashMap<usize, u64>,
}

pub fn id(memory: usize) -> MemoryId {
    MemoryId(Uuid::from_u128(memory as u128 + 1))
}

pub fn vector(seed: u64) -> Arc<[f32]> {
    let mut dice = Dice::new(seed);
    unit(&(0..6).map(|_| dice.share() as f32 - 0.5).collect::<Vec<_>>())
}

impl View {
    pub fn learn_event(&mut self, (memory, state): &(usize, State)) {
        self.memories.insert(*memory, state.clone());
        self.events += 1;
    }

    pub fn learn_vector(&mut self, (memory, text, _): (usize, u64, usize)) {
        self.embedded.insert(memory, text);
        self.vectors += 1;
    }

    /// How searches see a memory: with its vector once that is there.
    pub fn candidate(&self, memory: usize) -> &Arc<Candidate> {
        let state = &self.memories[&memory];
        if self.embedded.get(&memory) == Some(&state.text) { &state.with_vector } else { &state.candidate }
    }

    pub fn living(&self) -> Vec<(usize, &Arc<Candidate>)> {
        let mut living: Vec<_> = self.memories.keys().map(|memory| (*memory, self.candidate(*memory))).collect();
        living.retain(|(_, candidate)| candidate.memory.deleted_at.is_none());
        living
    }
}

pub fn words_of(text: &KeywordText) -> Words {
    let count = |texts: &mut dyn Iterator<Item = &str>| {
        let mut times = HashMap::new();
        texts.for_each(|word| *times.entry(word.to_owned()).or_default() += 1);
        times
    };
    let content: HashMap<String, u32> = count(&mut text.content.split(' '));
    let content_len = content.values().sum();
    Words { content, content_len, ..Words::default() }
}

pub fn page(view: &View, query: &ListQuery) -> list::Page {
    let tag = query.tag.as_ref().expect("lists are of a tag");
    let mut rows: Vec<MemoryRecord> = view
        .living()
        .into_iter()
        .filter(|(_, candidate)| candidate.memory.body.tags.contains(tag))
        .map(|(memory, candidate)| MemoryRecord {
            id: candidate.id,
            revision: Revision(view.memories[&memory].revision),
            memory: candidate.memory.clone(),
            sealed: None,
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.memory.created_at, row.id)));
    let behind = rows.get(LIMIT).map(|row| row.id);
    rows.truncate(LIMIT);
    let next = rows.last().filter(|_| behind.is_some()).map(|row| (row.memory.created_at, row.id));
    list::Page { memories: rows, next, behind }
}

/// Both arms, their fusion and what stands beside the best, as a search does it: everything that was looked at, in no order. A third of the
/// questions is filtered by tag.
pub fn search(view: &View, question: usize) -> (Judge, Vec<usize>) {
    let filter = match question % 3 {
        0 => Filter::Is(Test::TagsAny(vec![format!("t{}", question % TAGS)])),
        _ => Filter::none(),
    };
    let living = view.living();
    let passing: Vec<_> = living
        .iter()
        .filter(|(_, it)| !question.is_multiple_of(3) || it.memory.body.tags.contains(&format!("t{}", question % TAGS)))
        .collect();
    let weights = weights(&living, question);
    let towards = vector(1_000 + question as u64);
    let near = |it: &Candidate| it.vector.as_ref().map(|vector| towards.iter().zip(&**vector).map(|(a, b)| a * b).sum());
    let by_words = |it: &Candidate| Some(weights.score(it.words())).filter(|score| *score > 0.0);
    let best = |score: &dyn Fn(&Candidate) -> Option<f32>, depth: usize| {
        let mut hits: Vec<Hit> = passing.iter().filter_map(|(_, it)| Some(Hit { id: it.id, score: score(it)? })).collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        hits.truncate(depth);
        hits
    };
    let ranked = |depth: usize| {
        let (near, words) = (best(&near, depth), best(&by_words, depth));
        let silent_score = (words.len() < depth).then_some(0.0);
        let is_cut = near.len() == depth || words.len() == depth;
        (fuse(&[Arm::semantic(near, -1.0), Arm::keyword(words, silent_score)]), is_cut)
    };
    let judge = |ranking: &Ranking, bar: Option<f32>, beside: Option<Beside>| Judge {
        filter: filter.clone(),
        semantic: Some(ArmJudge { by: towards.clone(), scale: ranking.scales[0] }),
        keyword: Some(ArmJudge { by: weights.clone(), scale: ranking.scales[1] }),
        floor: -1.0,
        bar,
        least: None,
        beside,
    };
    // Every other question folds copies, the others look again: together nobody could tell which rule it was.
    if question.is_multiple_of(2) {
        // As the product does it: where copies take the places, more candidates are ranked.
        let mut depths = [DEPTH, DEPTH * 4, usize::MAX].map(ranked).into_iter();
        let found = depths.find(|(ranking, is_cut)| !is_cut || walked(view, ranking).1 > LIMIT);
        let (ranking, is_cut) = found.expect("the last is not cut");
        let (members, results) = walked(view, &ranking);
        assert!(results > LIMIT || !is_cut);
        let bar = members.last().filter(|_| results > LIMIT).map(|_| ranking.best[members.len() - 1].logit);
        return (judge(&ranking, bar, None), members);
    }
    let (ranking, _) = ranked(DEPTH);
    let seeds: Vec<usize> = ranking.best.iter().take(SEEDS).map(|one| one.id.0.as_u128() as usize - 1).collect();
    let reaches = Reaches::of(seeds.iter().map(|memory| &view.memories[memory].candidate.memory.body));
    let beside = passing.iter().filter(|(_, it)| reaches.reach(it.place())).map(|(memory, _)| *memory);
    let mut looked_at: Vec<usize> = seeds.iter().copied().chain(beside).collect();
    looked_at.sort_unstable();
    looked_at.dedup();
    let seeds_bar = ranking.best.get(SEEDS - 1).map(|last| last.logit);
    let beside = Beside { reaches, bar: seeds_bar, is_second: true };
    (judge(&ranking, ranking.best.get(LIMIT - 1).map(|last| last.logit), Some(beside)), looked_at)
}

/// The results, their copies and the first that is neither, in the order of the ranking, and how many of them are no copies: who begins with
/// the same word is a copy.
fn walked(view: &View, ranking: &Ranking) -> (Vec<usize>, usize) {
    let (mut members, mut results, mut before) = (vec![], 0, Shown::default());
    for one in &ranking.best {
        if results > LIMIT {
            break;
        }
        let memory = one.id.0.as_u128() as usize - 1;
        let mut body = view.candidate(memory).memory.body.clone();
        body.content = body.content.split(' ').take(1).collect();
        results += usize::from(before.copied(&body).is_none());
        members.push(memory);
    }
    (members, results)
}

/// BM25's statistics of the living.
fn weights(living: &[(usize, &Arc<Candidate>)], question: usize) -> KeywordWeights {
    let documents = living.len() as f32;
    let word = |number: usize| {
        let word = format!("w{}", number % WORDS);
        let holding = living.iter().filter(|(_, it)| it.words().content.contains_key(&word)).count() as f32;
        let in_content = (1.0 + (documents - holding + 0.5) / (holding + 0.5)).ln() * 2.2;
        WordWeight { word: word.into(), in_title: 0.0, in_content, in_tags: 0.0 }
    };
    let total: u32 = living.iter().map(|(_, it)| it.words().content_len).sum();
    KeywordWeights {
        words: vec![word(question), word(question * 5 + 1)],
        content_len_mean: total as f32 / documents.max(1.0),
        documents: living.len() as u64,
        ..KeywordWeights::default()
    }
}
