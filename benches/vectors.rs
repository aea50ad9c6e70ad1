//! Nearest vectors in memory, at 100,000 and at a million, against the limit: reading their codes once at the speed of memory. And how many
//! of the exact best are named. Goal: the pass over a million within what a search under 50 clients may take, 150 ms.
//!
//! Vectors are those of the benches' own language: topics, and scatter about them. Nothing but the index is measured here; a whole search is
//! `benches/search.rs` and `benches/front.rs`.
//! `cargo bench --bench vectors -- [--count 100000] [--large 1000000] [--queries 200]`

mod ground;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use ground::{language::Language, library, quantile, setting};
use half::f16;
use second_brain::{
    adapters::vectors::{Crew, MemoryIndex},
    domain::ids::{MemoryId, SpaceId},
    ports::{TextHash, VectorChange, VectorIndex},
};

const LIMIT: usize = 250;
const AT_ONCE: usize = 4_096;
/// Of a code of 384 numbers, with its two factors.
const CODE_BYTES: usize = 56;

fn main() -> anyhow::Result<()> {
    ground::run(measure())
}

async fn measure() -> anyhow::Result<()> {
    let language = Language::new().await?;
    let questions: Vec<Arc<[f32]>> =
        (0..setting("queries", 200)).map(|number| language.meaning(number).to_vec().into()).collect();
    println!("| vectors | clients | limit: codes read once | p50 | p95 | questions/s | of the exact best 10 / {LIMIT} | bytes |");
    println!("|---|---|---|---|---|---|---|---|");
    for count in [setting("count", 100_000), setting("large", 1_000_000)] {
        let (index, space) = (Arc::new(MemoryIndex::new(Crew::start()?, u64::MAX)), SpaceId::default_space());
        for from in (0..count).step_by(AT_ONCE) {
            let change = |number| {
                let vector = language.vector(number).into_iter().map(f16::from_f32).collect();
                VectorChange { space: space.clone(), id: library::id(number), newest: Some((TextHash(0), vector)) }
            };
            index.apply((from..count.min(from + AT_ONCE)).map(change).collect()).await?;
        }
        let limit = read_once(count * CODE_BYTES);
        let overlap = overlap(&index, &language, &questions[..questions.len().min(10)], count).await?;
        for clients in [1, 8, 50] {
            let (times, took) = ask(&index, &questions, clients).await?;
            let rate = times.len() as f64 / took.as_secs_f64();
            let (p50, p95) = (quantile(times.clone(), 0.5), quantile(times, 0.95));
            let bytes = index.holding().bytes / 1_000_000;
            println!("| {count} | {clients} | {limit:.1?} | {p50:.1?} | {p95:.1?} | {rate:.0} | {overlap} | {bytes} MB |");
        }
    }
    Ok(())
}

/// How long as many bytes take that nobody has read for a while.
fn read_once(bytes: usize) -> Duration {
    let room: Vec<u64> = (0..bytes as u64 / 8).collect();
    // Something else fills the caches meanwhile.
    black_box((0..50_000_000u64).collect::<Vec<_>>());
    let started = Instant::now();
    black_box(room.iter().fold(0u64, |sum, word| sum.wrapping_add(*word)));
    started.elapsed()
}

async fn ask(index: &Arc<MemoryIndex>, questions: &[Arc<[f32]>], clients: usize) -> anyhow::Result<(Vec<Duration>, Duration)> {
    let started = Instant::now();
    let mut asking = tokio::task::JoinSet::new();
    for client in 0..clients {
        let (index, questions) = (index.clone(), questions.to_vec());
        asking.spawn(async move {
            let mut times = vec![];
            for number in 0..questions.len().div_ceil(clients) {
                let question = questions[(client * 7 + number) % questions.len()].clone();
                let started = Instant::now();
                let found = index.nearest(&SpaceId::default_space(), question, None, LIMIT).await;
                times.push(started.elapsed());
                assert!(found.is_some_and(|found| found.len() == LIMIT));
            }
            times
        });
    }
    let times = asking.join_all().await.into_iter().flatten().collect();
    Ok((times, started.elapsed()))
}

/// The shares of the exact best ten and of all that are asked for.
async fn overlap(index: &MemoryIndex, language: &Language, questions: &[Arc<[f32]>], count: usize) -> anyhow::Result<String> {
    let mut exact: Vec<Vec<(f32, MemoryId)>> = vec![vec![]; questions.len()];
    for number in 0..count {
        let vector: Vec<f32> = language.vector(number).into_iter().map(|it| f16::from_f32(it).to_f32()).collect();
        let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
        for (question, best) in questions.iter().zip(&mut exact) {
            let cosine = question.iter().zip(&vector).map(|(a, b)| a * b).sum::<f32>() / length;
            best.push((cosine, library::id(number)));
        }
    }
    let (mut first, mut all) = (0, 0);
    for (question, best) in questions.iter().zip(&mut exact) {
        best.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = index.nearest(&SpaceId::default_space(), question.clone(), None, LIMIT).await.unwrap_or_default();
        let is_found = |one: &&(f32, MemoryId)| found.iter().any(|it| it.id == one.1);
        first += best[..10].iter().filter(is_found).count();
        all += best[..LIMIT].iter().filter(is_found).count();
    }
    let share = |hits: usize, of: usize| hits as f64 / (of * questions.len()) as f64;
    Ok(format!("{:.4} / {:.4}", share(first, 10), share(all, LIMIT)))
}
