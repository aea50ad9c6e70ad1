//! Reranking, without a model: what its words say is given.

use super::*;
use crate::domain::memory::{Draft, Source};

fn body(content: &str, position: Option<u64>) -> Body {
    let source = Source { id: position.map(|_| "a talk".into()), position, ..Source::default() };
    Draft { content: content.into(), source, ..Draft::default() }.validate().expect("valid")
}

fn candidate(body: &Body, value: f64) -> Candidate<'_> {
    Candidate { body, value, cosine: 0.5, words: 1.0 }
}

fn matched(nearest: &[f32]) -> TokenMatch {
    TokenMatch { nearest: nearest.to_vec(), holds: nearest.iter().map(|it| *it > 0.9).collect() }
}

fn best(values: &[f64]) -> usize {
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).expect("some")
}

#[test]
fn who_comes_near_to_the_rare_words_of_the_question_comes_first() {
    let bodies: Vec<Body> = ["one", "two", "three"].iter().map(|it| body(it, None)).collect();
    let candidates: Vec<Candidate<'_>> = bodies.iter().map(|it| candidate(it, 1.0)).collect();
    // All hold the first token; the second has the one that few hold.
    let matches = [matched(&[1.0, 0.2]), matched(&[0.95, 1.0]), matched(&[1.0, 0.3])];
    let pairs: Vec<_> = matches.iter().map(|it| (it, None)).collect();
    assert_eq!(best(&by_interaction("q", &candidates, &[None; 3], &pairs)), 1);
    let rarity = rarity(&pairs);
    assert!(rarity[1] > 3.0 * rarity[0], "{rarity:?}");
    assert_eq!(by_interaction("q", &[], &[], &[]), Vec::<f64>::new());
}

#[test]
fn an_answer_follows_its_question_and_tells_a_time_to_who_asks_when() {
    let bodies = [
        body("Ann: where were you?", Some(1)),
        body("Bo: at sea", Some(2)),
        body("Bo: at sea", Some(7)),
        body("last week", None),
    ];
    let candidates: Vec<Candidate<'_>> = bodies[1..].iter().map(|it| candidate(it, 1.0)).collect();
    let around: Vec<&Body> = bodies.iter().collect();
    let before = before(&candidates, &around);
    assert!(before[0].is_some_and(|it| it.content.ends_with("you?")) && before[1].is_none() && before[2].is_none());
    let same = matched(&[0.5]);
    let pairs = [(&same, Some(&same)), (&same, None), (&same, None)];
    assert_eq!(best(&by_interaction("where was Bo", &candidates, &before, &pairs)), 0);
    assert_eq!(best(&by_interaction("When was it?", &candidates, &before, &pairs)), 2);
}

#[test]
fn a_model_has_the_say_and_the_place_decides_between_equals() {
    let bodies = [body("one", None), body("two", None), body("three", None)];
    let candidates: Vec<Candidate<'_>> = bodies.iter().zip([3.0, 2.0, 1.0]).map(|(it, value)| candidate(it, value)).collect();
    assert_eq!(best(&by_model(&candidates, &[-9.0, -8.0, 7.0])), 2);
    assert_eq!(best(&by_model(&candidates, &[1.0, 1.0, 1.0])), 0);
}
