//! `brain search`: finds memories by meaning and by words.

use std::process::ExitCode;

use reqwest::Method;

use super::{client::Connection, explained, filters::Conditions, layout::Layout, table};
use crate::api::v1::dto::search::{SearchAnswer, SearchInput};

/// Find memories. Words count most, meaning helps; put a phrase between double quotes to prefer it.
#[derive(clap::Args)]
pub struct Args {
    /// What to look for; several words need no quotes
    #[arg(required = true)]
    query: Vec<String>,
    /// Most results, 1 to 200
    #[arg(long, default_value_t = 10)]
    limit: u64,
    /// By what it is looked for: hybrid, semantic or keyword
    #[arg(long, default_value = "hybrid")]
    mode: String,
    /// Leave out results with a lower score, 0 to 1
    #[arg(long)]
    min_score: Option<f64>,
    /// Say how the order came about
    #[arg(long)]
    explain: bool,
    /// Hold the best against the question once more: better first places, a little later
    #[arg(long)]
    rerank: bool,
    #[command(flatten)]
    conditions: Conditions,
    /// Wait until everything written so far can be found by its meaning
    #[arg(long)]
    wait: bool,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let input = SearchInput {
        query: args.query.join(" "),
        limit: Some(args.limit),
        mode: Some(args.mode),
        min_score: args.min_score,
        wait: args.wait.then(|| "embedded".to_owned()),
        filters: Some(args.conditions.filter().into()),
        min_position: None,
        explain: args.explain,
        rerank: args.rerank.then_some(true),
        without: vec![],
    };
    let answer = connection.request(Method::POST, "/api/v1/search").body(&input).send().await;
    connection.show(answer, |answer: SearchAnswer| {
        let found = if answer.results.is_empty() {
            Layout::default().hint("nothing found")
        } else {
            table::found(&answer.results).into()
        };
        let told = answer.explain.iter().flat_map(|explain| explained::lines(explain, &answer.results));
        let found = told.fold(found, Layout::hint);
        if answer.degraded.is_empty() {
            return found;
        }
        found.hint(format!(
            "brain: found without the arm {}, which is away or cannot read the query",
            answer.degraded.join(" and ")
        ))
    })
}
