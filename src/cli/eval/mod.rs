//! `brain eval`: how good searches are, measured through the API on conversations or on pairs of the user's own. Prints Markdown.
//!
//! It writes nothing but the conversations that it is given, in runs of their own, and deletes them afterwards.

mod asking;
mod dialogues;
mod loading;
mod measure;
mod pairs;
mod tables;

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use serde_json::{Map, Value, json};

use self::asking::{Answers, Arrangement};
use super::{
    Usage,
    client::{Connection, Error},
    output,
};
use crate::queries::search::second::Mechanism;

/// Questions that no collection of notes and conversations answers: about other things, in other tongues, and of no sense.
const OFF_TOPIC: &str = include_str!("off_topic.txt");

/// Measure how good searches are.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(clap::Subcommand)]
enum Wish {
    /// On conversations with questions about them, in the shape of LoCoMo; they are written to the space as runs of their own, and
    /// deleted afterwards
    Locomo {
        /// A JSON file: a list of conversations with sessions, turns and questions
        file: PathBuf,
        /// Leave the conversations there under this name, and take those that are there already
        #[arg(long, value_name = "NAME")]
        keep: Option<String>,
        #[command(flatten)]
        looks: Looks,
    },
    /// On pairs of your own: each line is {"question": "…", "expected": "…"}, where what is expected is the id of a memory, the id or address
    /// of its source, its title, or all that it says, or a list of such; with "category" and "filters" if you like
    File {
        /// A file of such lines
        file: PathBuf,
        #[command(flatten)]
        looks: Looks,
    },
}

/// What is looked at.
#[derive(clap::Args)]
struct Looks {
    /// Measure hybrid searches without each of their mechanisms as well
    #[arg(long)]
    ablate: bool,
    /// Look at this arrangement only: semantic, keyword, hybrid
    #[arg(long)]
    mode: Option<String>,
}

/// A question, and what should come.
#[derive(Clone, Debug, Default)]
pub struct Question {
    pub text: String,
    pub filters: Map<String, Value>,
    pub expected: Vec<String>,
    pub category: String,
    /// Questions of one group are drawn together.
    pub group: usize,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let outcome = match args.wish {
        Wish::File { file, looks } => {
            let questions = pairs::read(&text(&file)?).map_err(|cause| Usage(format!("{}: {cause}", file.display())))?;
            report(connection, &questions, &looks).await?
        }
        Wish::Locomo { file, keep, looks } => {
            let name = match &keep {
                Some(name) => name.clone(),
                None => format!("eval-{}", loading::log_end(connection).await?),
            };
            let dialogues = dialogues::read(&text(&file)?, &name).with_context(|| file.display().to_string())?;
            let written = loading::write(connection, &dialogues).await;
            let told = match written {
                Ok(questions) => report(connection, &questions, &looks).await?,
                Err(error) => Err(error),
            };
            if keep.is_none() {
                loading::remove(connection, &dialogues).await?;
            }
            told
        }
    };
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => connection.fail(&error),
    }
}

fn text(file: &PathBuf) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// Asks everything and prints what came of it.
async fn report(connection: &Connection, questions: &[Question], looks: &Looks) -> anyhow::Result<Result<(), Error>> {
    let mut rows: Vec<(String, Answers)> = vec![];
    for arrangement in arrangements(looks) {
        match asking::all(connection, questions, &arrangement).await {
            Ok(answers) => rows.push((arrangement.name, answers)),
            Err(error) => return Ok(Err(error)),
        }
    }
    output::line(tables::overall(&rows))?;
    let Some((name, best)) = rows.iter().rev().find(|(name, _)| name == "hybrid").or(rows.last()) else { return Ok(Ok(())) };
    output::line(format!("By category, {name}:\n\n{}", tables::by_category(&best.outcomes)))?;
    output::line(format!("What scores say, {name}, the best ten of each question:\n\n{}", tables::reliability(best)))?;
    let strange: Vec<Question> = off_topic(questions);
    match asking::all(connection, &strange, &Arrangement::mode("hybrid")).await {
        Ok(answers) => {
            output::line(format!("Questions that nothing here answers:\n\n{}", tables::off_topic(&answers, &strange)))?;
            Ok(Ok(()))
        }
        Err(error) => Ok(Err(error)),
    }
}

/// The questions without an answer, each where one of the others is asked.
fn off_topic(questions: &[Question]) -> Vec<Question> {
    let lines = OFF_TOPIC.lines().filter(|line| !line.is_empty());
    let places = (0..questions.len()).step_by((questions.len() / 100).max(1)).cycle();
    lines
        .zip(places)
        .map(|(text, place)| Question { text: text.to_owned(), expected: vec![], ..questions[place].clone() })
        .collect()
}

fn arrangements(looks: &Looks) -> Vec<Arrangement> {
    let mut arrangements: Vec<Arrangement> = ["semantic", "keyword", "hybrid"].map(Arrangement::mode).into();
    if let Some(mode) = &looks.mode {
        arrangements.retain(|it| it.name == *mode);
    }
    if looks.mode.is_none() {
        arrangements.push(Arrangement::with("hybrid, reranked", json!({"rerank": true})));
    }
    if looks.ablate {
        let all = Mechanism::ALL.map(Mechanism::as_str);
        arrangements.push(Arrangement::with("hybrid without all of them", json!({"without": all})));
        arrangements.extend(
            Mechanism::ALL
                .map(|it| Arrangement::with(&format!("hybrid without {}", it.as_str()), json!({"without": [it.as_str()]}))),
        );
    }
    arrangements
}
