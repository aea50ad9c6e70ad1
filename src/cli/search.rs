//! `brain search`: finds memories by meaning and by words.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{client::Connection, json_object, table};
use crate::api::dto::search::{SearchAnswer, SearchInput};

/// Find memories. Words count most, meaning helps; put a phrase between double quotes to prefer it.
#[derive(clap::Args)]
pub struct Args {
    /// What to look for; several words need no quotes
    #[arg(required = true)]
    query: Vec<String>,
    /// 1 to 200
    #[arg(long, default_value_t = 10)]
    limit: u64,
    /// hybrid, semantic or keyword
    #[arg(long, default_value = "hybrid")]
    mode: String,
    /// semantic, episodic or procedural
    #[arg(long = "type")]
    memory_type: Option<String>,
    /// The memory has this tag; given several times, all of them
    #[arg(long = "tag")]
    tags: Vec<String>,
    #[arg(long)]
    user_id: Option<String>,
    #[arg(long)]
    agent_id: Option<String>,
    #[arg(long)]
    run_id: Option<String>,
    /// 0 to 1
    #[arg(long)]
    min_importance: Option<f64>,
    /// Created at or after this RFC 3339 time
    #[arg(long)]
    since: Option<String>,
    /// Created before this RFC 3339 time
    #[arg(long)]
    until: Option<String>,
    /// A filter as the API takes it, for instance '{"not": {"tags": ["draft"]}}'
    #[arg(long, value_parser = json_object)]
    filter: Option<Map<String, Value>>,
    /// Wait until everything written so far can be found by its meaning
    #[arg(long)]
    wait: bool,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let input = SearchInput {
        query: args.query.join(" "),
        limit: Some(args.limit),
        mode: Some(args.mode.clone()),
        wait: args.wait.then(|| "embedded".to_owned()),
        filters: Some(filters(args)),
        min_position: None,
    };
    let answer = connection.request(Method::POST, "/api/v1/search").body(&input).send().await;
    connection.show(answer, |answer: SearchAnswer| {
        if !answer.degraded.is_empty() {
            eprintln!("brain: the results lack the arm {}, which cannot answer now", answer.degraded.join(" and "));
        }
        if answer.results.is_empty() { "nothing found".to_owned() } else { table::found(&answer.results) }
    })
}

/// All of the options as one filter.
fn filters(args: Args) -> Value {
    let mut filters = Map::new();
    let texts =
        [("memory_type", args.memory_type), ("user_id", args.user_id), ("agent_id", args.agent_id), ("run_id", args.run_id)];
    filters.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
    if !args.tags.is_empty() {
        filters.insert("tags".into(), args.tags.into());
    }
    if let Some(importance) = args.min_importance {
        filters.insert("importance".into(), json!({"gte": importance}));
    }
    let ends = [("gte", args.since), ("lt", args.until)];
    let created: Map<String, Value> = ends.into_iter().filter_map(|(name, end)| Some((name.to_owned(), end?.into()))).collect();
    if !created.is_empty() {
        filters.insert("created_at".into(), created.into());
    }
    if let Some(filter) = args.filter {
        filters.insert("and".into(), json!([filter]));
    }
    filters.into()
}
