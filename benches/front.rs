//! How the front door holds at 10,000, 100,000 and a million memories, from 1, 10 and 50 clients over HTTP, with a tenth of the requests
//! writing. Goals at 100,000 under 50 clients: p95 below 100 ms for everything, below 50 ms for simple questions (a memory, a list),
//! below 1 s for complex ones (a hybrid search, the graph to depth 3).
//!
//! Clients ask one question after the other, so that 50 of them keep the machine at its capacity, and once more 50 with a pause of 100 ms
//! on average after each answer. Clients, brain, nats-server and Postgres share this machine's processors.
//! `--cache 0` keeps nothing, so that every read is asked;
//! `--embedder 0` leaves out the role that embeds new texts.
//! `cargo bench --bench front -- [--small 10000] [--middle 100000] [--large 0] [--seconds 20] [--questions 5000] [--cache 1]
//! [--embedder 1] [--audit 0]`

mod ground;

use std::{sync::Arc, time::Duration};

use ground::{
    Ground,
    client::Client,
    language::Language,
    library,
    mix::{Mix, Times},
    setting,
};
use second_brain::{
    caches::Settings,
    runtime::Durability,
    wiring::{Brain, Links, Place, Roles},
};

const PREFIX: &str = "front";
/// How long a client that pauses does so on average.
const PAUSE_MS: u64 = 100;
const ENDS: [&str; 5] = [
    "brain_cache_invalidations{kind=\"search\",cause=\"narrowed\"",
    "brain_cache_invalidations{kind=\"search\",cause=\"statistics\"",
    "brain_cache_invalidations{kind=\"search\",cause=\"dependency\"",
    "brain_cache_invalidations{kind=\"search\",cause=\"unknown\"",
    "brain_cache_invalidations{kind=\"search\",cause=\"flood\"",
];
const STAGES: [&str; 10] = [
    "brain_queue_seconds_sum{what=\"searches\"}",
    "brain_search_seconds_sum{stage=\"embed\"}",
    "brain_search_seconds_sum{stage=\"meaning\"}",
    "brain_search_seconds_sum{stage=\"words\"}",
    "brain_search_seconds_sum{stage=\"rows\"}",
    "brain_queue_seconds_count{what=\"searches\"}",
    "brain_search_seconds_count{stage=\"embed\"}",
    "brain_search_seconds_count{stage=\"meaning\"}",
    "brain_search_seconds_count{stage=\"words\"}",
    "brain_search_seconds_count{stage=\"rows\"}",
];

fn main() -> anyhow::Result<()> {
    ground::run(measure())
}

async fn measure() -> anyhow::Result<()> {
    if std::env::var_os("BRAIN_LOG").is_some() {
        let filter = second_brain::config::Config::of_environment()?.logging.filter;
        second_brain::telemetry::log_to_stderr(second_brain::telemetry::Telling::Steps, filter);
    }
    let sizes = [setting("small", 10_000), setting("middle", 100_000), setting("large", 0)];
    let (seconds, questions) = (setting("seconds", 20), setting("questions", 5_000));
    let caching = Settings {
        max_bytes: if setting("cache", 1) == 1 { Settings::default().max_bytes } else { 0 },
        audit_every: setting("audit", 0) as u64,
        ..Settings::default()
    };
    let with_embedder = setting("embedder", 1) == 1;
    let ground = Ground::new(Durability::Os).await?;
    let language = Arc::new(Language::new().await?);
    let nats = ground.nats(PREFIX).await?;
    ground.database_to_fill(PREFIX).await?;
    let folder = tempfile::tempdir()?;
    println!("| memories | clients | | p50 | p95 | p99 | requests/s | hits | refused |\n|---|---|---|---|---|---|---|---|---|");
    let mut filled = 0;
    for size in sizes.into_iter().filter(|size| *size > 0) {
        library::fill(&nats, &language, filled, size, true).await?;
        filled = size;
        let roles: Roles =
            if with_embedder { Roles::all() } else { "api,projector,fanout".parse().map_err(anyhow::Error::msg)? };
        let place = Place { caching, ..ground::place(folder.path(), PREFIX, roles)? };
        let brain = Brain::start(Links::embedded(&ground.servers, PREFIX), place).await?;
        let client = Arc::new(Client::new(&brain)?);
        client.settle(&nats).await?;
        ground.index(PREFIX).await?;
        let mix = Mix::new(client.others(&nats, 50).await?, language.clone(), size, questions);
        mix.ask_all(&client).await?;
        let pause = Duration::from_millis(PAUSE_MS);
        let rounds = [(1, Duration::ZERO), (10, Duration::ZERO), (50, pause), (50, Duration::ZERO)];
        for (round, clients) in rounds.into_iter().enumerate() {
            // What comes first is not looked at: until then more is kept than changes would have left.
            let seed = (size + round) as u64;
            mix.run_for(&client, clients, seconds as u64 / 2, seed).await?;
            let before = (client.counters(STAGES).await?, client.counters(ENDS).await?);
            let times = mix.run_for(&client, clients, seconds as u64, seed + 7).await?;
            show(size, clients, &times);
            show_stages(&before.0, &client.counters(STAGES).await?);
            show_ends(&before.1, &client.counters(ENDS).await?);
        }
        if caching.audit_every > 0 {
            let [audited, stale] = client.counters(["brain_cache_audited{", "brain_cache_stale{"]).await?;
            println!("\naudited: {audited}, stale: {stale}\n");
        }
        brain.stop().await;
    }
    drop(nats);
    ground.end().await
}

/// Where the time of searches that nothing kept answers went, on average.
fn show_stages(before: &[f64; STAGES.len()], after: &[f64; STAGES.len()]) {
    let (sums, counts) = STAGES.split_at(STAGES.len() / 2);
    let stages = sums.iter().enumerate().map(|(place, name)| {
        let rise = |place: usize| after[place] - before[place];
        let mean = rise(place) / rise(place + counts.len()).max(1.0);
        format!("{} {:.1} ms", name.split('"').nth(1).unwrap_or(name), mean * 1e3)
    });
    eprintln!("not kept, on average: {}", stages.collect::<Vec<_>>().join(", "));
}

/// How many kept searches were ended, by cause.
fn show_ends(before: &[f64; ENDS.len()], after: &[f64; ENDS.len()]) {
    let ends = ENDS.iter().zip(before.iter().zip(after));
    let ends = ends.map(|(name, (before, after))| format!("{} {:.0}", name.split('"').nth(3).unwrap_or(name), after - before));
    eprintln!("kept searches that were over: {}", ends.collect::<Vec<_>>().join(", "));
}

fn show(size: usize, (clients, pause): (usize, Duration), times: &Times) {
    const ROWS: [(&str, &[&str]); 4] = [
        ("everything", &["get", "list", "search", "graph", "write"]),
        ("simple: a memory, a list", &["get", "list"]),
        ("complex: search, graph", &["search", "graph"]),
        ("writes", &["write"]),
    ];
    let clients = if pause.is_zero() { clients.to_string() } else { format!("{clients}, pausing") };
    for (name, kinds) in ROWS {
        let at = |share| times.quantile(|kind, _| kinds.contains(&kind), share);
        let (p50, p95, p99) = (at(0.5), at(0.95), at(0.99));
        let rest = match name {
            "everything" => format!("{:.0} | {:.1} % | {} |", times.rate(), times.hit_rate() * 100.0, times.refused),
            _ => "| | |".to_owned(),
        };
        println!("| {size} | {clients} | {name} | {p50:.2?} | {p95:.2?} | {p99:.2?} | {rest}");
    }
    // A miss alone, as if nothing were kept.
    let missed = |share| times.quantile(|kind, kept| !kept && matches!(kind, "search" | "graph"), share);
    println!(
        "| {size} | {clients} | complex, not kept | {:.2?} | {:.2?} | {:.2?} | | | |",
        missed(0.5),
        missed(0.95),
        missed(0.99)
    );
}
