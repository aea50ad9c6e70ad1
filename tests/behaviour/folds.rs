//! What the read models show is what `evolve` says, however the log is cut into batches and however often a part of it comes again.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use second_brain::{
    domain::{
        ids::{MemoryId, RelationshipId, SpaceId, StreamSeq, Timestamp},
        memory::{self, Draft, MemoryDecider, Rules, draft::Patch},
        relationship::{self, RelationshipDecider},
    },
    ports::{MemoryReads, MemoryRecord},
    projectors::definition,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, postgres::PgRow};
use tokio::{runtime::Handle, task::block_in_place};
use uuid::Uuid;

use crate::harness::{
    Tables,
    drafts::{draft, instant, metadata, patch},
    history::{Filler, Folded, History},
};

const CASES: u32 = 40;
const MEMORIES: usize = 4;

/// Somebody wants something of one of few memories, or of what lies between two of them.
#[derive(Clone, Debug)]
enum Wish {
    Create(usize, Draft, Option<Timestamp>),
    Put(usize, Draft, Option<Timestamp>),
    Update(usize, Patch),
    Delete(usize),
    Restore(usize),
    Erase(usize),
    Relate(usize, usize, &'static str, Relate),
}

#[derive(Clone, Debug)]
enum Relate {
    Create(f64, Map<String, Value>, Option<Timestamp>),
    Put(f64, Map<String, Value>),
    Update(Option<f64>, Option<Map<String, Value>>),
    Delete,
    Erase,
}

/// A log's worth of wishes, two ways to cut it into batches, and from where a part comes again.
#[derive(Clone, Debug)]
struct Case {
    wishes: Vec<Wish>,
    sizes: Vec<usize>,
    sizes_again: Vec<usize>,
    /// In hundredths of the log.
    again_from: u64,
}

fn wish() -> impl Strategy<Value = Wish> {
    let one = || 0..MEMORIES;
    let weight = || select(vec![0.0, 0.25, 1.0]);
    let relate = prop_oneof![
        2 => (weight(), metadata(), option::of(instant())).prop_map(|(weight, with, at)| Relate::Create(weight, with, at)),
        1 => (weight(), metadata()).prop_map(|(weight, with)| Relate::Put(weight, with)),
        1 => (option::of(weight()), option::of(metadata())).prop_map(|(weight, with)| Relate::Update(weight, with)),
        1 => Just(Relate::Delete),
        1 => Just(Relate::Erase),
    ];
    prop_oneof![
        3 => (one(), draft(), option::of(instant())).prop_map(|(of, draft, at)| Wish::Create(of, draft, at)),
        1 => (one(), draft(), option::of(instant())).prop_map(|(of, draft, at)| Wish::Put(of, draft, at)),
        3 => (one(), patch()).prop_map(|(of, patch)| Wish::Update(of, patch)),
        1 => one().prop_map(Wish::Delete),
        1 => one().prop_map(Wish::Restore),
        1 => one().prop_map(Wish::Erase),
        3 => (one(), one(), select(vec!["supports", "part_of"]), relate).prop_map(|(a, b, kind, how)| Wish::Relate(a, b, kind, how)),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let sizes = || vec(1..12usize, 1..5);
    (vec(wish(), 1..40), sizes(), sizes(), 0..100u64).prop_map(|(wishes, sizes, sizes_again, again_from)| Case {
        wishes,
        sizes,
        sizes_again,
        again_from,
    })
}

/// What `evolve` says of one space.
struct Truth {
    space: SpaceId,
    memories: BTreeMap<MemoryId, Folded<MemoryDecider>>,
    edges: BTreeMap<RelationshipId, Folded<RelationshipDecider>>,
}

impl Truth {
    fn new(space: SpaceId) -> Self {
        Self { space, memories: BTreeMap::new(), edges: BTreeMap::new() }
    }

    fn obey(&mut self, history: &mut History, wish: Wish) {
        // Later than everything before, as a writer's clock has it.
        let at = DateTime::UNIX_EPOCH + TimeDelta::microseconds(history.end().0 as i64);
        let rules = Rules::default();
        let (of, command) = match wish {
            Wish::Create(of, draft, created_at) => (of, memory::Command::Create { draft, at, created_at, rules }),
            Wish::Put(of, draft, created_at) => (of, memory::Command::Put { draft, at, created_at, rules }),
            Wish::Update(of, patch) => (of, memory::Command::Update { patch, at, rules }),
            Wish::Delete(of) => (of, memory::Command::Delete { at }),
            Wish::Restore(of) => (of, memory::Command::Restore { at }),
            Wish::Erase(of) => (of, memory::Command::Erase { at, reason: None, older: vec![] }),
            Wish::Relate(source, target, kind, how) => return self.relate(history, (source, target, kind), how, at),
        };
        let id = id(of);
        history.obey((&self.space, "memory", &id.to_string()), self.memories.entry(id).or_default(), command);
    }

    fn relate(&mut self, history: &mut History, (source, target, kind): (usize, usize, &str), how: Relate, at: Timestamp) {
        let draft = |weight, properties| {
            let (source, target, relationship_type) = (id(source), id(target), kind.to_owned());
            relationship::Draft { source, target, relationship_type, weight, properties }
        };
        let id = draft(None, Map::new()).id();
        let command = match how {
            Relate::Create(weight, with, created_at) => {
                relationship::Command::Create { draft: draft(Some(weight), with), at, created_at }
            }
            Relate::Put(weight, with) => relationship::Command::Put { draft: draft(Some(weight), with), at, created_at: None },
            Relate::Update(weight, properties) => {
                relationship::Command::Update { patch: relationship::Patch { weight, properties }, at }
            }
            Relate::Delete => relationship::Command::Delete { at },
            Relate::Erase => relationship::Command::Erase { at, older: vec![] },
        };
        history.obey((&self.space, "relationship", &id.to_string()), self.edges.entry(id).or_default(), command);
    }
}

fn id(of: usize) -> MemoryId {
    MemoryId(Uuid::from_u128(of as u128 + 1))
}

/// The rows of a space, as the owner of the tables sees them.
async fn rows(owner: &mut PgConnection, space: &SpaceId, statement: &str) -> BTreeMap<Uuid, PgRow> {
    let found = sqlx::query(AssertSqlSafe(statement.to_owned())).bind(space.as_str().to_owned()).fetch_all(owner).await;
    found.expect("rows").into_iter().map(|row| (row.get("id"), row)).collect()
}

async fn memories_are(truth: &Truth, reads: &dyn MemoryReads, owner: &mut PgConnection) {
    let rows = rows(owner, &truth.space, "SELECT id, ver, content_hash FROM memories_v1.memories WHERE space = $1").await;
    let known = truth.memories.iter().filter(|(_, folded)| folded.state.is_some());
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), known.map(|(id, _)| id.0).collect::<Vec<_>>());
    for (id, folded) in &truth.memories {
        let shown = reads.get(&truth.space, *id, None).await.expect("readable");
        let memory = folded.state.clone();
        assert_eq!(shown, memory.clone().map(|memory| MemoryRecord { id: *id, revision: folded.revision, memory, sealed: None }));
        let (Some(memory), Some(row)) = (memory, rows.get(&id.0)) else { continue };
        assert_eq!(StreamSeq(row.get::<i64, _>("ver") as u64), folded.seq, "the event that the row shows");
        let hash = Sha256::digest(memory.body.text_to_embed().as_bytes());
        assert_eq!(row.get::<Vec<u8>, _>("content_hash"), hash.to_vec());
    }
}

async fn nodes_are(truth: &Truth, owner: &mut PgConnection) {
    let rows = rows(owner, &truth.space, "SELECT * FROM graph_v1.nodes WHERE space = $1").await;
    let mut expected = BTreeMap::new();
    for (id, folded) in &truth.memories {
        let Some(memory) = &folded.state else { continue };
        let name = memory.body.title.as_deref().unwrap_or_else(|| memory.body.content.split('\n').next().unwrap_or_default());
        let label: String = name.chars().take(80).collect();
        let kind = memory.body.memory_type.as_str().to_owned();
        expected.insert(id.0, (label, kind, memory.body.importance, memory.deleted_at, folded.seq.0 as i64));
    }
    let shown =
        |row: &PgRow| (row.get("label"), row.get("memory_type"), row.get("importance"), row.get("deleted_at"), row.get("ver"));
    assert_eq!(rows.iter().map(|(id, row)| (*id, shown(row))).collect::<BTreeMap<_, _>>(), expected);
}

async fn edges_are(truth: &Truth, owner: &mut PgConnection) {
    let rows = rows(owner, &truth.space, "SELECT * FROM graph_v1.edges WHERE space = $1").await;
    let mut expected = BTreeMap::new();
    for (id, folded) in &truth.edges {
        let Some(edge) = &folded.state else { continue };
        let ends = (edge.ends.source.0, edge.ends.relationship_type.as_str().to_owned(), edge.ends.target.0);
        let times = (edge.created_at, edge.updated_at, edge.deleted_at);
        let body = (edge.body.weight, Value::Object(edge.body.properties.clone()));
        expected.insert(id.0, (ends, body, times, folded.revision.0 as i64, folded.seq.0 as i64));
    }
    let shown = |row: &PgRow| {
        let ends = (row.get("source_id"), row.get("relationship_type"), row.get("target_id"));
        let times = (row.get("created_at"), row.get("updated_at"), row.get("deleted_at"));
        (ends, (row.get("weight"), row.get("properties")), times, row.get("revision"), row.get("ver"))
    };
    assert_eq!(rows.iter().map(|(id, row)| (*id, shown(row))).collect::<BTreeMap<_, _>>(), expected);
}

/// Tables that all cases share, each in a space of its own and behind all that came before.
struct Ground {
    tables: Tables,
    owner: PgConnection,
    reads: Arc<dyn MemoryReads>,
    fillers: [Filler; 2],
    history: History,
    cases: u32,
}

impl Ground {
    async fn new() -> Self {
        let tables = Tables::new(&[definition::memories(), definition::graph()]).await;
        let owner = PgConnection::connect(&tables.owner_url).await.expect("connects");
        let fillers = [Filler::of(&tables, definition::memories()).await, Filler::of(&tables, definition::graph()).await];
        Self { reads: tables.postgres.memory_reads(), tables, owner, fillers, history: History::default(), cases: 0 }
    }

    async fn holds(&mut self, case: Case) {
        self.cases += 1;
        let mut truth = Truth::new(format!("case-{}", self.cases).parse().expect("a space"));
        let before = self.history.end().0;
        case.wishes.into_iter().for_each(|wish| truth.obey(&mut self.history, wish));
        let again_from = StreamSeq(before + (self.history.end().0 - before) * case.again_from / 100);
        for filler in &mut self.fillers {
            filler.catch_up(&self.history, &case.sizes).await;
        }
        self.shows(&truth).await;
        for filler in &mut self.fillers {
            filler.rewind(again_from).await;
            filler.go_on(&self.history, case.sizes_again[0]).await;
        }
        // What comes again is older than what the rows show.
        self.shows(&truth).await;
        for filler in &mut self.fillers {
            filler.catch_up(&self.history, &case.sizes_again).await;
        }
        self.shows(&truth).await;
    }

    async fn shows(&mut self, truth: &Truth) {
        memories_are(truth, &*self.reads, &mut self.owner).await;
        nodes_are(truth, &mut self.owner).await;
        edges_are(truth, &mut self.owner).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_cut_of_a_log_gives_what_evolve_says_and_twice_is_once() {
    let ground = RefCell::new(Ground::new().await);
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let found = TestRunner::new(config).run(&case(), |case| {
        // What does not hold panics, which the runner takes for a difference and makes smaller.
        block_in_place(|| Handle::current().block_on(ground.borrow_mut().holds(case)));
        Ok(())
    });
    found.unwrap_or_else(|difference| panic!("{difference}"));
    ground.into_inner().tables.end().await;
}
