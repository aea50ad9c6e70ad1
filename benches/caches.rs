//! What keeping answers is worth, and that no kept answer is stale.
//!
//! First a simulation of ten million steps over the real store, with read models, tails and fills in random disorder: goal 0 stale.
//! Then a Zipf(1.0) mix of 90 % reads and 10 % writes in one space over HTTP, with narrowing and without: goals 80 % hits with it, a hit in
//! at most 1/20 of the time of a miss (what the bare HTTP round trip of the same run costs is taken off both), answers held in at most a tenth
//! more than their own bytes.
//!
//! `cargo bench --bench caches -- [--steps 10000000] [--count 20000] [--questions 5000] [--requests 60000] [--clients 8] [--audit 0]`

mod ground;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ground::{
    Ground,
    client::Client,
    language::Language,
    library,
    mix::{Mix, Times},
    resident_kib, setting,
    simulation::{Findings, Simulation},
};
use second_brain::{
    caches::{Settings, entry::Key, store::Store},
    domain::ids::SpaceId,
    ports::cache::{Answer, Dep, Stamp},
    runtime::Durability,
    wiring::{Brain, Links, Place, Roles},
};

const PREFIX: &str = "caches";
const KINDS: [&str; 4] = ["get", "list", "search", "graph"];

fn main() -> anyhow::Result<()> {
    ground::run(measure())
}

async fn measure() -> anyhow::Result<()> {
    let (steps, count, questions) = (setting("steps", 10_000_000), setting("count", 20_000), setting("questions", 5_000));
    let (requests, clients, audit) = (setting("requests", 60_000), setting("clients", 8), setting("audit", 0));
    simulate(steps as u64);
    weigh()?;
    if requests == 0 {
        return Ok(());
    }
    let ground = Ground::new(Durability::Os).await?;
    let language = Arc::new(Language::new().await?);
    let nats = ground.nats(PREFIX).await?;
    library::fill(&nats, &language, 0, count, true).await?;
    ground.database_to_fill(PREFIX).await?;
    let folder = tempfile::tempdir()?;
    let mut rows = vec![];
    for narrowing in [true, false] {
        let caching = Settings { narrowing, audit_every: audit as u64, ..Settings::default() };
        let place = Place { caching, ..ground::place(folder.path(), PREFIX, Roles::all())? };
        let brain = Brain::start(Links::embedded(&ground.servers, PREFIX), place).await?;
        let client = Arc::new(Client::new(&brain)?);
        client.settle(&nats).await?;
        ground.index(PREFIX).await?;
        let mix = Mix::new(client.others(&nats, clients).await?, language.clone(), count, questions);
        mix.ask_all(&client).await?;
        // The first half is not looked at: until then more is kept than changes would have left.
        mix.run(&client, clients, requests / 2, 1).await?;
        let times = mix.run(&client, clients, requests / 2, 2).await?;
        println!("narrowing {narrowing}: {:.0} requests/s, {} refused", times.rate(), times.refused);
        rows.push(times);
        if narrowing {
            alone(&client, &mix, audit).await?;
        }
        brain.stop().await;
    }
    println!("\n| hit rate, Zipf(1.0), 10 % writes | with narrowing | without |\n|---|---|---|");
    let rate = |of: &dyn Fn(&Times) -> f64| format!("{:.1} % | {:.1} %", of(&rows[0]) * 100.0, of(&rows[1]) * 100.0);
    for kind in KINDS {
        println!("| {kind} | {} |", rate(&|times| times.hit_rate_of(kind)));
    }
    println!("| all reads | {} |", rate(&Times::hit_rate));
    drop(nats);
    ground.end().await
}

/// Two processors simulate; every kept answer is checked.
fn simulate(steps: u64) {
    let started = Instant::now();
    let (piece, mut all) = (100_000, Findings::default());
    let pieces: Vec<u64> = (0..steps.div_ceil(piece)).collect();
    std::thread::scope(|scope| {
        let halves: Vec<_> = pieces
            .chunks(pieces.len().div_ceil(2).max(1))
            .map(|seeds| scope.spawn(move || seeds.iter().map(|seed| Simulation::new(*seed).run(piece)).collect::<Vec<_>>()))
            .collect();
        for findings in halves.into_iter().flat_map(|half| half.join().expect("no panic")) {
            all.steps += findings.steps;
            all.hits += findings.hits;
            all.misses += findings.misses;
            all.refused += findings.refused;
            all.stale += findings.stale;
        }
    });
    println!("| simulated steps | hits | misses | fills refused | stale | took |\n|---|---|---|---|---|---|");
    let Findings { steps, hits, misses, refused, stale } = all;
    println!("| {steps} | {hits} | {misses} | {refused} | {stale} | {:.0?} |\n", started.elapsed());
    assert_eq!(stale, 0, "a stale answer was given");
}

/// What small answers take in this process's memory, by its own count and by the system's.
fn weigh() -> anyhow::Result<()> {
    const ANSWERS: u32 = 200_000;
    const BODY_BYTES: usize = 600;
    let (space, store) = (SpaceId::default_space(), Store::new(Settings::default(), Stamp::default()));
    let before = resident_kib(std::process::id())?;
    for number in 0..ANSWERS {
        let body = vec![number as u8; BODY_BYTES].into();
        let answer = Answer { body, deps: vec![Dep(number)], is_whole: true, ..Answer::default() };
        let key = Key::new(&space, "v1", "memory", format!("{:036}", number));
        let (entry, taken) = store.put(key, answer, Stamp::default());
        anyhow::ensure!(taken.is_ok() && entry.body.plain().len() == BODY_BYTES, "it is kept and can be given");
    }
    let (held, totals) = ((resident_kib(std::process::id())? - before) * 1_024, store.totals());
    let each = |bytes: u64| bytes as f64 / f64::from(ANSWERS);
    let (content, ours, theirs) = (each(totals.content_bytes), each(totals.overhead_bytes), each(held - totals.content_bytes));
    println!("\n| an answer of {content:.0} bytes | beside it, as counted | as the system counts |\n|---|---|---|");
    println!("| {} kept | {ours:.0} | {theirs:.0} |", totals.entries);
    Ok(())
}

/// One client: what a hit and a miss take, each without the bare round trip, and what is held.
async fn alone(client: &Arc<Client>, mix: &Arc<Mix>, audit: usize) -> anyhow::Result<()> {
    let mix = mix.with_bare();
    let taking = mix.run(client, 1, 5_000, 3).await?;
    let refusing = mix.without_gzip().run(client, 1, 5_000, 4).await?;
    println!(
        "\n| one client, p50 | miss | hit | ratio without the round trip | hit that is unpacked | ratio |\n|---|---|---|---|---|---|"
    );
    let bare = |times: &Times| times.quantile(|kind, _| kind == "bare", 0.5);
    for wanted in KINDS {
        let at = |times: &Times, hit: bool| times.quantile(|kind, kept| kind == wanted && kept == hit, 0.5);
        let [of_taking, of_refusing] = [&taking, &refusing].map(|times| {
            let net = |time: Duration| time.saturating_sub(bare(times)).as_secs_f64();
            net(at(times, true)) / net(at(times, false))
        });
        let (miss, hit, unpacked) = (at(&taking, false), at(&taking, true), at(&refusing, true));
        println!("| {wanted} | {miss:.2?} | {hit:.2?} | {of_taking:.3} | {unpacked:.2?} | {of_refusing:.3} |");
    }
    println!("bare HTTP round trip: {:.2?}, {:.2?}", bare(&taking), bare(&refusing));
    let kept = client.get("/api/v1/caches?limit=1").await?;
    let of = |name: &str| kept[name].as_f64().unwrap_or_default();
    let (content, packed, beside) = (of("content_bytes"), of("packed_bytes"), of("overhead_bytes"));
    println!("\n| kept answers | bytes | packed | beside them | held in all, of the answers' bytes |\n|---|---|---|---|---|");
    println!("| {} | {content} | {packed} | {beside} | {:.1} % |", kept["entries"], (packed + beside) / content * 100.0);
    if audit > 0 {
        let [audited, stale] = client.counters(["brain_cache_audited{", "brain_cache_stale{"]).await?;
        println!("\naudited: {audited}, stale: {stale}");
    }
    Ok(())
}
