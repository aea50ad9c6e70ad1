//! Sealing: what a sensitive memory costs in encryption, with its data key unwrapped each time, and what the master key seals by itself;
//! against AES-256-GCM alone over the same bytes in the same run. And how long it takes until all data keys lie under another version of the
//! master key, against raw publishes of as many messages of the same size.
//!
//! `cargo bench --bench sealing -- [--rounds 5] [--keys 100000]`

mod ground;

use std::{
    collections::{BTreeSet, HashMap},
    hint::black_box,
    sync::{Arc, Mutex},
    time::Instant,
};

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use async_nats::jetstream;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use ground::{Ground, median, setting};
use second_brain::{
    adapters::vault::{
        MasterKey, SealedKeys,
        place::{Place, Source},
    },
    domain::ids::{Revision, SpaceId},
    ports::{
        data_keys::{self, DataKeyStore, DataKeys, Found, SealError, wrapping},
        master_keys::{MasterKeys, Progress},
        webhooks::Vault,
    },
    runtime::Durability,
};

/// Bytes that are sealed in one round of one size.
const ROUND_BYTES: usize = 32 * 1_024 * 1_024;
const SIZES: [(usize, &str); 3] = [(256, "256 B"), (4_096, "4 KiB"), (65_536, "64 KiB")];
const FLIGHT: usize = 512;

fn main() -> anyhow::Result<()> {
    ground::run(async {
        let (rounds, keys) = (setting("rounds", 5), setting("keys", 100_000));
        let folder = tempfile::tempdir()?;
        let place = Place { path: folder.path().join("master.key"), source: Source::File };
        place.make().await?;
        let master = Arc::new(MasterKey::open(place).await?.expect("it was made"));
        println!("| bytes | AES-256-GCM alone, MB/s, seal / open | sensitive memories | share | master key alone | share |");
        println!("|---|---|---|---|---|---|");
        for (bytes, name) in SIZES {
            sealing(&master, (bytes, name), rounds).await?;
        }
        let ground = Ground::new(Durability::Power).await?;
        rewrapping(&ground, &master, keys).await?;
        ground.end().await
    })
}

/// As the stream keeps data keys, without the way there.
#[derive(Default)]
struct InMemory(Mutex<HashMap<String, String>>);

#[async_trait]
impl DataKeyStore for InMemory {
    async fn find(&self, _: &SpaceId, id: &str) -> Result<Found, SealError> {
        Ok(self.0.lock().expect("no panic").get(id).cloned().map_or(Found::Never, Found::Wrapped))
    }

    async fn keep(&self, _: &SpaceId, id: &str, wrapped: &str) -> Result<bool, SealError> {
        self.0.lock().expect("no panic").entry(id.to_owned()).or_insert_with(|| wrapped.to_owned());
        Ok(true)
    }

    async fn destroy(&self, _: &SpaceId, _: &str) -> Result<u64, SealError> {
        Ok(0)
    }
}

/// MB/s of sealing and of opening.
type Speed = [f64; 2];

async fn sealing(master: &Arc<MasterKey>, (bytes, name): (usize, &str), rounds: usize) -> anyhow::Result<()> {
    let (text, count) = (vec![b'a'; bytes], ROUND_BYTES / bytes);
    let mut speeds: [Vec<Speed>; 3] = Default::default();
    for _ in 0..rounds {
        speeds[0].push(alone(&text, count)?);
        speeds[1].push(memories(master, &text, count).await?);
        speeds[2].push(by_master_key(master, &text, count)?);
    }
    let of = |which: usize| [0, 1].map(|way| median(speeds[which].iter().map(|speed| speed[way]).collect()));
    let share = |which: usize| {
        let ratio =
            |way: usize| median(speeds[which].iter().zip(&speeds[0]).map(|(ours, limit)| ours[way] / limit[way]).collect());
        format!("{:.2} / {:.2}", ratio(0), ratio(1))
    };
    let show = |[seal, open]: Speed| format!("{seal:.0} / {open:.0}");
    println!("| {name} | {} | {} | {} | {} | {} |", show(of(0)), show(of(1)), share(1), show(of(2)), share(2));
    Ok(())
}

fn speed(text: &[u8], count: usize, started: Instant) -> f64 {
    (text.len() * count) as f64 / 1e6 / started.elapsed().as_secs_f64()
}

fn alone(text: &[u8], count: usize) -> anyhow::Result<Speed> {
    let cipher = Aes256Gcm::new_from_slice(&[7; 32])?;
    let failed = |_| anyhow::anyhow!("AES-GCM");
    let (mut nonce, mut sealed) = ([0; 12], vec![]);
    let started = Instant::now();
    for _ in 0..count {
        getrandom::fill(&mut nonce)?;
        sealed = cipher.encrypt(&nonce.into(), Payload { msg: black_box(text), aad: b"default/a/1" }).map_err(failed)?;
    }
    let seal = speed(text, count, started);
    let started = Instant::now();
    for _ in 0..count {
        black_box(cipher.decrypt(&nonce.into(), Payload { msg: black_box(&sealed), aad: b"default/a/1" }).map_err(failed)?);
    }
    Ok([seal, speed(text, count, started)])
}

async fn memories(master: &Arc<MasterKey>, text: &[u8], count: usize) -> anyhow::Result<Speed> {
    let keys = SealedKeys::new(master.clone(), Arc::new(InMemory::default()));
    let space = SpaceId::default_space();
    let place = data_keys::Place { space: &space, id: "a", revision: Revision(1) };
    let mut sealed = keys.seal(place, text).await?;
    let started = Instant::now();
    for _ in 0..count {
        sealed = keys.seal(place, black_box(text)).await?;
    }
    let seal = speed(text, count, started);
    let started = Instant::now();
    for _ in 0..count {
        black_box(keys.unseal(place, black_box(&sealed)).await?);
    }
    Ok([seal, speed(text, count, started)])
}

fn by_master_key(master: &MasterKey, text: &[u8], count: usize) -> anyhow::Result<Speed> {
    let mut sealed = String::new();
    let started = Instant::now();
    for _ in 0..count {
        sealed = master.seal("default/webhook/a/secret", black_box(text))?;
    }
    let seal = speed(text, count, started);
    let started = Instant::now();
    for _ in 0..count {
        black_box(master.unseal("default/webhook/a/secret", black_box(&sealed))?);
    }
    Ok([seal, speed(text, count, started)])
}

async fn rewrapping(ground: &Ground, master: &Arc<MasterKey>, count: usize) -> anyhow::Result<()> {
    let nats = ground.nats("sealing").await?;
    let (store, space) = (nats.data_keys(), SpaceId::default_space());
    let id = |n: usize| format!("0190f3d2-0000-7000-8000-{n:012}");
    let make = async |n: usize| {
        let id = id(n);
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        store.keep(&space, &id, &master.seal(&wrapping(&space, &id), &key)?).await?;
        anyhow::Ok(())
    };
    let started = Instant::now();
    stream::iter(0..count).map(make).buffer_unordered(FLIGHT).try_collect::<Vec<()>>().await?;
    eprintln!("{count} data keys made in {:.1} s", started.elapsed().as_secs_f64());
    let before = master.active().expect("one seals");
    let version = master.next(before).await?;
    master.follow(version, BTreeSet::new());
    let (things, progress) = (nats.wrapped_keys(master.clone()), Progress::default());
    let started = Instant::now();
    let rewrapped = things.reseal(version, &progress).await?;
    let took = started.elapsed().as_secs_f64();
    anyhow::ensure!(rewrapped == count as u64, "{rewrapped} of {count}");
    let raw = raw_publishes(ground, count).await?;
    let started = Instant::now();
    let counted = things.count().await?;
    let counting = started.elapsed().as_secs_f64();
    anyhow::ensure!(counted.by_version.get(&version) == Some(&(count as u64)), "{counted:?}");
    println!("\n| data keys | raw publishes of as many, s | rewrapped in, s | share | counted in, s |");
    println!("|---|---|---|---|---|");
    println!("| {count} | {raw:.1} | {took:.1} | {:.2} | {counting:.2} |", raw / took);
    Ok(())
}

/// As many messages of the size of a wrapped key, into a stream of the same sort.
async fn raw_publishes(ground: &Ground, count: usize) -> anyhow::Result<f64> {
    let context = jetstream::new(ground.bare_nats().await?);
    let config = jetstream::stream::Config { name: "RAW".into(), subjects: vec!["raw.>".into()], ..Default::default() };
    context.create_stream(config).await?;
    let payload = bytes::Bytes::from(vec![b'x'; 82]);
    let started = Instant::now();
    let publish = async |n: usize| {
        let ack = context.publish(format!("raw.default.0190f3d2-0000-7000-8000-{n:012}"), payload.clone()).await?;
        ack.await?;
        anyhow::Ok(())
    };
    stream::iter(0..count).map(publish).buffer_unordered(FLIGHT).try_collect::<Vec<()>>().await?;
    Ok(started.elapsed().as_secs_f64())
}
