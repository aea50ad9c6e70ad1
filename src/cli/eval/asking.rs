//! Asks a running server the questions of an evaluation, one arrangement after the other, through the API that everybody uses.

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{Question, measure::Outcome};
use crate::{
    api::v1::dto::{
        MemoryView,
        search::{SearchAnswer, SearchResult},
    },
    cli::{
        client::{Connection, Error},
        progress,
    },
};

/// Results that are asked for: as deep as recall is looked at.
const LIMIT: usize = 50;
/// Results whose scores are held against what was expected.
const SCORED: usize = 10;
const REQUESTS_IN_FLIGHT_MAX: usize = 4;

/// A way to search, by a name.
#[derive(Clone, Debug)]
pub struct Arrangement {
    pub name: String,
    /// What the request has beside question, filters and limit.
    pub fields: Map<String, Value>,
}

impl Arrangement {
    pub fn mode(mode: &str) -> Self {
        Self::with(mode, json!({"mode": mode}))
    }

    pub fn with(name: &str, fields: Value) -> Self {
        let Value::Object(fields) = fields else { unreachable!("fields are written as an object") };
        Self { name: name.to_owned(), fields }
    }
}

/// What came of all questions.
#[derive(Debug, Default)]
pub struct Answers {
    pub outcomes: Vec<Outcome>,
    /// The best of each question: the score, and whether it was expected.
    pub scores: Vec<Vec<(f64, bool)>>,
}

/// Asks all questions. Errors: the server is lost, or refuses.
pub async fn all(connection: &Connection, questions: &[Question], arrangement: &Arrangement) -> Result<Answers, Error> {
    let bar = progress::bar(Some(questions.len() as u64), &format!("questions, {}", arrangement.name));
    let asked = questions.iter().map(|question| {
        let bar = bar.clone();
        async move {
            let answer = one(connection, question, arrangement).await;
            bar.inc(1);
            answer.map(|results| (outcome(question, &results), scores(question, &results)))
        }
    });
    let answered: Result<Vec<_>, Error> = stream::iter(asked).buffered(REQUESTS_IN_FLIGHT_MAX).try_collect().await;
    bar.finish_and_clear();
    let (outcomes, scores) = answered?.into_iter().unzip();
    Ok(Answers { outcomes, scores })
}

async fn one(connection: &Connection, question: &Question, arrangement: &Arrangement) -> Result<Vec<SearchResult>, Error> {
    let mut body = arrangement.fields.clone();
    body.insert("query".into(), question.text.clone().into());
    // Each of two turns that say the same is looked for by itself.
    body.insert("fold".into(), false.into());
    body.insert("limit".into(), LIMIT.into());
    if !question.filters.is_empty() {
        body.insert("filters".into(), question.filters.clone().into());
    }
    let answer: SearchAnswer = connection.request(Method::POST, "/api/v1/search").body(&body).read().await?;
    Ok(answer.results)
}

/// The place in `expected` of each that a memory is: its id, its source's id or address, its title, or all that it says.
fn names<'a>(memory: &'a MemoryView, expected: &'a [String]) -> impl Iterator<Item = usize> + 'a {
    let id = memory.id.to_string();
    let is = move |wanted: &String| {
        let given = [memory.source.id.as_ref(), memory.source.uri.as_ref(), memory.title.as_ref(), Some(&memory.content)];
        *wanted == id || given.into_iter().flatten().any(|one| one.trim() == wanted.trim())
    };
    expected.iter().enumerate().filter(move |(_, wanted)| is(wanted)).map(|(place, _)| place)
}

fn outcome(question: &Question, results: &[SearchResult]) -> Outcome {
    let mut first: Vec<Option<usize>> = vec![None; question.expected.len()];
    for (place, result) in results.iter().enumerate() {
        for found in names(&result.memory, &question.expected) {
            first[found].get_or_insert(place + 1);
        }
    }
    let (group, category, expected) = (question.group, question.category.clone(), question.expected.len());
    Outcome { group, category, ranks: first.into_iter().flatten().collect(), expected }
}

fn scores(question: &Question, results: &[SearchResult]) -> Vec<(f64, bool)> {
    let scored = results.iter().take(SCORED);
    scored.map(|it| (f64::from(it.score), names(&it.memory, &question.expected).next().is_some())).collect()
}
