//! The second look, mechanism by mechanism.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        ids::{MemoryId, Revision, SpaceId, StreamSeq},
        memory::{Draft, Memory, Source},
    },
    ports::{KeywordChange, KeywordHits, KeywordText, Places, QueryError, WordWeight},
};

/// Counts words between spaces and signs; holds nothing.
struct Counting;

#[async_trait]
impl KeywordIndex for Counting {
    fn applied_seq(&self) -> StreamSeq {
        StreamSeq(0)
    }
    async fn stage(&self, _: Vec<KeywordChange>) -> Result<(), QueryError> {
        Ok(())
    }
    async fn commit(&self, _: StreamSeq) -> Result<(), QueryError> {
        Ok(())
    }
    async fn start_over(&self) -> Result<(), QueryError> {
        Ok(())
    }
    async fn documents(&self) -> Result<(StreamSeq, Vec<(MemoryId, u64)>), QueryError> {
        Ok((StreamSeq(0), vec![]))
    }
    fn is_suspect(&self) -> bool {
        false
    }
    async fn suspected(&self) {}
    async fn examine(&self) -> Result<Vec<String>, QueryError> {
        Ok(vec![])
    }
    async fn clear(&self) -> Result<(), QueryError> {
        Ok(())
    }
    async fn scrub(&self) -> Result<bool, QueryError> {
        Ok(true)
    }
    async fn places(&self, _: &str, texts: Vec<KeywordText>) -> Result<Vec<Places>, QueryError> {
        Ok(vec![Places::default(); texts.len()])
    }
    async fn search(&self, _: &SpaceId, _: &str, _: Option<HashSet<MemoryId>>, _: usize) -> Result<KeywordHits, QueryError> {
        Ok(KeywordHits::default())
    }
    fn words(&self, text: &KeywordText) -> Words {
        let mut words = Words::default();
        for word in text.content.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            *words.content.entry(word.to_lowercase()).or_default() += 1;
            words.content_len += 1;
        }
        words
    }
}

fn seen(position: u64, content: &str, found: (Option<f32>, Option<f32>)) -> Seen {
    let source = Source { id: Some("talk".into()), position: Some(position), ..Source::default() };
    let body = Draft { content: content.into(), source, ..Draft::default() }.validate().expect("valid");
    let (created_at, updated_at, deleted_at) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH, None);
    let memory = Memory { body, created_at, updated_at, deleted_at, erased_at: None };
    let record = MemoryRecord { id: MemoryId(Uuid::from_u128(position.into())), revision: Revision(1), memory, sealed: None };
    Seen { record, cosine: found.0, words: found.1 }
}

fn weights(words: &[&str]) -> KeywordWeights {
    let word = |word: &&str| WordWeight { word: (*word).into(), in_title: 0.0, in_content: 8.8, in_tags: 0.0 };
    KeywordWeights {
        words: words.iter().map(word).collect(),
        content_len_mean: 20.0,
        documents: 100,
        ..KeywordWeights::default()
    }
}

/// Positions in the order of the second look, and what was done for each.
fn ranked(seen: &[Seen], question: &str, without: &[Mechanism]) -> Vec<(u64, Parts)> {
    let words: Vec<&str> = question.split(' ').collect();
    let by = weights(&words);
    let look = Look { question, weights: Some(&by), cosine_least: 0.0, floor: 0.2, without };
    let placed = rank(seen, &look, &Counting).expect("they stand beside each other");
    placed.into_iter().map(|it| (seen[it.seen].record.memory.body.source.position.expect("its place"), it.parts)).collect()
}

fn only(mechanism: Mechanism) -> Vec<Mechanism> {
    Mechanism::ALL.into_iter().filter(|other| *other != mechanism).collect()
}

#[test]
fn an_answer_is_found_by_the_words_of_the_question_before_it() {
    let talk = || {
        vec![
            seen(1, "which colour has the boat", (None, Some(4.0))),
            seen(2, "green with a white line", (Some(0.3), None)),
            seen(3, "nice and by the way it rains", (None, None)),
            seen(9, "the boat of my aunt", (Some(0.3), Some(3.0))),
        ]
    };
    let with = ranked(&talk(), "colour boat", &only(Mechanism::Neighbours));
    let answer = with.iter().find(|(position, _)| *position == 2).expect("it is found");
    assert!(answer.1.neighbours > 0.0 && answer.1.walk == 0.0 && answer.1.speaker == 0.0);
    let place = |order: &[(u64, Parts)], wanted| order.iter().position(|(position, _)| *position == wanted);
    let without = ranked(&talk(), "colour boat", &Mechanism::ALL);
    assert!(place(&with, 2) < place(&with, 9), "{with:?}");
    assert!(place(&without, 2) > place(&without, 9), "{without:?}");
    assert_eq!(place(&without, 3), None, "it has nothing of what is asked for");
}

#[test]
fn what_somebody_said_counts_for_more_than_what_was_said_to_them() {
    let talk =
        [seen(1, "Ann: my boat is green", (Some(0.5), Some(8.0))), seen(2, "Bo: Ann, Ann, a boat", (Some(0.5), Some(8.0)))];
    let order = ranked(&talk, "ann boat", &only(Mechanism::Speaker));
    assert_eq!(order[0].0, 1);
    assert!(order[0].1.speaker > order[1].1.speaker && order[1].1.speaker < 0.0, "{order:?}");
    let nobody = ranked(&talk, "green boat", &only(Mechanism::Speaker));
    assert!(nobody.iter().all(|(_, parts)| parts.speaker == 0.0));
}

#[test]
fn who_stands_among_others_that_were_found_is_walked_to() {
    let talk = [
        seen(1, "boat one", (Some(0.6), Some(8.0))),
        seen(2, "a word", (Some(0.21), None)),
        seen(3, "boat two", (Some(0.6), Some(8.0))),
        seen(7, "another word", (Some(0.21), None)),
        seen(8, "and one more", (Some(0.21), None)),
    ];
    let order = ranked(&talk, "boat", &only(Mechanism::Walk));
    let walk = |wanted| order.iter().find(|(position, _)| *position == wanted).map(|(_, parts)| parts.walk).expect("found");
    assert!(walk(2) > walk(7) && walk(2) > 0.1, "{order:?}");
}

#[test]
fn who_asks_comes_behind_who_answers() {
    let talk = [
        seen(1, "is the boat green?", (Some(0.6), Some(8.0))),
        seen(2, "the green boat it is", (Some(0.58), Some(7.9))),
        seen(3, "a word", (Some(0.21), None)),
        seen(4, "another word", (Some(0.21), None)),
    ];
    let order = ranked(&talk, "green boat", &only(Mechanism::Asks));
    assert_eq!((order[0].0, order[0].1.asks), (2, 0.0));
    assert!(order[1].1.asks < 0.0);
    assert_eq!(ranked(&talk, "green boat", &Mechanism::ALL)[0].0, 1);
}

#[test]
fn where_nothing_stands_beside_anything_there_is_nothing_to_add() {
    let alone = [seen(1, "boat", (None, Some(4.0))), seen(5, "boat", (None, Some(4.0)))];
    let by = weights(&["boat"]);
    let look = Look { question: "boat", weights: Some(&by), cosine_least: 0.0, floor: 0.2, without: &[] };
    assert!(rank(&alone, &look, &Counting).is_none());
}

#[test]
fn a_place_is_of_one_run_and_one_source() {
    let reaches = Reaches::of([&seen(5, "a", (None, None)).record.memory.body].into_iter());
    let at = |position| seen(position, "b", (None, None)).record.memory.body;
    assert!(
        reaches.reach(place_of(&at(3)))
            && reaches.reach(place_of(&at(7)))
            && !reaches.reach(place_of(&at(8)))
            && !reaches.reach(place_of(&at(2)))
    );
    let mut other = at(6);
    other.scope.run_id = Some("another".into());
    assert!(!reaches.reach(place_of(&other)));
    assert!(place_of(&Body { source: Source::default(), ..at(6) }).is_none());
}
