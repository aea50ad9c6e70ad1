//! How an answer to a search came about, in words. Called by `brain search --explain`. Pure.

use crate::api::v1::dto::search::{AnswerView, ArmView, PartsView, SearchResult};

/// A line for the whole, and one for each result.
pub fn lines(answer: &AnswerView, results: &[SearchResult]) -> Vec<String> {
    let stages = answer.stages_ms.iter().map(|(name, ms)| format!("{name} {ms:.1} ms")).collect::<Vec<_>>().join(", ");
    let results = results.iter().enumerate().map(|(place, result)| format!("{}: {}", place + 1, parts(result)));
    std::iter::once(format!("took {stages}")).chain(results).collect()
}

fn parts(result: &SearchResult) -> String {
    let arm = |(name, ArmView { rank, score }): (&String, &ArmView)| format!("{name} {score:.2} (rank {rank})");
    let arms = result.arms.iter().map(arm);
    let explained = result.explain.iter().flat_map(|PartsView { neighbours, speaker, walk, asks, rerank }| {
        [
            ("neighbours", *neighbours),
            ("speaker", *speaker),
            ("walk", *walk),
            ("asks", *asks),
            ("rerank", rerank.unwrap_or_default()),
        ]
    });
    let told = explained.filter(|(_, part)| *part != 0.0).map(|(name, part)| format!("{name} {part:+.2}"));
    let all: Vec<String> = arms.chain(told).collect();
    if all.is_empty() { "it stands beside others that were found".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_long_it_took() {
        let answer = AnswerView { stages_ms: [("words".to_owned(), 1.25), ("embed".to_owned(), 2.0)].into() };
        assert_eq!(lines(&answer, &[]), ["took embed 2.0 ms, words 1.2 ms"]);
    }
}
