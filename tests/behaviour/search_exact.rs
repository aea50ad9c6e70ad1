//! The arms against brute force: whatever else stands in the tables and in the index, a filter is exact.
//!
//! Twenty rows stand among a hundred thousand, whose vectors lie nearer to every query. Vectors are made here, because the
//! arithmetic is what is tested; `search.rs` asks the real model.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use futures::TryStreamExt;
use half::f16;
use second_brain::{
    adapters::{
        tantivy::TantivyIndex,
        vectors::{Crew, MemoryIndex},
    },
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    journal::derived,
    ports::{
        DIMENSIONS, EmbedError, Embedder, Filter, KeywordChange, KeywordIndex, KeywordText, Neighbour, Test, Urgency,
        VectorIndex, VectorSearch,
    },
    projectors::definition,
    queries::search::{self, Answer, Mode, SearchParts, SearchQuery},
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::harness::Tables;

const CROWD: usize = 100_000;
const FEW: usize = 20;
/// Rows of the crowd that are episodic: more than what is ranked one by one.
const EPISODES: usize = 15_000;
/// The crowd shares this many vectors, so that the index is built in seconds.
const SHARED_VECTORS: usize = 2_000;
/// Words whose stems differ, so that words are as good as stems.
const WORDS: [&str; 24] = [
    "kettle", "bakery", "radiator", "bicycle", "plum", "cardamom", "invoice", "harbour", "winter", "garden", "letter", "violin",
    "window", "lantern", "mountain", "pencil", "castle", "pepper", "river", "blanket", "compass", "feather", "thunder", "mirror",
];
const QUERIES: [&str; 3] = ["kettle", "winter harbour feather", "violin plum plum mirror castle"];

/// A row as the test knows it.
struct Row {
    space: SpaceId,
    id: MemoryId,
    content: String,
    tags: Vec<String>,
    vector: usize,
    few: bool,
    episodic: bool,
    deleted: bool,
    /// The vector stands for an older text.
    stale: bool,
}

/// Numbers that look random and are the same in every run. Source: SplitMix64.
fn number(seed: usize) -> u64 {
    let mut z = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn direction(seed: usize) -> Vec<f32> {
    (0..DIMENSIONS).map(|place| (number(seed * 1_000 + place) as f64 / u64::MAX as f64 - 0.5) as f32).collect()
}

/// Of length 1 and as exact as the table keeps it.
fn unit(raw: Vec<f32>) -> Vec<f32> {
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    raw.into_iter().map(|x| f16::from_f32(x / length).to_f32()).collect()
}

fn query_vector(query: usize) -> Vec<f32> {
    unit(direction(900_000 + query))
}

/// Vectors 0 to FEW are anywhere; those of the crowd lie around the queries.
fn vector(place: usize) -> Vec<f32> {
    if place < FEW {
        return unit(direction(place));
    }
    let (query, own) = (query_vector(place % QUERIES.len()), direction(place));
    let distance = 0.05 + (number(place) % 1_000) as f32 / 5_000.0;
    unit(query.iter().zip(&own).map(|(q, o)| q + distance * o).collect())
}

fn sentence(seed: usize) -> String {
    let words = 6 + number(seed) as usize % 20;
    (0..words).map(|place| WORDS[number(seed * 100 + place) as usize % WORDS.len()]).collect::<Vec<_>>().join(" ")
}

fn rows() -> Vec<Row> {
    let (small, crowd): (SpaceId, SpaceId) = ("small".parse().expect("a space"), "crowd".parse().expect("a space"));
    let row = |n: usize| Row {
        space: if n < FEW { small.clone() } else { crowd.clone() },
        id: MemoryId(Uuid::from_u128(n as u128 + 1)),
        content: sentence(n),
        tags: vec![if n.is_multiple_of(2) { "even".into() } else { "odd".into() }, WORDS[n % WORDS.len()].into()],
        vector: if n < FEW { n } else { FEW + n % SHARED_VECTORS },
        few: n % (CROWD / FEW) == 77,
        episodic: n % (CROWD / EPISODES) == 3,
        deleted: n == 5 || n == 5_077,
        stale: n == 7,
    };
    (0..FEW + CROWD).map(row).collect()
}

async fn fill_tables(tables: &Tables, rows: &[Row]) {
    const MEMORIES: &str = "INSERT INTO memories_v1.memories (space, id, content, content_hash, memory_type, metadata, tags, \
            importance, user_id, created_at, updated_at, deleted_at, revision, ver) \
        SELECT space, id, content, sha256(convert_to(content, 'UTF8')), kind, '{}', string_to_array(tags, ' '), 0.5, user_id, \
            now(), now(), CASE WHEN deleted THEN now() END, 1, 1 \
        FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[]) \
          AS given (space, id, content, kind, tags, user_id, deleted)";
    const VECTORS: &str = "INSERT INTO vectors_v1.vectors (space, id, content_hash, embedding, ver) \
        SELECT space, id, sha256(convert_to(content, 'UTF8')), embedding, 1 \
        FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[]) AS given (space, id, content, place) \
        JOIN shared USING (place)";
    let mut owner = PgConnection::connect(&tables.owner_url).await.expect("connects");
    let index: String = sqlx::query_scalar("SELECT indexdef FROM pg_indexes WHERE indexname = 'vectors_nearest'")
        .fetch_one(&mut owner)
        .await
        .expect("the index is there");
    owner.execute("DROP INDEX vectors_v1.vectors_nearest").await.expect("drops");
    owner.execute("CREATE TEMP TABLE shared (place bigint PRIMARY KEY, embedding halfvec(384))").await.expect("creates");
    let (places, texts): (Vec<i64>, Vec<String>) =
        (0..FEW + SHARED_VECTORS).map(|place| (place as i64, derived::text_of(vector(place).into_iter()))).unzip();
    let shared = "INSERT INTO shared SELECT place, v::halfvec FROM unnest($1::bigint[], $2::text[]) AS given (place, v)";
    sqlx::query(shared).bind(places).bind(texts).execute(&mut owner).await.expect("inserts");
    fn column<T>(rows: &[Row], value: impl Fn(&Row) -> T) -> Vec<T> {
        rows.iter().map(value).collect()
    }
    let (spaces, ids) = (column(rows, |row| row.space.to_string()), column(rows, |row| row.id.0));
    let memories = sqlx::query(MEMORIES).bind(&spaces).bind(&ids).bind(column(rows, |row| row.content.clone()));
    let memories = memories.bind(column(rows, |row| if row.episodic { "episodic" } else { "semantic" }));
    let memories = memories.bind(column(rows, |row| row.tags.join(" "))).bind(column(rows, |row| row.few.then_some("few")));
    memories.bind(column(rows, |row| row.deleted)).execute(&mut owner).await.expect("inserts");
    let embedded = |row: &Row| if row.stale { "an older text".to_owned() } else { row.content.clone() };
    let vectors = sqlx::query(VECTORS).bind(&spaces).bind(&ids).bind(column(rows, embedded));
    vectors.bind(column(rows, |row| row.vector as i64)).execute(&mut owner).await.expect("inserts");
    owner.execute("SET maintenance_work_mem = '512MB'").await.expect("sets");
    owner.execute(AssertSqlSafe(index)).await.expect("creates the index");
    owner.execute("ANALYZE").await.expect("analyses");
}

async fn fill_index(index: &TantivyIndex, rows: &[Row]) {
    for chunk in rows.chunks(10_000) {
        let changes = chunk.iter().filter(|row| !row.deleted).map(|row| {
            let text = KeywordText { title: None, content: row.content.clone(), tags: row.tags.clone() };
            KeywordChange { space: row.space.clone(), id: row.id, text: Some(text) }
        });
        index.stage(changes.collect()).await.expect("stages");
    }
    index.commit(StreamSeq(1)).await.expect("commits");
}

/// The vectors of the queries.
struct Known;

#[async_trait]
impl Embedder for Known {
    fn model(&self) -> &'static str {
        "known"
    }

    fn recipe(&self) -> &'static str {
        "known"
    }

    async fn embed(&self, texts: Vec<String>, _: Urgency) -> Result<Vec<Vec<f32>>, EmbedError> {
        let place = |text: &String| QUERIES.iter().position(|query| query == text).expect("one of the queries");
        Ok(texts.iter().map(|text| query_vector(place(text))).collect())
    }
}

fn count(words: impl IntoIterator<Item = impl AsRef<str>>, word: &str) -> f64 {
    words.into_iter().filter(|other| other.as_ref() == word).count() as f64
}

/// BM25 of every living row for the words of a query, tags worth half as much again. Source: Robertson and Zaragoza,
/// "The Probabilistic Relevance Framework", with k1 = 1.2 and b = 0.75, where contents are told to be four times as long on the mean.
fn bm25(rows: &[Row], query: &str) -> HashMap<MemoryId, f64> {
    let living: Vec<&Row> = rows.iter().filter(|row| !row.deleted).collect();
    let mut words: Vec<&str> = query.split(' ').collect();
    words.sort_unstable();
    words.dedup();
    let mut scores: HashMap<MemoryId, f64> = HashMap::new();
    for (boost, longer, texts) in [
        (1.0, 4.0, living.iter().map(|row| row.content.split(' ').collect::<Vec<_>>()).collect::<Vec<_>>()),
        (1.5, 1.0, living.iter().map(|row| row.tags.iter().map(String::as_str).collect()).collect()),
    ] {
        let total = living.len() as f64;
        let average = texts.iter().map(Vec::len).sum::<usize>() as f64 / total;
        for word in &words {
            let holding = texts.iter().filter(|text| text.contains(word)).count() as f64;
            let idf = (1.0 + (total - holding + 0.5) / (holding + 0.5)).ln();
            for (row, text) in living.iter().zip(&texts) {
                let often = count(text, word);
                let norm = 1.2 * (0.25 + 0.75 * text.len() as f64 / (longer * average));
                if often > 0.0 {
                    *scores.entry(row.id).or_default() += boost * idf * 2.2 * often / (often + norm);
                }
            }
        }
    }
    scores
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// z of a value among others.
fn standardised(value: f64, all: &[f64]) -> f64 {
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64;
    (value - mean) / variance.sqrt()
}

/// Every qualifying row with its fused log-odds, best first, as the definition of the search says it and no code of it does.
fn brute_force(qualifying: &[&Row], words: &HashMap<MemoryId, f64>, query: usize) -> Vec<(MemoryId, f64)> {
    let asked = query_vector(query);
    let near: Vec<Option<f64>> = qualifying.iter().map(|row| (!row.stale).then(|| cosine(&asked, &vector(row.vector)))).collect();
    let lowest = near.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let named: Vec<f64> = near.iter().flatten().copied().collect();
    let keyword: Vec<f64> = qualifying.iter().map(|row| words.get(&row.id).copied().unwrap_or(0.0)).collect();
    let mut fused: Vec<(MemoryId, f64)> = qualifying
        .iter()
        .enumerate()
        .map(|(n, row)| {
            let meaning = standardised(near[n].unwrap_or(lowest), &named);
            let x = (standardised(keyword[n], &keyword) + 0.7 * meaning) / 1.7;
            (row.id, x)
        })
        .collect();
    fused.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    fused
}

async fn ask(parts: &SearchParts, space: &str, mode: Mode, query: usize, filter: Filter) -> Answer {
    let question = SearchQuery {
        query: QUERIES[query].into(),
        limit: FEW,
        mode,
        filter,
        min_score: 0.0,
        without: vec![],
        explain: false,
        rerank: false,
        fold: false,
    };
    let answer = search::ask(&space.parse().expect("a space"), &question, parts).await.expect("an answer");
    assert!(answer.degraded.is_empty());
    answer
}

fn same(answer: &Answer, expected: &[(MemoryId, f64)], what: &str) {
    let found: Vec<MemoryId> = answer.results.iter().map(|found| found.record.id).collect();
    assert_eq!(found, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>(), "{what}");
    assert!(answer.results.is_sorted_by(|a, b| a.score >= b.score), "{what}");
}

/// The arm's own scores of what was found.
fn scores(answer: &Answer, arm: &str) -> Vec<f64> {
    let of = |found: &search::RankedMemory| found.arms.iter().find(|(name, _)| *name == arm).map(|(_, standing)| standing.score);
    answer.results.iter().map(|found| f64::from(of(found).expect("the arm named it"))).collect()
}

/// The share of the best `FEW` that was found, told by their scores: rows of equal score are equally good.
fn recall(found: &[f64], mut all: Vec<f64>) -> f64 {
    all.sort_by(|a, b| b.total_cmp(a));
    let kth = all[FEW - 1] - 1e-4;
    found.iter().filter(|score| **score >= kth).count() as f64 / FEW as f64
}

/// The vectors in memory as they were loaded; nothing follows.
struct Loaded(MemoryIndex);

impl Loaded {
    async fn of(tables: &Tables) -> Arc<dyn VectorSearch> {
        let index = MemoryIndex::new(Crew::start().expect("threads"), u64::MAX);
        let mut vectors = tables.postgres.vector_source().load("known").await.expect("loads");
        while let Some(rows) = vectors.rows.try_next().await.expect("rows") {
            index.apply(rows).await.expect("taken");
        }
        Arc::new(Self(index))
    }
}

#[async_trait]
impl VectorSearch for Loaded {
    async fn nearest(
        &self,
        space: &SpaceId,
        vector: Arc<[f32]>,
        among: Option<Arc<[MemoryId]>>,
        limit: usize,
    ) -> Option<Vec<Neighbour>> {
        Some(self.0.nearest(space, vector, among, limit).await.expect("kept"))
    }

    fn embedded(&self, _: StreamSeq) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_exact_among_a_hundred_thousand() {
    let tables = Tables::new(&[definition::memories(), definition::vectors()]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let index = TantivyIndex::open(folder.path()).expect("opens");
    let rows = rows();
    futures::join!(fill_tables(&tables, &rows), fill_index(&index, &rows));
    let keyword: Arc<dyn KeywordIndex> = Arc::new(index);
    let by_postgres =
        SearchParts { reads: tables.postgres.search_reads(), keyword, vectors: None, embedder: Arc::new(Known), reranker: None };
    let in_memory = SearchParts { vectors: Some(Loaded::of(&tables).await), ..by_postgres.clone() };
    // The approximate index may miss some of the crowd.
    for (parts, recall_min) in [(by_postgres, 0.95), (in_memory, 1.0)] {
        is_exact(&rows, &parts, recall_min).await;
    }
    tables.end().await;
}

async fn is_exact(rows: &[Row], parts: &SearchParts, recall_min: f64) {
    let even = || Filter::Is(Test::TagsAll(vec!["even".into()]));
    let few = || Filter::Is(Test::UserId(vec!["few".into()]));
    let episodic = || Filter::Is(Test::MemoryType(vec!["episodic".into()]));
    let pick = |wanted: &dyn Fn(&Row) -> bool| -> Vec<&Row> { rows.iter().filter(|row| !row.deleted && wanted(row)).collect() };
    for (query, text) in QUERIES.iter().enumerate() {
        let words = bm25(rows, text);
        let expect = |qualifying: &[&Row]| brute_force(qualifying, &words, query);

        let small = ask(parts, "small", Mode::Hybrid, query, Filter::none()).await;
        same(&small, &expect(&pick(&|row| row.space.as_str() == "small")), "a small space beside a large one");
        let half = ask(parts, "small", Mode::Hybrid, query, even()).await;
        let evens = pick(&|row| row.space.as_str() == "small" && row.tags[0] == "even");
        same(&half, &expect(&evens), "a filter in a small space");
        let picked = ask(parts, "crowd", Mode::Hybrid, query, few()).await;
        same(&picked, &expect(&pick(&|row| row.space.as_str() == "crowd" && row.few)), "twenty rows of a large space");

        // More than can be ranked one by one: words stay exact, vectors come from the approximate index.
        let crowd = |episodes_only: bool| pick(&|row| row.space.as_str() == "crowd" && (row.episodic || !episodes_only));
        for (filter, qualifying) in [(Filter::none(), crowd(false)), (episodic(), crowd(true))] {
            let by_words = ask(parts, "crowd", Mode::Keyword, query, filter.clone()).await;
            let all = qualifying.iter().filter_map(|row| words.get(&row.id).copied()).collect();
            assert_eq!(recall(&scores(&by_words, "keyword"), all), 1.0, "{text}");
            let near = ask(parts, "crowd", Mode::Semantic, query, filter).await;
            let asked = query_vector(query);
            let known: HashMap<usize, f64> =
                (0..FEW + SHARED_VECTORS).map(|place| (place, cosine(&asked, &vector(place)))).collect();
            let all = qualifying.iter().map(|row| known[&row.vector]).collect();
            let share = recall(&scores(&near, "semantic"), all);
            assert!(share >= recall_min, "recall {share} of {text}");
        }
    }
}
