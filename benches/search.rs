//! A hybrid search over 10,000 memories against its two raw arm queries, asked at the same time: the exact nearest vectors in
//! plain SQL, and the words in the bare index. Goal: p50 and p99 within 1.3 of the limit.
//!
//! The query's own vector is made beforehand and shown apart, because both sides need it.
//! `cargo bench --bench search -- [--count 10000] [--queries 200] [--rounds 5]`

mod ground;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use ground::{
    Ground,
    language::Language,
    library::{MODEL, fill},
    median, quantile, setting,
};
use second_brain::{
    adapters::{
        encoder::{Computing, MiniLm},
        nats::Nats,
        postgres::Postgres,
        tantivy::TantivyIndex,
    },
    domain::ids::SpaceId,
    journal::derived,
    ports::{EmbedError, Embedder, Filter, KeywordIndex, Urgency},
    projectors::{self, definition, keyword::Keyword},
    queries::search::{self, Mode, SearchParts, SearchQuery},
    runtime::Durability,
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const LIMIT: usize = 10;
const DEPTH: usize = 200;
const WAIT_MS: u64 = 600_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (count, queries, rounds) = (setting("count", 10_000), setting("queries", 200), setting("rounds", 5));
    let ground = Ground::new(Durability::Os).await?;
    let nats = ground.nats("search").await?;
    let language = Language::new().await?;
    fill(&nats, &language, 0, count, false).await?;
    let postgres = ground.database("search").await?;
    let folder = tempfile::tempdir()?;
    let index: Arc<dyn KeywordIndex> = Arc::new(TantivyIndex::open(folder.path())?);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    project(&nats, &postgres, &index, &tasks, &stop).await?;
    let mut admin = PgConnection::connect(&ground.servers.postgres().owner_url("search")).await?;
    admin.execute("ANALYZE").await?;

    let questions: Vec<String> = (0..queries).map(|n| language.question(n)).collect();
    let model = model()?;
    let (known, embedding) = vectors(&model, &questions).await?;
    let parts = SearchParts {
        reads: postgres.search_reads(),
        keyword: index.clone(),
        vectors: None,
        embedder: Arc::new(Known(known.clone())),
        reranker: None,
    };
    let mut raw = PgConnection::connect(&ground.servers.postgres().owner_url("search")).await?;

    let (mut rows, space) = (vec![], SpaceId::default_space());
    for round in 0..=rounds {
        let (mut ours, mut limit) = (vec![], vec![]);
        for query in &questions {
            let started = Instant::now();
            let question = SearchQuery {
                query: query.clone(),
                limit: LIMIT,
                mode: Mode::Hybrid,
                filter: Filter::none(),
                min_score: 0.0,
                without: vec![],
                explain: false,
                rerank: false,
                fold: true,
            };
            let answer = search::ask(&space, &question, &parts).await?;
            ours.push(started.elapsed());
            anyhow::ensure!(answer.results.len() == LIMIT && answer.degraded.is_empty(), "a search found too little");
            let started = Instant::now();
            let (near, words) = futures::join!(nearest(&mut raw, &known[query]), index.search(&space, query, None, DEPTH));
            limit.push(started.elapsed());
            anyhow::ensure!(near? == DEPTH && !words?.hits.is_empty(), "an arm found too little");
        }
        // The first round warms up.
        if round > 0 {
            let pair = |share: f64| (quantile(ours.clone(), share).as_secs_f64(), quantile(limit.clone(), share).as_secs_f64());
            rows.push((pair(0.5), pair(0.99)));
        }
    }
    println!("| memories | | limit: both raw arms, ms | search, ms | ratio |\n|---|---|---|---|---|");
    for (name, pick) in [("p50", 0), ("p99", 1)] {
        let of = |row: &((f64, f64), (f64, f64))| if pick == 0 { row.0 } else { row.1 };
        let column = |value: &dyn Fn((f64, f64)) -> f64| median(rows.iter().map(|row| value(of(row))).collect());
        let (ours, limit) = (column(&|pair| pair.0 * 1e3), column(&|pair| pair.1 * 1e3));
        println!("| {count} | {name} | {limit:.2} | {ours:.2} | {:.2} |", column(&|pair| pair.0 / pair.1));
    }
    println!("embedding a query takes {:.1} ms more (median)", embedding.as_secs_f64() * 1e3);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    postgres.close().await;
    drop(raw);
    drop(admin);
    ground.end().await
}

fn model() -> anyhow::Result<MiniLm> {
    let cache_dir = second_brain::config::Config::of_environment()?.folders.cache_dir;
    let folder = move || Ok(second_brain::runtime::model_dir(&cache_dir, &|step| eprintln!("{step}"))?);
    Ok(MiniLm::new(Arc::new(folder), Computing::default())?)
}

/// Vectors that are known already.
struct Known(HashMap<String, Vec<f32>>);

#[async_trait]
impl Embedder for Known {
    fn model(&self) -> &'static str {
        MODEL
    }

    fn recipe(&self) -> &'static str {
        "known"
    }

    async fn embed(&self, texts: Vec<String>, _: Urgency) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| self.0[text].clone()).collect())
    }
}

async fn vectors(model: &MiniLm, questions: &[String]) -> anyhow::Result<(HashMap<String, Vec<f32>>, Duration)> {
    let (mut known, mut times) = (HashMap::new(), vec![]);
    for question in questions {
        let started = Instant::now();
        let vector = model.embed(vec![question.clone()], Urgency::Query).await?.swap_remove(0);
        times.push(started.elapsed());
        known.insert(question.clone(), vector);
    }
    Ok((known, quantile(times, 0.5)))
}

async fn project(
    nats: &Nats,
    postgres: &Postgres,
    index: &Arc<dyn KeywordIndex>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let store = postgres.projection_store();
    let (log, facts) = (nats.log(), nats.derived());
    for definition in [definition::memories(), definition::vectors()] {
        projectors::keeper::prepare(&*store, &definition).await?;
        let source: Arc<dyn second_brain::ports::EventReader> =
            if definition.stream == "DERIVED" { facts.clone() } else { log.clone() };
        let woken = Arc::new(postgres.on_applied(&definition.name));
        tasks.spawn(projectors::run(definition, source, store.clone(), woken, Default::default(), stop.clone()));
    }
    let keyword = Keyword::new(index.clone());
    tasks.spawn(keyword.clone().follow(log.clone(), stop.clone()));
    let positions = postgres.positions();
    anyhow::ensure!(positions.reached("memories", log.last_seq().await?, WAIT_MS).await?, "memories are late");
    anyhow::ensure!(positions.reached("vectors", facts.last_seq().await?, WAIT_MS).await?, "vectors are late");
    anyhow::ensure!(keyword.reached(log.last_seq().await?, WAIT_MS).await, "the index is late");
    Ok(())
}

/// The semantic arm as anybody would write it who knows that there is one space and no filter.
async fn nearest(raw: &mut PgConnection, vector: &[f32]) -> anyhow::Result<usize> {
    const SQL: &str = "SELECT m.id, 1 - (v.embedding <=> (SELECT $1::halfvec)) AS score FROM memories_v1.memories m \
        JOIN vectors_v1.vectors v ON v.space = m.space AND v.id = m.id AND v.content_hash = m.content_hash \
        WHERE m.space = 'default' AND m.deleted_at IS NULL ORDER BY score DESC LIMIT 200";
    let vector = derived::text_of(vector.iter().copied());
    let found = sqlx::query(AssertSqlSafe(SQL)).bind(vector).fetch_all(raw).await?;
    Ok(found.len())
}
