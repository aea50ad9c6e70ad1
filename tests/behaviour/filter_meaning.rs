//! A filter means the same wherever it is asked: in SQL, where searches, selections and lists are answered, and in Rust, where kept
//! answers and live streams judge a single memory.

use std::{collections::BTreeSet, sync::Arc};

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::{Config, TestCaseError, TestRunner},
};
use second_brain::{
    domain::{
        ids::{MemoryId, SpaceId},
        memory::{self, Memory, MemoryDecider, MemoryType},
        webhook,
    },
    fanout,
    ports::{
        Bound, End, Filter, ListQuery, Optional, Test, ValueTest, Which, Words,
        cache::{Candidate, Membership},
    },
    projectors::definition,
    queries::{list, search::fits},
};
use serde_json::json;
use tokio::{runtime::Handle, task::block_in_place};
use uuid::Uuid;

use crate::harness::{
    Tables,
    drafts::{IMPORTANCES, NAMES, TAGS, TYPES, draft, fine_instant, instant, patch},
    history::{Filler, Folded, History},
};

const MEMORIES: u128 = 150;
const CASES: u32 = 400;

fn words(from: &[&str]) -> impl Strategy<Value = Vec<String>> + use<> {
    subsequence(from.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), 0..=2)
}

fn bound<T: Clone + std::fmt::Debug + 'static>(end: impl Strategy<Value = T> + Clone) -> impl Strategy<Value = Bound<T>> {
    let ends = || option::weighted(0.3, end.clone());
    (ends(), ends(), ends(), ends()).prop_map(|(gt, gte, lt, lte)| Bound { gt, gte, lt, lte })
}

fn value_test() -> impl Strategy<Value = ValueTest> {
    let plain = || select(vec![json!(1), json!(2), json!(1.5), json!("tea"), json!("1"), json!(null), json!(true)]);
    let whole = select(vec![json!([["tea"], "tin"]), json!({"a": 1}), json!(["tea"]), json!([1, 2, {"a": null}])]);
    let end = select(vec![End::Greater, End::GreaterOrEqual, End::Less, End::LessOrEqual]);
    let limit = select(vec![json!(1), json!(1.5), json!(1e9), json!("tea"), json!("1")]);
    prop_oneof![
        Just(ValueTest::Exists),
        vec(prop_oneof![plain(), whole], 0..3).prop_map(ValueTest::In),
        vec((end, limit), 1..3).prop_map(ValueTest::Between),
    ]
}

fn place() -> impl Strategy<Value = Vec<String>> {
    let places = vec![vec!["n"], vec!["s"], vec!["s", "a"], vec!["s", "a", "b"], vec!["n", "a"], vec!["a b\"\\"], vec!["none"]];
    select(places).prop_map(|names| names.into_iter().map(str::to_owned).collect())
}

fn test() -> impl Strategy<Value = Test> {
    use Optional::*;
    let parts =
        vec![json!({}), json!({"n": 1}), json!({"n": [1]}), json!({"s": {"a": {}}}), json!({"none": 1}), json!({"s": null})];
    let ids = vec(0..MEMORIES + 2, 0..4);
    prop_oneof![
        words(&TYPES).prop_map(Test::MemoryType),
        words(&TAGS).prop_map(Test::TagsAll),
        words(&TAGS).prop_map(Test::TagsAny),
        Just(Test::Untagged),
        select(parts).prop_map(Test::Metadata),
        (place(), value_test()).prop_map(|(place, value)| Test::MetadataAt(place, value)),
        bound(fine_instant().boxed()).prop_map(Test::OccurredAt),
        bound(fine_instant().boxed()).prop_map(Test::CreatedAt),
        bound(fine_instant().boxed()).prop_map(Test::UpdatedAt),
        bound(select(IMPORTANCES.to_vec())).prop_map(Test::Importance),
        select(vec![OccurredAt, SourceKind, SourceUri, SourceId, UserId, AgentId, RunId]).prop_map(Test::Present),
        ids.prop_map(|ids| Test::Id(ids.into_iter().map(id).collect())),
        words(&NAMES).prop_map(Test::SourceKind),
        words(&NAMES).prop_map(Test::SourceUri),
        words(&NAMES).prop_map(Test::SourceId),
        words(&NAMES).prop_map(Test::UserId),
        words(&NAMES).prop_map(Test::AgentId),
        words(&NAMES).prop_map(Test::RunId),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    test().prop_map(Filter::Is).prop_recursive(3, 12, 3, |part| {
        prop_oneof![
            vec(part.clone(), 0..4).prop_map(Filter::All),
            vec(part.clone(), 0..4).prop_map(Filter::Any),
            part.prop_map(Filter::not),
        ]
    })
}

fn list_query() -> impl Strategy<Value = ListQuery> {
    let one = |from: &[&str]| option::weighted(0.4, select(from.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()));
    let after = option::weighted(0.3, (instant(), 0..MEMORIES).prop_map(|(at, of)| (at, id(of))));
    (one(&TYPES), one(&TAGS), one(&NAMES), one(&NAMES), one(&NAMES), after).prop_map(
        |(memory_type, tag, user_id, agent_id, run_id, after)| ListQuery {
            limit: 200,
            after,
            memory_type,
            tag,
            user_id,
            agent_id,
            run_id,
            at: None,
        },
    )
}

fn id(of: u128) -> MemoryId {
    MemoryId(Uuid::from_u128(of + 1))
}

/// A space full of memories, in tables and at hand.
struct Ground {
    tables: Tables,
    space: SpaceId,
    history: History,
    memories: Vec<(MemoryId, Folded<MemoryDecider>)>,
}

impl Ground {
    async fn new() -> Self {
        let (space, mut history, mut memories) = (SpaceId::default_space(), History::default(), vec![]);
        let mut dice = TestRunner::new(Config::default());
        for of in 0..MEMORIES {
            let mut folded = Folded::default();
            let mut obey = |command| history.obey((&space, "memory", &id(of).to_string()), &mut folded, command);
            let tree = (draft(), option::of(instant()), instant(), option::of(patch()), instant(), any::<u8>());
            let (draft, created_at, at, patch, later, die) = tree.new_tree(&mut dice).expect("a memory").current();
            let rules = memory::Rules::default();
            obey(memory::Command::Create { draft, at, created_at, rules });
            if let Some(patch) = patch {
                obey(memory::Command::Update { patch, at: later, rules });
            }
            if die < 25 {
                obey(memory::Command::Delete { at: later });
            }
            memories.push((id(of), folded));
        }
        let tables = Tables::new(&[definition::memories()]).await;
        Filler::of(&tables, definition::memories()).await.catch_up(&history, &[64]).await;
        Self { tables, space, history, memories }
    }

    fn living(&self) -> impl Iterator<Item = (MemoryId, &Memory)> {
        let states = self.memories.iter().filter_map(|(id, folded)| Some((*id, folded.state.as_ref()?)));
        states.filter(|(_, memory)| memory.deleted_at.is_none())
    }

    /// Those that pass a filter by its SQL.
    async fn selected(&self, filter: &Filter) -> BTreeSet<MemoryId> {
        let reads = self.tables.postgres.selection_reads();
        let (rows, _) = reads.page(&self.space, (filter, Which::Living), None, MEMORIES as usize + 1).await.expect("an answer");
        rows.into_iter().map(|row| row.id).collect()
    }
}

/// Whether the filter asks something of metadata, where Rust may say "perhaps".
fn is_of_metadata(filter: &Filter) -> bool {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().any(is_of_metadata),
        Filter::Not(part) => is_of_metadata(part),
        Filter::Is(test) => matches!(test, Test::Metadata(_) | Test::MetadataAt(..)),
    }
}

fn run<T: std::fmt::Debug>(cases: u32, of: impl Strategy<Value = T>, holds: impl AsyncFn(&T) -> Result<(), String>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let found = TestRunner::new(config)
        .run(&of, |case| block_in_place(|| Handle::current().block_on(holds(&case))).map_err(TestCaseError::fail));
    found.unwrap_or_else(|difference| panic!("{difference}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_in_rust_is_the_same_filter_in_sql() {
    let ground = Ground::new().await;
    assert!(ground.living().count() > 100);
    run(CASES, filter(), async |filter| {
        let (by_sql, opposite) = (ground.selected(filter).await, Filter::not(filter.clone()));
        for (id, memory) in ground.living() {
            let (may, may_not) = (fits::may_pass(filter, id, memory), fits::may_pass(&opposite, id, memory));
            let passes = by_sql.contains(&id);
            let agrees = if passes { may } else { may_not };
            let is_sure = may != may_not || is_of_metadata(filter);
            if !agrees || !is_sure {
                return Err(format!(
                    "{filter:?}\nof {id} {memory:?}\nis {passes} in SQL; in Rust it may be {may}, may not be {may_not}"
                ));
            }
        }
        Ok(())
    });
    ground.tables.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_rust_is_the_same_page_in_sql() {
    let ground = Ground::new().await;
    let reads = ground.tables.postgres.memory_reads();
    let tokenize: second_brain::ports::cache::Tokenize = Arc::new(|_| Words::default());
    run(CASES, list_query(), async |query| {
        let rows = reads.list(&ground.space, query).await.expect("a page");
        let by_sql: BTreeSet<MemoryId> = rows.iter().map(|row| row.id).collect();
        let judge = list::Judge::new(query, &list::Page { memories: vec![], next: None, behind: None });
        for (id, folded) in &ground.memories {
            let Some(memory) = folded.state.clone() else { continue };
            let is_entered = judge.may_admit(&Candidate::new(*id, memory.clone(), None, tokenize.clone()));
            if by_sql.contains(id) != is_entered {
                return Err(format!("{query:?}\nof {id} {memory:?}\nis {} in SQL and {is_entered} in Rust", !is_entered));
            }
        }
        Ok(())
    });
    ground.tables.end().await;
}

/// Webhooks and live streams tell of a new memory what a selection by the same words would find.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_told_of_new_memories_that_its_filter_selects() {
    let ground = Ground::new().await;
    let types = subsequence(MemoryType::ALL.to_vec(), 0..=2);
    let filters = (words(&TAGS), types, option::of(select(IMPORTANCES.to_vec())))
        .prop_map(|(tags, memory_types, importance_min)| webhook::Filter { tags, memory_types, importance_min });
    run(CASES / 4, filters, async |filter| {
        let mut parts = vec![];
        if !filter.tags.is_empty() {
            parts.push(Filter::Is(Test::TagsAny(filter.tags.clone())));
        }
        if !filter.memory_types.is_empty() {
            let types = filter.memory_types.iter().map(|kind| kind.as_str().to_owned());
            parts.push(Filter::Is(Test::MemoryType(types.collect())));
        }
        if let Some(least) = filter.importance_min {
            parts.push(Filter::Is(Test::Importance(Bound { gte: Some(least), ..Bound::default() })));
        }
        let by_sql = ground.selected(&Filter::All(parts)).await;
        for (id, folded) in ground.memories.iter().filter(|(_, folded)| folded.revision.0 == 1) {
            let is_told = fanout::filter::passes(filter, ground.history.at(folded.seq));
            if by_sql.contains(id) != is_told {
                return Err(format!("{filter:?}\nof {id} {:?}\nis {} in SQL and {is_told} in Rust", folded.state, !is_told));
            }
        }
        Ok(())
    });
    ground.tables.end().await;
}
