//! Every order in which a writer, two projections, two tails and fills can take their steps, over the real ledger: a model check by
//! exhaustion. Whatever the order, a kept answer never lacks what the tails have told.

use std::{collections::HashSet, fmt::Write, sync::Arc};

use chrono::DateTime;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    entry::{Entry, Key},
    ledger::{Ledger, Refused, Source, Touch},
};
use crate::{
    domain::{
        ids::{MemoryId, SpaceId, StreamSeq},
        memory::{Draft, Memory},
    },
    ports::{
        Words,
        cache::{Answer, Candidate, Change, Dep, Membership, Stamp},
    },
};

/// Touches that the ledger remembers: fewer than there are, so that floors rise.
const TOUCHES_MAX: usize = 2;
const COUNTED: Dep = Dep(1);

/// What is written: something that is counted, or a memory that scores so much.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Written {
    Counted,
    Memory(u8),
}

/// What is asked: how often something happened; the best score; the best score of those with a vector.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    Count,
    Best,
    BestWithVector,
}

/// The shown answer is beaten by a higher score.
struct Beaten {
    shown: u8,
    by_vector: bool,
}

impl Membership for Beaten {
    fn may_admit(&self, candidate: &Candidate) -> bool {
        let is_named = !self.by_vector || candidate.vector.is_some();
        is_named && candidate.memory.body.importance > f64::from(self.shown) / 10.0
    }

    fn heeds_vectors(&self) -> bool {
        self.by_vector
    }

    fn bytes(&self) -> usize {
        0
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fill {
    Idle,
    Stamped(Stamp),
    Answered(Stamp, u8),
}

/// What one run of the model tries.
#[derive(Clone, Copy)]
struct Bounds {
    asked: Asked,
    written: &'static [Written],
    events_max: usize,
    vectors_max: usize,
    fills_max: usize,
}

#[derive(Clone)]
struct World {
    bounds: Bounds,
    ledger: Ledger,
    log: Vec<Written>,
    /// Which event each vector is of.
    vectors: Vec<usize>,
    /// How far the projections of both streams are, and what the tails have told of them.
    applied: (usize, usize),
    told: (usize, usize),
    fills: [Fill; 2],
    next_id: u32,
    /// Of each event that was told, whether its vector was known then.
    knew: Vec<bool>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Write(Written),
    Embed(usize),
    Apply(Source),
    Tell(Source),
    Stamp(usize),
    Ask(usize),
    Put(usize),
}

fn of(event: usize) -> Dep {
    Dep(100 + event as u32)
}

fn candidate(event: usize, score: u8, has_vector: bool) -> Change {
    let importance = Some(f64::from(score) / 10.0);
    let body = Draft { content: "m".into(), importance, ..Draft::default() }.validate().expect("valid");
    let at = DateTime::UNIX_EPOCH;
    let memory = Memory { body, created_at: at, updated_at: at, deleted_at: None, erased_at: None };
    let vector = has_vector.then(|| Arc::from([1.0f32].as_slice()));
    let id = MemoryId(Uuid::from_u128(event as u128));
    Change::Stands(vec![Arc::new(Candidate::new(id, memory, vector, Arc::new(|_| Words::default())))])
}

impl World {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ledger: Ledger::new(TOUCHES_MAX, Stamp { events: StreamSeq(0), derived: Some(StreamSeq(0)) }),
            log: vec![],
            vectors: vec![],
            applied: (0, 0),
            told: (0, 0),
            fills: [Fill::Idle; 2],
            next_id: 1,
            knew: vec![],
        }
    }

    /// The answer at these positions of both streams.
    fn answer(&self, (events, vectors): (usize, usize)) -> u8 {
        let log = &self.log[..events];
        let score = |event: usize| match log.get(event) {
            Some(Written::Memory(score)) => *score,
            _ => 0,
        };
        match self.bounds.asked {
            Asked::Count => log.iter().filter(|written| **written == Written::Counted).count() as u8,
            Asked::Best => (0..log.len()).map(score).max().unwrap_or(0),
            Asked::BestWithVector => self.vectors[..vectors].iter().map(|event| score(*event)).max().unwrap_or(0),
        }
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = vec![];
        if self.log.len() < self.bounds.events_max {
            steps.extend(self.bounds.written.iter().copied().map(Step::Write));
        }
        if self.vectors.len() < self.bounds.vectors_max {
            let is_bare = |event: &usize| matches!(self.log[*event], Written::Memory(_)) && !self.vectors.contains(event);
            steps.extend((0..self.log.len()).filter(is_bare).map(Step::Embed));
        }
        let moves = |at: (usize, usize)| [(at.0 < self.log.len(), Source::Events), (at.1 < self.vectors.len(), Source::Derived)];
        steps.extend(moves(self.applied).into_iter().filter(|(can, _)| *can).map(|(_, source)| Step::Apply(source)));
        steps.extend(moves(self.told).into_iter().filter(|(can, _)| *can).map(|(_, source)| Step::Tell(source)));
        for (place, fill) in self.fills.iter().enumerate() {
            match fill {
                // Which of two is the first is all the same.
                Fill::Idle if place >= self.bounds.fills_max || place == 1 && self.fills[0] == Fill::Idle => {}
                Fill::Idle => steps.push(Step::Stamp(place)),
                Fill::Stamped(..) => steps.push(Step::Ask(place)),
                Fill::Answered(..) => steps.push(Step::Put(place)),
            }
        }
        steps
    }

    fn take(&mut self, step: Step) -> Option<Result<(), Refused>> {
        match step {
            Step::Write(written) => self.log.push(written),
            Step::Embed(event) => self.vectors.push(event),
            Step::Apply(Source::Events) => self.applied.0 += 1,
            Step::Apply(Source::Derived) => self.applied.1 += 1,
            Step::Tell(source) => self.tell(source),
            Step::Stamp(place) => {
                let derived = (self.bounds.asked == Asked::BestWithVector).then_some(StreamSeq(self.applied.1 as u64));
                let stamp = Stamp { events: StreamSeq(self.applied.0 as u64), derived };
                self.fills[place] = Fill::Stamped(stamp);
            }
            Step::Ask(place) => {
                let Fill::Stamped(stamp) = self.fills[place] else { unreachable!("only offered then") };
                self.fills[place] = Fill::Answered(stamp, self.answer(self.applied));
            }
            Step::Put(place) => {
                let Fill::Answered(stamp, shown) = self.fills[place] else { unreachable!("only offered then") };
                self.fills[place] = Fill::Idle;
                return Some(self.put(stamp, shown));
            }
        }
        None
    }

    fn tell(&mut self, source: Source) {
        let touch = match source {
            Source::Events => {
                let event = self.told.0;
                self.told.0 += 1;
                let seq = StreamSeq(self.told.0 as u64);
                let has_vector = self.ledger.told_about(seq).is_some();
                self.knew.push(has_vector);
                let (deps, change) = match self.log[event] {
                    Written::Counted => (vec![COUNTED], None),
                    Written::Memory(score) => (vec![], Some(candidate(event, score, has_vector))),
                };
                let (subject, knows) = (of(event), StreamSeq(self.told.1 as u64));
                Touch { seq, about: seq, subject, knows, space: SpaceId::default_space(), deps, change }
            }
            Source::Derived => {
                let event = self.vectors[self.told.1];
                self.told.1 += 1;
                let Written::Memory(score) = self.log[event] else { unreachable!("only memories are embedded") };
                let (seq, about) = (StreamSeq(self.told.1 as u64), StreamSeq(event as u64 + 1));
                let change = Some(candidate(event, score, true));
                let (subject, knows) = (of(event), StreamSeq(self.told.0 as u64));
                Touch { seq, about, subject, knows, space: SpaceId::default_space(), deps: vec![], change }
            }
        };
        self.ledger.touch(source, touch, true);
    }

    fn put(&mut self, stamp: Stamp, shown: u8) -> Result<(), Refused> {
        let asked = self.bounds.asked;
        let (deps, membership) = match asked {
            Asked::Count => (vec![COUNTED], None),
            Asked::Best | Asked::BestWithVector => {
                let by_vector = asked == Asked::BestWithVector;
                (vec![], Some(Arc::new(Beaten { shown, by_vector }) as Arc<dyn Membership>))
            }
        };
        let answer = Answer { body: vec![shown].into(), deps, membership, is_whole: true, ..Answer::default() };
        let key = Key::new(&SpaceId::default_space(), "v1", "model", "the only one");
        // A question has one answer: the store replaces the one before.
        let before: Vec<u32> = self.ledger.kept().map(|entry| entry.id).collect();
        let entry = Arc::new(Entry::new(self.next_id, key, answer, stamp, 0));
        self.next_id += 1;
        self.ledger.admit(entry)?;
        for id in before {
            self.ledger.forget(id);
        }
        Ok(())
    }

    /// What the kept answer shows and what it must show at least.
    fn kept(&self) -> Option<(u8, u8)> {
        self.ledger.kept().next().map(|entry| (entry.body.plain()[0], self.answer(self.told)))
    }

    /// Everything that decides what can follow, as text.
    fn fingerprint(&self) -> String {
        let Self { log, vectors, applied, told, fills, knew, .. } = self;
        let mut text = format!("{log:?} {vectors:?} {applied:?} {told:?} {fills:?} {knew:?}");
        let kept: Vec<_> = self.ledger.kept().map(|it| (it.stamp.events, it.stamp.derived, it.body.plain()[0])).collect();
        write!(text, " {kept:?}").expect("a string takes everything");
        text
    }
}

/// Tries every order; gives the ways in which fills were refused.
fn explore(bounds: Bounds) -> HashSet<&'static str> {
    let (mut seen, mut waiting) = (HashSet::new(), vec![World::new(bounds)]);
    let (mut kept, mut refused) = (0u64, HashSet::new());
    while let Some(world) = waiting.pop() {
        for step in world.steps() {
            let mut next = world.clone();
            if let Some(Err(why)) = next.take(step) {
                refused.insert(why.as_str());
            }
            if let Some((shown, least)) = next.kept() {
                kept += 1;
                assert!(shown >= least, "{shown} is shown of {least} after {step:?}: {}", next.fingerprint());
            }
            if seen.insert(xxh3_64(next.fingerprint().as_bytes())) {
                waiting.push(next);
            }
        }
    }
    println!("{:?}: {} states, {kept} kept answers looked at", bounds.asked, seen.len());
    assert!(seen.len() > 1_000 && kept > 1_000, "the model has to move");
    refused
}

#[test]
fn no_order_of_steps_leaves_a_stale_answer_to_what_depends_on_one_thing() {
    let written = &[Written::Counted, Written::Memory(1)];
    let refused = explore(Bounds { asked: Asked::Count, written, events_max: 3, vectors_max: 0, fills_max: 2 });
    assert!(refused.contains("touched") && refused.contains("below_floor"), "{refused:?}");
}

#[test]
fn no_order_of_steps_leaves_a_stale_answer_to_what_is_narrowed() {
    let written = &[Written::Memory(1), Written::Memory(2)];
    let refused = explore(Bounds { asked: Asked::Best, written, events_max: 3, vectors_max: 0, fills_max: 2 });
    assert!(refused.contains("entered") && refused.contains("below_floor"), "{refused:?}");
}

#[test]
fn no_order_of_steps_leaves_a_stale_answer_where_two_streams_meet() {
    let written = &[Written::Memory(1), Written::Memory(2)];
    let refused = explore(Bounds { asked: Asked::BestWithVector, written, events_max: 2, vectors_max: 2, fills_max: 1 });
    assert!(refused.contains("entered"), "{refused:?}");
}
