//! A small space in memory whose log, read models and tails run apart at random, and the real store of kept answers between them: every
//! kept answer is held against the truth at the position that the tails have told.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta};
use second_brain::{
    caches::{
        Settings,
        changes::{self, Decision, Did, KnownVector},
        entry::{Entry, Key},
        ledger::{Source, Touch},
        store::Store,
    },
    domain::{
        ids::{MemoryId, SpaceId, StreamSeq},
        memory::{self, Draft, Memory},
    },
    journal::derived::content_hash,
    ports::{
        ListQuery, VectorOf,
        cache::{Answer, Candidate, Change, Dep, Stamp, Tokenize},
    },
    queries::list,
};

use super::{
    dice::Dice,
    read_model::{LIMIT, State, TAGS, View, WORDS, id, page, search, vector, words_of},
};

const MEMORIES: usize = 40;
const QUERIES: usize = 24;
/// Conversations that the memories are of.
const SOURCES: usize = 4;
/// One in so many changes cannot be looked at: the log is away, or nobody was interested.
const UNKNOWN_EVERY: usize = 50;

/// What was found out.
#[derive(Debug, Default)]
pub struct Findings {
    pub steps: u64,
    pub hits: u64,
    pub misses: u64,
    pub refused: u64,
    pub stale: u64,
}

pub struct Simulation {
    dice: Dice,
    store: Store,
    log: Vec<(usize, State)>,
    /// Memory, text, and the position of the state that was embedded.
    vectors: Vec<(usize, u64, usize)>,
    end: View,
    applied: View,
    told: View,
    /// Where the read models stood when each question was answered last: at its stamp or beyond.
    answered_at: HashMap<usize, (usize, usize)>,
    tokenize: Tokenize,
    findings: Findings,
}

fn space() -> SpaceId {
    SpaceId::default_space()
}

impl Simulation {
    pub fn new(seed: u64) -> Self {
        let store = Store::new(Settings::default(), Stamp { events: StreamSeq(0), derived: Some(StreamSeq(0)) });
        Self {
            dice: Dice::new(seed),
            store,
            log: vec![],
            vectors: vec![],
            end: View::default(),
            applied: View::default(),
            told: View::default(),
            answered_at: HashMap::new(),
            tokenize: Arc::new(words_of),
            findings: Findings::default(),
        }
    }

    pub fn run(mut self, steps: u64) -> Findings {
        for _ in 0..steps {
            match self.dice.below(100) {
                0..=2 => self.write(),
                3..=4 => self.embed(),
                5..=14 => self.move_on(),
                _ => self.read(),
            }
            self.findings.steps += 1;
            // Nobody needs what everybody knows.
            if self.log.len() > 100_000 {
                break;
            }
        }
        self.findings
    }

    fn write(&mut self) {
        let memory = self.dice.below(MEMORIES);
        let before = self.end.memories.get(&memory).cloned();
        let (revision, at) = (before.as_ref().map_or(1, |state| state.revision + 1), DateTime::UNIX_EPOCH);
        let keeps_text = self.dice.below(3) == 0;
        let text = match &before {
            Some(state) if keeps_text => state.text,
            _ => self.dice.next() % 64,
        };
        let mut words = Dice::new(text);
        let content = (0..3 + words.below(6)).map(|_| format!("w{}", words.below(WORDS))).collect::<Vec<_>>().join(" ");
        // No two texts are the same, as no two vectors are.
        let content = format!("{content} text{text}");
        let tags = vec![format!("t{}", self.dice.below(TAGS))];
        let (id_of_source, position) = (Some(format!("s{}", memory % SOURCES)), Some((memory / SOURCES) as u64));
        let source = memory::Source { id: id_of_source, position, ..memory::Source::default() };
        let body = Draft { content, tags, source, ..Draft::default() }.validate().expect("valid");
        let is_deleted = before.is_some() && self.dice.below(6) == 0;
        let created_at = at + TimeDelta::seconds((memory * 7 % MEMORIES) as i64);
        let state = Memory { body, created_at, updated_at: at, deleted_at: is_deleted.then_some(at), erased_at: None };
        let make = |vector| Arc::new(Candidate::new(id(memory), state.clone(), vector, self.tokenize.clone()));
        let did = match &before {
            None => Did::Create,
            Some(_) if is_deleted => Did::Delete,
            // Its words and tags are of one text; what else changed is of no interest to rankings.
            Some(before) if before.text == text && before.candidate.memory.deleted_at.is_none() => {
                Did::AlterOnly(vec!["tags".into()])
            }
            Some(_) => Did::Alter,
        };
        let state = State { revision, text, candidate: make(None), with_vector: make(Some(vector(text))), did };
        self.log.push((memory, state));
        self.end.learn_event(self.log.last().expect("pushed just now"));
    }

    /// As the embedder does it: the newest text of a memory, unless it has its vector.
    fn embed(&mut self) {
        let memory = self.dice.below(MEMORIES);
        let Some(state) = self.end.memories.get(&memory) else { return };
        if state.candidate.memory.deleted_at.is_some() || self.end.embedded.get(&memory) == Some(&state.text) {
            return;
        }
        let position = self.log.iter().rposition(|(of, _)| *of == memory).expect("it was written") + 1;
        self.vectors.push((memory, state.text, position));
        self.end.learn_vector(*self.vectors.last().expect("pushed just now"));
    }

    /// A read model or a tail takes a step.
    fn move_on(&mut self) {
        match self.dice.below(4) {
            0 if self.applied.events < self.log.len() => self.applied.learn_event(&self.log[self.applied.events]),
            1 if self.applied.vectors < self.vectors.len() => self.applied.learn_vector(self.vectors[self.applied.vectors]),
            2 if self.told.events < self.log.len() => self.tell_event(),
            3 if self.told.vectors < self.vectors.len() => self.tell_vector(),
            _ => {}
        }
    }

    fn tell_event(&mut self) {
        let (memory, state) = &self.log[self.told.events];
        let seq = StreamSeq(self.told.events as u64 + 1);
        let subject = Dep::memory(&space(), id(*memory));
        let mut known = KnownVector::now(&self.store, &state.did, seq, subject);
        let change = match self.dice.below(UNKNOWN_EVERY) {
            0 => Change::Unknown,
            _ => loop {
                match changes::of_event(id(*memory), &state.candidate.memory, &state.did, &known, &self.tokenize) {
                    Decision::Tell(change) => break change,
                    Decision::Unknown(_) => break Change::Unknown,
                    Decision::AskLog => known.logged = Some(self.newest_vector(*memory, state)),
                    // It is asked again when more has been told.
                    Decision::WaitFor(_) => return,
                }
            },
        };
        let (space, deps) = (space(), vec![subject]);
        let touch = Touch { seq, about: seq, subject, knows: known.knows, space, deps, change: Some(change) };
        self.store.touch(Source::Events, vec![touch], seq);
        self.told.learn_event(&self.log[self.told.events]);
    }

    /// What the log says of the newest vector of a memory.
    fn newest_vector(&self, memory: usize, state: &State) -> VectorOf {
        match self.vectors.iter().rposition(|(of, ..)| *of == memory) {
            None => VectorOf::Nothing,
            Some(place) if self.vectors[place].1 == state.text => VectorOf::Text(vector(state.text)),
            Some(place) => VectorOf::AnotherText(StreamSeq(place as u64 + 1)),
        }
    }

    fn tell_vector(&mut self) {
        let (memory, text, position) = self.vectors[self.told.vectors];
        let seq = StreamSeq(self.told.vectors as u64 + 1);
        let untold = self.log[self.told.events..].iter().filter(|(of, _)| *of == memory).map(|(_, state)| state);
        let states = self.told.memories.get(&memory).into_iter().chain(untold).map(|state| state.candidate.memory.clone());
        let embedded = &self.log[position - 1].1.candidate.memory;
        let hash = content_hash(&embedded.body.text_to_embed());
        let change = match self.dice.below(UNKNOWN_EVERY) {
            0 => Some(Change::Unknown),
            _ => changes::of_vector(id(memory), states, &vector(text), &hash, &self.tokenize),
        };
        let (about, knows) = (StreamSeq(position as u64), StreamSeq(self.told.events as u64));
        let touch = changes::vector_touch(&space(), id(memory), seq, about, knows, change);
        self.store.touch(Source::Derived, vec![touch], seq);
        self.told.learn_vector(self.vectors[self.told.vectors]);
    }

    fn read(&mut self) {
        let question = self.dice.below(QUERIES);
        let key = Key::new(&space(), "v1", "simulated", question.to_string());
        self.store.expect_narrowed();
        if let Some(entry) = self.store.get(&key) {
            self.findings.hits += 1;
            self.findings.stale += u64::from(self.is_stale(&entry, question));
            return;
        }
        self.findings.misses += 1;
        let stamp = Stamp {
            events: StreamSeq(self.applied.events as u64),
            derived: (!question.is_multiple_of(4)).then_some(StreamSeq(self.applied.vectors as u64)),
        };
        // The read model goes on between the parts of an answer.
        if self.dice.below(4) == 0 {
            self.move_on();
        }
        let answer = if question.is_multiple_of(4) { self.list(question) } else { self.search(question) };
        match self.store.put(key, answer, stamp).1 {
            Ok(()) => drop(self.answered_at.insert(question, (self.applied.events, self.applied.vectors))),
            Err(_) => self.findings.refused += 1,
        }
    }

    fn list(&self, question: usize) -> Answer {
        let query = ListQuery { limit: LIMIT as u32, tag: Some(format!("t{}", question / 4 % TAGS)), ..ListQuery::default() };
        let page = page(&self.applied, &query);
        let ids = page.memories.iter().map(|row| row.id).chain(page.behind);
        let deps = ids.map(|id| Dep::memory(&space(), id)).collect();
        let body = shown(page.memories.iter().map(|row| (row.id, row.revision.0)));
        Answer { body, deps, membership: Some(Arc::new(list::Judge::new(&query, &page))), is_whole: true, ..Answer::default() }
    }

    fn search(&self, question: usize) -> Answer {
        let (judge, members) = search(&self.applied, question);
        let deps = members.iter().map(|memory| Dep::memory(&space(), id(*memory))).collect();
        let body = shown(members.iter().map(|memory| (id(*memory), self.applied.memories[memory].revision)));
        Answer { body, deps, membership: Some(Arc::new(judge)), is_whole: true, ..Answer::default() }
    }

    /// Whether the answer is another one than at the position that was told.
    fn is_stale(&self, entry: &Entry, question: usize) -> bool {
        let (events, vectors) = self.answered_at[&question];
        if events > self.told.events || (entry.stamp.derived.is_some() && vectors > self.told.vectors) {
            // It is ahead of the tails, so they cannot say.
            return false;
        }
        if question.is_multiple_of(4) {
            let query = ListQuery { limit: LIMIT as u32, tag: Some(format!("t{}", question / 4 % TAGS)), ..ListQuery::default() };
            let rows = page(&self.told, &query).memories;
            return rows.len() * 24 != entry.body.plain_len() || rows.iter().any(|row| !shows(entry, row.id, row.revision.0));
        }
        let membership = entry.membership.as_ref().expect("searches are narrowed");
        self.told.living().into_iter().any(|(memory, candidate)| match revision_shown(entry, id(memory)) {
            Some(revision) => revision < self.told.memories[&memory].revision,
            None => membership.must_admit(candidate),
        })
    }
}

/// Ids and revisions, 24 bytes each.
fn shown(rows: impl Iterator<Item = (MemoryId, u64)>) -> bytes::Bytes {
    rows.flat_map(|(id, revision)| id.0.into_bytes().into_iter().chain(revision.to_le_bytes())).collect::<Vec<u8>>().into()
}

fn revision_shown(entry: &Entry, id: MemoryId) -> Option<u64> {
    let body = entry.body.plain();
    let row = body.chunks(24).find(|row| row[..16] == id.0.into_bytes())?;
    Some(u64::from_le_bytes(row[16..].try_into().expect("eight bytes")))
}

fn shows(entry: &Entry, id: MemoryId, revision: u64) -> bool {
    revision_shown(entry, id).is_some_and(|shown| shown >= revision)
}
