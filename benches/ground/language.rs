//! What memories say: words of the model's own vocabulary, each as often as its rank in Zipf's law makes it, about topics.
//!
//! Texts about one topic share words and lie close by meaning, as what people keep does; a question picks words of one topic.
//! A text of words drawn at random would resemble every other text as much, so that each new one concerned every question.

use std::sync::Arc;

use second_brain::{
    adapters::encoder::{Computing, MiniLm},
    ports::{DIMENSIONS, Embedder, Urgency},
};
use serde_json::Value;

use super::dice::Dice;

const TOPICS: usize = 1_000;
const QUESTIONS: usize = 4;
const QUESTION_WORDS: usize = 3;
/// The Zipf-Mandelbrot law's offset: what stands before it in English are words without a meaning of their own.
const OFFSET: f64 = 100.0;
/// Scatter of vectors in each dimension.
const SCATTER: f32 = 0.065;

/// Words, and topics of them.
pub struct Language {
    words: Vec<String>,
    topics: Vec<Topic>,
}

/// Questions about it, each of three words of its own, and what they mean.
struct Topic {
    questions: [[usize; QUESTION_WORDS]; QUESTIONS],
    vectors: Vec<Vec<f32>>,
}

impl Language {
    /// Reads the model's vocabulary, which is in order of frequency, and embeds all questions.
    pub async fn new() -> anyhow::Result<Self> {
        let cache_dir = second_brain::config::Config::of_environment()?.folders.cache_dir;
        let folder = second_brain::runtime::model_dir(&cache_dir, &|step| eprintln!("{step}"))?;
        let words = vocabulary(&serde_json::from_slice(&std::fs::read(folder.join("tokenizer.json"))?)?);
        let model = MiniLm::new(Arc::new(move || Ok(folder.clone())), Computing::default())?;
        let mut language = Self { words, topics: vec![] };
        language.topics = (0..TOPICS).map(|topic| language.topic(topic)).collect();
        let questions = language.topics.iter().flat_map(|topic| &topic.questions).map(|words| language.join(words));
        let vectors = model.embed(questions.collect(), Urgency::Ingest).await?;
        for (topic, vectors) in language.topics.iter_mut().zip(vectors.chunks(QUESTIONS)) {
            topic.vectors = vectors.to_vec();
        }
        Ok(language)
    }

    /// The text of memory `n`: 12 to 51 words and its number.
    pub fn text(&self, n: usize) -> String {
        let questions = &self.topics[topic_of(n)].questions;
        let word =
            |(topical, other): (Option<(usize, usize)>, usize)| topical.map_or(other, |(one, place)| questions[one][place]);
        let words: Vec<usize> = self.drawn(n).map(word).collect();
        format!("{} {n}", self.join(&words))
    }

    /// The unit vector of memory `n`: nearer to the questions whose words it has, and scattered, so that cosines of texts and
    /// questions are as the model's own.
    pub fn vector(&self, n: usize) -> Vec<f32> {
        let topic = &self.topics[topic_of(n)];
        let mut counts = [0.0; QUESTIONS];
        self.drawn(n).filter_map(|(topical, _)| topical).for_each(|(one, _)| counts[one] += 1.0);
        let mut sum = vec![0.0; DIMENSIONS];
        for (count, vector) in counts.iter().zip(&topic.vectors) {
            sum.iter_mut().zip(vector).for_each(|(sum, part)| *sum += count * part);
        }
        let (length, mut dice) = (length(&sum).max(1e-3), Dice::new(!n as u64));
        // A uniform number's deviation is its width over the root of twelve.
        let mut scatter = || (dice.share() as f32 - 0.5) * SCATTER * 12f32.sqrt();
        sum.iter_mut().for_each(|number| *number = *number / length + scatter());
        let length = self::length(&sum);
        sum.into_iter().map(|number| number / length).collect()
    }

    /// Three words of a topic. Questions of one number are the same.
    pub fn question(&self, number: usize) -> String {
        self.join(&self.topics[topic_of(number)].questions[number / TOPICS % QUESTIONS])
    }

    /// What a question means, as a unit vector.
    pub fn meaning(&self, number: usize) -> &[f32] {
        &self.topics[topic_of(number)].vectors[number / TOPICS % QUESTIONS]
    }

    /// The words of memory `n`: every second one of a question about its topic (which one, and the place in it), else any other.
    fn drawn(&self, n: usize) -> impl Iterator<Item = (Option<(usize, usize)>, usize)> {
        let mut dice = Dice::new(n as u64);
        (0..12 + n % 40).map(move |_| {
            let is_topical = dice.below(2) == 0;
            (is_topical.then(|| (dice.below(QUESTIONS), dice.below(QUESTION_WORDS))), self.draw(&mut dice))
        })
    }

    fn topic(&self, number: usize) -> Topic {
        let mut dice = Dice::new(number as u64 ^ 0x7091_c000);
        let questions = std::array::from_fn(|_| std::array::from_fn(|_| self.draw(&mut dice)));
        Topic { questions, vectors: vec![] }
    }

    /// A word by the Zipf-Mandelbrot law, by inversion of its integral.
    fn draw(&self, dice: &mut Dice) -> usize {
        let most = 1.0 + self.words.len() as f64 / OFFSET;
        ((OFFSET * (most.powf(dice.share()) - 1.0)) as usize).min(self.words.len() - 1)
    }

    fn join(&self, words: &[usize]) -> String {
        words.iter().map(|word| self.words[*word].as_str()).collect::<Vec<_>>().join(" ")
    }
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|number| number * number).sum::<f32>().sqrt()
}

/// Neighbouring numbers are about different things.
fn topic_of(number: usize) -> usize {
    number * 7_919 % TOPICS
}

/// Whole words of four letters or more, the most frequent first.
fn vocabulary(tokenizer: &Value) -> Vec<String> {
    let known = tokenizer["model"]["vocab"].as_object().into_iter().flatten();
    let mut words: Vec<(u64, &String)> = known
        .filter(|(word, _)| word.len() >= 4 && word.bytes().all(|letter| letter.is_ascii_lowercase()))
        .map(|(word, number)| (number.as_u64().unwrap_or(u64::MAX), word))
        .collect();
    words.sort();
    words.into_iter().map(|(_, word)| word.clone()).collect()
}
