//! Conversations of LoCoMo's form: their turns, their questions, and the turns that hold the answers. What a question finds is counted
//! among the turns of its own conversation, by meaning alone.

use std::path::Path;

use serde_json::Value;

use super::{
    Way, best,
    reference::{self, Candle},
};

const TOP: usize = 10;

struct Conversation {
    turns: Vec<(String, String)>,
    /// With the names of the turns that hold the answer.
    questions: Vec<(String, Vec<usize>)>,
}

pub struct Conversations(Vec<Conversation>);

impl Conversations {
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let all: Vec<Value> = serde_json::from_slice(&std::fs::read(file)?)?;
        Ok(Self(all.iter().map(conversation).collect()))
    }

    pub fn turns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|it| &it.turns).map(|(_, text)| text.as_str())
    }

    /// How many of the ten nearest are the same as candle's, and how much of the evidence is among them.
    pub fn compare(&self, candle: &Candle, ways: &[Way]) -> anyhow::Result<()> {
        let exact = self.found(candle, |batch| candle.embed(batch))?;
        println!("\n| | top-10 overlap with candle f32 | R@10 |\n|---|---|---|\n| candle f32 | 1 | {:.2} |", self.recall(&exact));
        for way in best(ways) {
            let found = self.found(candle, |batch| Ok(way.encoder.embed(batch, 2)?))?;
            let same = |(a, b): (&Vec<usize>, &Vec<usize>)| a.iter().filter(|one| b.contains(one)).count() as f64 / TOP as f64;
            let overlap = exact.iter().zip(&found).map(same).sum::<f64>() / exact.len() as f64;
            println!("| {} | {overlap:.4} | {:.2} |", way.precision, self.recall(&found));
        }
        Ok(())
    }

    /// The nearest turns of each question, conversation by conversation.
    fn found(
        &self,
        candle: &Candle,
        mut embed: impl FnMut(&[Vec<u32>]) -> anyhow::Result<Vec<Vec<f32>>>,
    ) -> anyhow::Result<Vec<Vec<usize>>> {
        let mut found = vec![];
        for it in &self.0 {
            let texts: Vec<String> = it.turns.iter().map(|(_, text)| text.clone()).collect();
            let questions: Vec<String> = it.questions.iter().map(|(text, _)| text.clone()).collect();
            let turns = reference::all(&candle.tokens(&texts)?, &mut embed)?;
            for question in reference::all(&candle.tokens(&questions)?, &mut embed)? {
                let mut near: Vec<(f64, usize)> =
                    turns.iter().enumerate().map(|(place, turn)| (reference::cosine(&question, turn), place)).collect();
                near.sort_by(|a, b| b.0.total_cmp(&a.0));
                found.push(near.into_iter().take(TOP).map(|(_, place)| place).collect());
            }
        }
        Ok(found)
    }

    /// In percent, of the questions that have evidence.
    fn recall(&self, found: &[Vec<usize>]) -> f64 {
        let questions = self.0.iter().flat_map(|it| &it.questions);
        let shares: Vec<f64> = questions
            .zip(found)
            .filter(|((_, evidence), _)| !evidence.is_empty())
            .map(|((_, evidence), found)| {
                evidence.iter().filter(|one| found.contains(one)).count() as f64 / evidence.len() as f64
            })
            .collect();
        shares.iter().sum::<f64>() / shares.len() as f64 * 100.0
    }
}

fn conversation(it: &Value) -> Conversation {
    let mut turns = vec![];
    for session in 1.. {
        let Some(session) = it["conversation"][format!("session_{session}")].as_array() else {
            if it["conversation"].get(format!("session_{session}_date_time")).is_some() {
                continue;
            }
            break;
        };
        for turn in session {
            let word = |name: &str| turn[name].as_str().unwrap_or_default();
            turns.push((word("dia_id").to_owned(), format!("{}: {}", word("speaker"), word("text"))));
        }
    }
    let place = |name: &str| turns.iter().position(|(id, _)| id == name);
    let question = |it: &Value| {
        let evidence = it["evidence"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut evidence: Vec<usize> = evidence.flat_map(names).filter_map(|name| place(&name)).collect();
        evidence.sort_unstable();
        evidence.dedup();
        (it["question"].as_str().unwrap_or_default().to_owned(), evidence)
    };
    let questions = it["qa"].as_array().into_iter().flatten().map(question).collect();
    Conversation { turns, questions }
}

/// The names of turns that a text speaks of: some are written together.
fn names(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == ':'));
    words
        .filter_map(|word| word.trim_matches(':').split_once(':'))
        .filter_map(|(session, turn)| {
            let (session, turn): (u32, u32) = (session.parse().ok()?, turn.parse().ok()?);
            Some(format!("D{session}:{turn}"))
        })
        .collect()
}
