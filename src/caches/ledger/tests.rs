//! The rule, case by case; `model.rs` tries every order.

use super::*;
use crate::{
    caches::entry::Key,
    ports::cache::{Answer, Candidate},
};

fn space() -> SpaceId {
    SpaceId::default_space()
}

fn entry(id: EntryId, deps: &[u32], stamp: u64) -> Arc<Entry> {
    let answer = Answer { deps: deps.iter().map(|dep| Dep(*dep)).collect(), is_whole: true, ..Answer::default() };
    let stamp = Stamp { events: StreamSeq(stamp), derived: None };
    Arc::new(Entry::new(id, Key::new(&space(), "v1", "test", id.to_string()), answer, stamp, 0))
}

fn touch(seq: u64, dep: u32) -> Touch {
    Touch {
        seq: StreamSeq(seq),
        about: StreamSeq(seq),
        subject: Dep(dep),
        knows: StreamSeq(0),
        space: space(),
        deps: vec![Dep(dep)],
        change: None,
    }
}

fn over(found: Vec<(Arc<Entry>, Cause)>) -> Vec<EntryId> {
    found.into_iter().map(|(entry, _)| entry.id).collect()
}

#[test]
fn a_touch_ends_what_depends_on_it_and_is_older() {
    let mut ledger = Ledger::new(8, Stamp::default());
    for (id, deps, stamp) in [(1, &[7u32, 8][..], 3), (2, &[8], 3), (3, &[7], 5)] {
        assert_eq!(ledger.admit(entry(id, deps, stamp)), Ok(()));
    }
    assert_eq!(over(ledger.touch(Source::Events, touch(5, 7), true)), [1]);
    assert_eq!(ledger.len(), 2);
    assert_eq!(over(ledger.touch(Source::Events, touch(6, 8), true)), [2]);
    assert_eq!(ledger.flush(None).len(), 1);
    assert!(ledger.is_empty());
}

#[test]
fn a_fill_that_raced_a_touch_is_refused() {
    let mut ledger = Ledger::new(2, Stamp::default());
    ledger.touch(Source::Events, touch(4, 7), true);
    assert_eq!(ledger.admit(entry(1, &[7], 3)), Err(Refused::Touched));
    assert_eq!(ledger.admit(entry(1, &[7], 4)), Ok(()));
    assert_eq!(ledger.admit(entry(2, &[9], 0)), Ok(()), "nothing that it depends on was touched");
    for seq in [5, 6] {
        ledger.touch(Source::Events, touch(seq, 1), true);
    }
    assert_eq!(ledger.admit(entry(3, &[9], 3)), Err(Refused::BelowFloor), "what happened at 4 is forgotten");
    assert_eq!(ledger.admit(entry(3, &[9], 4)), Ok(()));
}

struct NobodyEnters;

impl Membership for NobodyEnters {
    fn may_admit(&self, _: &Candidate) -> bool {
        false
    }

    fn heeds_vectors(&self) -> bool {
        true
    }

    fn bytes(&self) -> usize {
        0
    }
}

#[test]
fn a_search_ahead_of_the_tail_is_refused_while_it_lacks_a_vector() {
    let mut ledger = Ledger::new(8, Stamp { events: StreamSeq(4), derived: Some(StreamSeq(0)) });
    let fill = |id| {
        let answer = Answer { membership: Some(Arc::new(NobodyEnters)), is_whole: true, ..Answer::default() };
        let stamp = Stamp { events: StreamSeq(5), derived: Some(StreamSeq(0)) };
        Arc::new(Entry::new(id, Key::new(&space(), "v1", "test", ""), answer, stamp, 0))
    };
    assert_eq!(ledger.admit(fill(1)), Ok(()));
    // A vector comes whose memory was looked at as it stood at 4. At 5, of which nobody has told, it may stand otherwise.
    let vector =
        Touch { about: StreamSeq(3), knows: StreamSeq(4), change: Some(Change::Stands(vec![])), deps: vec![], ..touch(1, 7) };
    assert_eq!(over(ledger.touch(Source::Derived, vector, true)), [1]);
    assert_eq!(ledger.admit(fill(2)), Err(Refused::Entered));
    ledger.touch(Source::Events, touch(5, 8), true);
    assert_eq!(ledger.admit(fill(3)), Ok(()), "5 was about something else");
}

#[test]
fn it_is_remembered_when_a_subject_was_told_of_last() {
    let mut ledger = Ledger::new(3, Stamp::default());
    for (seq, dep) in [(2, 8), (4, 7), (5, 8), (6, 7)] {
        ledger.touch(Source::Events, touch(seq, dep), true);
    }
    let last = |dep, upto| ledger.last_told(Dep(dep), StreamSeq(upto)).map(|seq| seq.0);
    assert_eq!((last(7, 9), last(7, 5), last(8, 9)), (Some(6), Some(4), Some(5)));
    assert_eq!((last(8, 4), last(9, 9)), (None, None), "2 is forgotten");
}

#[test]
fn after_a_flush_nothing_older_is_taken() {
    let mut ledger = Ledger::new(8, Stamp::default());
    ledger.touch(Source::Events, touch(9, 7), true);
    ledger.flush(None);
    assert_eq!(ledger.admit(entry(1, &[1], 8)), Err(Refused::BelowFloor));
    assert_eq!(ledger.admit(entry(1, &[1], 9)), Ok(()));
    ledger.flush(Some((Source::Events, StreamSeq(2))));
    assert_eq!(ledger.head(Source::Events), StreamSeq(2));
    assert_eq!(ledger.admit(entry(1, &[1], 2)), Ok(()), "another log counts from its own end");
}
