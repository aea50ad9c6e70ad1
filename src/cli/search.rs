//! `brain search`: finds memories by meaning and by words.

use std::process::ExitCode;

use reqwest::Method;

use super::{client::Connection, explained, filters::Conditions, layout::Layout, table};
use crate::api::v1::dto::search::{SearchAnswer, SearchInput};

/// Below this score nothing speaks for a result: asked about what no memory is about, the best has less.
const RELEVANT_MIN: f32 = 0.2;

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
    /// Leave out results with a lower score, 0 to 1; 0 lists also what has nothing to do with it
    #[arg(long)]
    min_score: Option<f64>,
    /// Say how the order came about
    #[arg(long)]
    explain: bool,
    /// Hold the best against the question once more: better first places, a little later
    #[arg(long)]
    rerank: bool,
    /// List copies of a result, too: memories that say the same
    #[arg(long)]
    copies: bool,
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
        fold: args.copies.then_some(false),
    };
    let answer = connection.request(Method::POST, "/api/v1/search").body(&input).send().await;
    connection.show(answer, |answer: SearchAnswer| shown(&answer, input.min_score.is_some()))
}

/// The results, or that there are none worth reading; `is_any_wanted` where the caller says from which score on they are.
fn shown(answer: &SearchAnswer, is_any_wanted: bool) -> Layout {
    let found = match answer.results.first() {
        None => Layout::default().hint("nothing found"),
        Some(best) if !is_any_wanted && best.score < RELEVANT_MIN => {
            Layout::default().hint("nothing relevant (--min-score 0 lists what is nearest)")
        }
        Some(_) => table::found(&answer.results).into(),
    };
    let told = answer.explain.iter().flat_map(|explain| explained::lines(explain, &answer.results));
    let found = told.fold(found, Layout::hint);
    if answer.degraded.is_empty() {
        return found;
    }
    found.hint(format!("brain: found without the arm {}, which is away or cannot read the query", answer.degraded.join(" and ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::screen::Screen;

    fn answer(score: f32) -> SearchAnswer {
        let memory = json!({
            "id": "01900000-0000-7000-8000-000000000001", "title": "Tea", "content": "x. Tea is hot.", "memory_type": "semantic",
            "tags": [], "metadata": {}, "importance": 0.5, "sensitive": false, "revision": 1, "occurred_at": null,
            "source": {"kind": null, "uri": null, "id": null, "position": null}, "user_id": null, "agent_id": null, "run_id": null,
            "created_at": "2026-11-28T10:00:00Z", "updated_at": "2026-11-28T10:00:00Z",
        });
        let result = json!({
            "memory": memory, "score": score, "arms": {"keyword": {"rank": 1, "score": 3.0}}, "matched": "words", "similar": 1,
            "passage": {"text": "…Tea is hot.", "start": 3, "end": 14},
            "highlights": [{"field": "title", "start": 0, "end": 3}, {"field": "content", "start": 3, "end": 6}],
        });
        serde_json::from_value(json!({"results": [result], "degraded": []})).expect("an answer")
    }

    #[test]
    fn noise_is_listed_only_to_who_asks_for_it() {
        let told = |score, is_any_wanted| {
            let layout = shown(&answer(score), is_any_wanted);
            (layout.render(Screen::Pipe).lines().count(), layout.hints.len())
        };
        assert_eq!((told(0.19, false), told(0.19, true), told(0.2, false)), ((0, 1), (1, 0), (1, 0)));
    }

    #[test]
    fn words_are_set_off_where_they_stand_in_the_passage() {
        let text = table::found(&answer(0.5).results).render(Screen::Terminal { width: 80 }, true);
        assert!(
            text.contains("  \u{1b}[1;31mTea\u{1b}[0m\n  …\u{1b}[1;31mTea\u{1b}[0m is hot.") && text.contains("1 similar"),
            "{text:?}"
        );
    }
}
