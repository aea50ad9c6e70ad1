//! What an evaluation says, as Markdown tables. Pure; called by `brain eval`.

use std::{collections::BTreeSet, fmt::Write};

use super::{
    asking::Answers,
    measure::{self, BINS, Bin, CUTS, Outcome, Worth},
};

/// A score from which on a result is taken for right.
const THRESHOLD: f64 = 0.5;
/// What is not asked about anything that is there shall stay below this.
const OFF_TOPIC_MAX: f64 = 0.2;

/// One row for each arrangement, all questions; percent but for the mean reciprocal rank, with half of the 95 % interval.
pub fn overall(rows: &[(String, Answers)]) -> String {
    let cuts = CUTS.map(|cut| format!("R@{cut}")).join(" | ");
    let mut text = format!("| arrangement | questions | {cuts} | hit@1 | MRR |\n|---|{}\n", "---|".repeat(CUTS.len() + 3));
    for (name, answers) in rows {
        let worth = Worth::of(answers.outcomes.iter());
        let unsure = measure::uncertainty(&answers.outcomes);
        let _ = write!(text, "| {name} | {} |", worth.questions);
        for (share, half) in worth.recall.iter().chain([&worth.hit_at_1]).zip(&unsure) {
            let _ = write!(text, " {:.1}{} |", share * 100.0, interval(half * 100.0, 1));
        }
        let _ = writeln!(text, " {:.3}{} |", worth.reciprocal_rank, interval(unsure[CUTS.len() + 1], 3));
    }
    text
}

fn interval(half: f64, digits: usize) -> String {
    if half.is_nan() { String::new() } else { format!(" ± {half:.digits$}") }
}

/// One row for each category of one arrangement.
pub fn by_category(outcomes: &[Outcome]) -> String {
    let categories: BTreeSet<&str> = outcomes.iter().map(|it| &*it.category).collect();
    let mut text = String::from("| category | questions | R@5 | R@10 | hit@1 | MRR |\n|---|---|---|---|---|---|\n");
    for category in categories {
        let worth = Worth::of(outcomes.iter().filter(|it| it.category == category));
        let [_, at_5, at_10, ..] = worth.recall.map(|share| share * 100.0);
        let (hit, mrr) = (worth.hit_at_1 * 100.0, worth.reciprocal_rank);
        let _ = writeln!(text, "| {category} | {} | {at_5:.1} | {at_10:.1} | {hit:.1} | {mrr:.3} |", worth.questions);
    }
    text
}

/// How often results of each tenth of the scores were what was expected.
pub fn reliability(answers: &Answers) -> String {
    let bins = measure::bins(answers.scores.iter().flatten().copied());
    let mut text = String::from("| score | results | mean score | were expected | |\n|---|---|---|---|---|\n");
    for (place, bin) in bins.iter().enumerate() {
        text.push_str(&line(place, bin));
    }
    let _ = writeln!(text, "\nCalibration error {:.3}. {}", measure::calibration_error(&bins), above(answers));
    text
}

fn line(place: usize, bin: &Bin) -> String {
    let (low, high) = (place as f64 / BINS as f64, (place + 1) as f64 / BINS as f64);
    let share = |sum: f64| if bin.results == 0 { f64::NAN } else { sum / bin.results as f64 };
    let (mean, right) = (share(bin.score_sum), share(bin.right as f64));
    let bar = "█".repeat((right * 20.0) as usize);
    format!("| {low:.1}–{high:.1} | {} | {mean:.2} | {right:.2} | {bar} |\n", bin.results)
}

fn above(answers: &Answers) -> String {
    let first = answers.scores.iter().filter_map(|scores| scores.first());
    let best: Vec<bool> = first.filter(|(score, _)| *score >= THRESHOLD).map(|(_, is_right)| *is_right).collect();
    let right = best.iter().filter(|is_right| **is_right).count();
    let share = right as f64 / best.len().max(1) as f64 * 100.0;
    format!(
        "Best results with {THRESHOLD} or more: {} of {}, of which {share:.0} % were expected.",
        best.len(),
        answers.scores.len()
    )
}

/// What the best results of questions score that nothing here answers.
pub fn off_topic(answers: &Answers, questions: &[super::Question]) -> String {
    let best: Vec<f64> = answers.scores.iter().map(|scores| scores.first().map_or(0.0, |(score, _)| *score)).collect();
    let bins = measure::bins(best.iter().map(|score| (*score, false)));
    let mut text = String::from("| best score | questions |\n|---|---|\n");
    for (place, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.results > 0) {
        let (low, high) = (place as f64 / BINS as f64, (place + 1) as f64 / BINS as f64);
        let _ = writeln!(text, "| {low:.1}–{high:.1} | {} |", bin.results);
    }
    let mut loud: Vec<(&f64, &str)> =
        best.iter().zip(questions).filter(|(score, _)| **score >= OFF_TOPIC_MAX).map(|(score, it)| (score, &*it.text)).collect();
    loud.sort_by(|a, b| b.0.total_cmp(a.0));
    let _ = writeln!(text, "\n{} of {} stay below {OFF_TOPIC_MAX}.", best.len() - loud.len(), best.len());
    for (score, question) in loud.iter().take(10) {
        let _ = writeln!(text, "- {score:.2} {question}");
    }
    text
}
