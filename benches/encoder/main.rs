//! The encoder of texts against candle's f32, in one run and in turns: texts a second in batches as they arrive, one short text, what
//! both understand by a text, memory, the time from start to the first vector.
//!
//! `cargo bench --bench encoder -- --rounds 5 --texts 512`; with `--file <LoCoMo's JSON>` its turns and questions in place of made-up
//! texts, and what a conversation's questions find.

mod conversations;
#[path = "../ground/mod.rs"]
mod ground;
mod reference;

use std::{path::Path, process::Command, time::Instant};

use bert::{Encoder, kernels::Kernel, quantise::quantise, shape::Precision};
use conversations::Conversations;
use ground::{language::Language, median, resident_kib, setting};
use reference::Candle;
use second_brain::adapters::encoder::model::Model;

const BATCH: usize = 32;
/// Short questions are asked so often in a round.
const QUESTIONS: usize = 40;

fn main() -> anyhow::Result<()> {
    let cache_dir = second_brain::config::Config::of_environment()?.folders.cache_dir;
    let folder = second_brain::runtime::model_dir(&cache_dir, &|step| eprintln!("{step}"))?;
    if let Some(precision) = named("alone") {
        return alone(&folder, &precision);
    }
    let candle = Candle::load(&folder)?;
    let conversations = named("file").map(|file| Conversations::read(Path::new(&file))).transpose()?;
    let texts = match &conversations {
        Some(conversations) => conversations.turns().take(setting("texts", 512)).map(str::to_owned).collect(),
        None => made_up()?,
    };
    let tokens: Vec<Vec<u32>> = candle.tokens(&texts)?;
    let made = tempfile::tempdir()?;
    let encoders = encoders(&folder, made.path())?;
    println!("{} texts of {} tokens in the mean\n", texts.len(), tokens.iter().map(Vec::len).sum::<usize>() / texts.len());
    speed(&candle, &encoders, &tokens)?;
    let source = std::fs::metadata(folder.join("model.safetensors"))?.len();
    sizes(&candle, &encoders, &tokens, source)?;
    for precision in [Precision::Int8, Precision::Int4, Precision::F32] {
        let said = Command::new(std::env::current_exe()?).args(["--bench", "--alone", precision.as_str()]).output()?;
        print!("{}", String::from_utf8_lossy(&said.stdout));
    }
    if let Some(conversations) = &conversations {
        conversations.compare(&candle, &encoders)?;
    }
    Ok(())
}

/// One way of computing, and what it is called.
struct Way {
    name: String,
    precision: Precision,
    kernel: Kernel,
    encoder: Encoder,
    file_bytes: u64,
}

/// Every kernel with bytes, and the quickest with the other precisions.
fn encoders(folder: &Path, made: &Path) -> anyhow::Result<Vec<Way>> {
    let mut ways = vec![];
    for precision in [Precision::Int8, Precision::Int4, Precision::F32] {
        let file = made.join(precision.as_str());
        quantise(folder, precision, &file)?;
        let kernels = if precision == Precision::Int8 { Kernel::all() } else { &Kernel::all()[..1] };
        for kernel in kernels.iter().copied() {
            let (encoder, file_bytes) = (Encoder::open(&file, kernel)?, std::fs::metadata(&file)?.len());
            ways.push(Way { name: format!("{precision} {}", kernel.name()), precision, kernel, encoder, file_bytes });
        }
    }
    Ok(ways)
}

fn made_up() -> anyhow::Result<Vec<String>> {
    let language = tokio::runtime::Runtime::new()?.block_on(Language::new())?;
    Ok((0..setting("texts", 512)).map(|n| language.text(n)).collect())
}

/// Texts a second and milliseconds of a short one, each way in turn in every round.
fn speed(candle: &Candle, ways: &[Way], tokens: &[Vec<u32>]) -> anyhow::Result<()> {
    let question: Vec<u32> = tokens.iter().flatten().copied().take(16).collect();
    let mut rows: Vec<Vec<[f64; 3]>> = vec![vec![]; ways.len()];
    let mut limits = vec![];
    for _ in 0..setting("rounds", 3) {
        let limit = [
            rate(tokens, |batch| candle.embed(batch).map(drop))?,
            once(|| candle.embed(std::slice::from_ref(&question)).map(drop))?,
        ];
        limits.push(limit);
        for (way, row) in ways.iter().zip(&mut rows) {
            // Plain Rust takes minutes for all of them.
            let some = if way.kernel == Kernel::SCALAR { &tokens[..tokens.len() / 16] } else { tokens };
            let embed = |threads| {
                move |batch: &[Vec<u32>]| {
                    way.encoder.embed(batch, threads)?;
                    Ok(())
                }
            };
            row.push([rate(some, embed(1))?, rate(some, embed(2))?, once(|| embed(1)(std::slice::from_ref(&question)))?]);
        }
    }
    let column = |rows: &[[f64; 3]], pick: usize| median(rows.iter().map(|row| row[pick]).collect());
    let limit = |pick: usize| median(limits.iter().map(|row| row[pick]).collect());
    println!("| | texts/s, 1 thread | texts/s, 2 threads | ratio | 16 tokens, ms | ratio |\n|---|---|---|---|---|---|");
    println!("| limit: candle f32, both processors | | {:.0} | 1 | {:.2} | 1 |", limit(0), limit(1));
    for (way, rows) in ways.iter().zip(&rows) {
        let ratio = |of: &dyn Fn(&[f64; 3], &[f64; 2]) -> f64| {
            median(rows.iter().zip(&limits).map(|(row, limit)| of(row, limit)).collect())
        };
        let (many, one) = (ratio(&|row, limit| row[1] / limit[0]), ratio(&|row, limit| limit[1] / row[2]));
        let (first, second, third) = (column(rows, 0), column(rows, 1), column(rows, 2));
        println!("| {} | {first:.0} | {second:.0} | {many:.1} | {third:.2} | {one:.1} |", way.name);
    }
    Ok(())
}

fn rate(texts: &[Vec<u32>], mut embed: impl FnMut(&[Vec<u32>]) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let started = Instant::now();
    for batch in texts.chunks(BATCH) {
        embed(batch)?;
    }
    Ok(texts.len() as f64 / started.elapsed().as_secs_f64())
}

fn once(mut ask: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut times = vec![];
    for _ in 0..QUESTIONS {
        let started = Instant::now();
        ask()?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times))
}

/// How large the files are, and how near their vectors come to candle's.
fn sizes(candle: &Candle, ways: &[Way], tokens: &[Vec<u32>], source: u64) -> anyhow::Result<()> {
    let exact = reference::all(tokens, |batch| candle.embed(batch))?;
    println!("\n| | file, bytes | of the published | cosine to candle f32, mean | min |\n|---|---|---|---|---|");
    for way in best(ways) {
        let vectors = reference::all(tokens, |batch| Ok(way.encoder.embed(batch, 2)?))?;
        let cosines: Vec<f64> = exact.iter().zip(&vectors).map(|(a, b)| reference::cosine(a, b)).collect();
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        let least = cosines.iter().copied().fold(f64::INFINITY, f64::min);
        let share = way.file_bytes as f64 / source as f64 * 100.0;
        println!("| {} | {} | {share:.1} % | {mean:.5} | {least:.5} |", way.precision, way.file_bytes);
    }
    println!();
    Ok(())
}

/// Each precision once, by the quickest kernel.
fn best(ways: &[Way]) -> impl Iterator<Item = &Way> {
    ways.iter().filter(|way| way.kernel == Kernel::best())
}

/// In a process of its own: from its start to the first vector, and what it holds afterwards.
fn alone(folder: &Path, precision: &str) -> anyhow::Result<()> {
    let precision = Precision::named(precision).ok_or_else(|| anyhow::anyhow!("no such precision"))?;
    // The file is made once, as brain does; the second loading is what every start has.
    drop(load(folder, precision)?);
    let started = Instant::now();
    let model = load(folder, precision)?;
    let embed = |text: &str| {
        model
            .forward(&model.encode(vec![text.to_owned()]).map_err(anyhow::Error::from_boxed)?, 1)
            .map_err(anyhow::Error::from_boxed)
    };
    embed("when is tea")?;
    let first = started.elapsed();
    for n in 0..512 {
        embed(&format!("number {n} of the texts that a model has read before its memory is looked at"))?;
    }
    let resident = resident_kib(std::process::id())? / 1_024;
    println!(
        "{precision}: first vector {:.0} ms after loading began, {resident} MiB resident with tokenizer and model",
        first.as_secs_f64() * 1e3
    );
    Ok(())
}

fn load(folder: &Path, precision: Precision) -> anyhow::Result<Model> {
    Model::load(folder, precision, Kernel::best()).map_err(anyhow::Error::from_boxed)
}

/// A word from the command line.
fn named(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != &format!("--{name}")).nth(1)
}
