//! Reranking: the best of a search are held against the question once more, each together with it. By default token by token, with the
//! vectors of the model that finds them (late interaction); by a cross-encoder where the operator has one. Called by [`super::ranking`].
//!
//! Decision 2026-11-28, measured on 997 questions about five conversations, each weight fitted on four of them and tried on the fifth: MRR
//! .587 as found, .622 with late interaction, .651 with what a dialogue tells beside (an answer follows a question; who asks when is told
//! a time). The cosine and the words of a text itself count against it, because what they say stands in its place already, and more of it
//! than its neighbours' part; late interaction says it better.

use std::collections::HashMap;

use super::{speakers, times};
use crate::{
    domain::memory::Body,
    ports::{EmbedError, Embedder, Reranker, TokenMatch, cache::place_of},
};

/// How many of the best are looked at.
pub const RERANKED: usize = 30;
/// Characters of a text that are read: its beginning, about a hundred tokens.
const TEXT_CHARS_MAX: usize = 400;

/// What each thing counts for; all but the last two in standard deviations among the candidates.
const PLACE: f64 = 0.66;
const INTERACTION: f64 = 0.53;
/// The same where the text before it helps.
const WITH_BEFORE: f64 = 0.6;
const COSINE: f64 = -0.47;
const WORDS: f64 = -0.19;
const FOLLOWS_QUESTION: f64 = 0.82;
const TELLS_TIME: f64 = 2.09;
/// A cross-encoder's own score beside the place. Nobody measured it: no weights could be had.
const CROSS_ENCODER: f64 = 2.0;

/// One of the best, and what the arms said of it by itself; 0 where one did not name it.
pub struct Candidate<'a> {
    pub body: &'a Body,
    /// What it was ordered by.
    pub value: f64,
    pub cosine: f32,
    pub words: f32,
}

/// The candidates in their new order, as places in the old one, with the value of each; higher is better.
/// Errors: those of the model; the old order stands then.
pub async fn order(
    question: &str,
    candidates: &[Candidate<'_>],
    around: &[&Body],
    (embedder, reranker): (&dyn Embedder, Option<&dyn Reranker>),
) -> Result<Vec<(usize, f64)>, EmbedError> {
    let before = before(candidates, around);
    // A text that is before several is read once.
    let mut texts: Vec<&Body> = vec![];
    let mut places: HashMap<*const Body, usize> = HashMap::new();
    for body in candidates.iter().map(|it| it.body).chain(before.iter().copied().flatten()) {
        places.entry(std::ptr::from_ref(body)).or_insert_with(|| {
            texts.push(body);
            texts.len() - 1
        });
    }
    let read = |body: &&Body| beginning(&body.text_to_embed());
    let values = match reranker {
        Some(model) => {
            let texts = candidates.iter().map(|it| read(&it.body)).collect();
            by_model(candidates, &model.score(question, texts).await?)
        }
        None => {
            let matches = embedder.interact(question, texts.iter().map(read).collect()).await?;
            let of = |body: &Body| &matches[places[&std::ptr::from_ref(body)]];
            let pairs: Vec<(&TokenMatch, Option<&TokenMatch>)> =
                candidates.iter().zip(&before).map(|(it, before)| (of(it.body), before.map(of))).collect();
            by_interaction(question, candidates, &before, &pairs)
        }
    };
    let mut order: Vec<(usize, f64)> = values.into_iter().enumerate().collect();
    // Stable: who is equal keeps the place.
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(order)
}

/// The text before each of them in its conversation or document, if it is around.
fn before<'a>(candidates: &[Candidate<'a>], around: &[&'a Body]) -> Vec<Option<&'a Body>> {
    let at: HashMap<_, &Body> = around.iter().filter_map(|body| Some((place_of(body)?, *body))).collect();
    let one = |it: &Candidate<'a>| {
        let (source, position) = place_of(it.body)?;
        at.get(&(source, position.checked_sub(1)?)).copied()
    };
    candidates.iter().map(one).collect()
}

fn beginning(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

fn by_model(candidates: &[Candidate<'_>], scores: &[f32]) -> Vec<f64> {
    let places = standard(candidates.iter().map(|it| it.value));
    let scores = standard(scores.iter().map(|score| f64::from(*score)));
    places.iter().zip(scores).map(|(place, score)| PLACE * place + CROSS_ENCODER * score).collect()
}

fn by_interaction(
    question: &str,
    candidates: &[Candidate<'_>],
    before: &[Option<&Body>],
    pairs: &[(&TokenMatch, Option<&TokenMatch>)],
) -> Vec<f64> {
    let rarity = rarity(pairs);
    let mean = |nearest: &dyn Fn(usize) -> f32| {
        let sum: f64 = rarity.iter().enumerate().map(|(token, worth)| worth * f64::from(nearest(token))).sum();
        let all: f64 = rarity.iter().sum();
        if all > 0.0 { sum / all } else { 0.0 }
    };
    let alone = pairs.iter().map(|(own, _)| mean(&|token| own.nearest[token]));
    let both = pairs.iter().map(|(own, before)| {
        let other = |token: usize| before.map_or(-1.0, |before| before.nearest[token]);
        mean(&|token| own.nearest[token].max(other(token)))
    });
    let columns = [
        (PLACE, standard(candidates.iter().map(|it| it.value))),
        (INTERACTION, standard(alone)),
        (WITH_BEFORE, standard(both)),
        (COSINE, standard(candidates.iter().map(|it| f64::from(it.cosine)))),
        (WORDS, standard(candidates.iter().map(|it| f64::from(it.words)))),
    ];
    let asks_when = times::asks_when(question);
    (0..candidates.len())
        .map(|it| {
            let follows = before[it].is_some_and(speakers::asks);
            let tells = asks_when && times::tells_time(&candidates[it].body.content);
            let sum: f64 = columns.iter().map(|(worth, column)| worth * column[it]).sum();
            sum + FOLLOWS_QUESTION * f64::from(u8::from(follows)) + TELLS_TIME * f64::from(u8::from(tells))
        })
        .collect()
}

/// What each token of the question is worth: the more, the fewer of the candidates hold it.
/// Source: the inverse document frequency of BM25, with the candidates as the collection.
fn rarity(pairs: &[(&TokenMatch, Option<&TokenMatch>)]) -> Vec<f64> {
    let tokens = pairs.first().map_or(0, |(own, _)| own.holds.len());
    let all = pairs.len() as f64;
    let worth = |token: usize| {
        let holding = pairs.iter().filter(|(own, _)| own.holds[token]).count() as f64;
        (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln()
    };
    (0..tokens).map(worth).collect()
}

/// As distances from the mean, in standard deviations; nothing where all are the same.
fn standard(values: impl Iterator<Item = f64>) -> Vec<f64> {
    super::second::standard(&values.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
