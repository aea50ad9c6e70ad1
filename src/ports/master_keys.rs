//! What the core needs to know of the master key: the versions that this process holds, the ring that all processes of an instance agree
//! on, and where else a master key may be kept. No key ever passes here, only what proves one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use futures::{future::BoxFuture, stream::BoxStream};

use crate::domain::{
    ids::StreamSeq,
    key_ring::{Check, KeyRing, Peer},
};

/// Why versions of the master key cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// They come from where this process cannot write; what its operator has to do.
    #[error("{0}")]
    ReadOnly(String),
    #[error("the master key cannot be read or written")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The versions of the master key that this process holds, and the place that they come from.
#[async_trait]
pub trait MasterKeys: Send + Sync {
    /// Where they come from, in words.
    fn source(&self) -> String;
    /// The versions that are held, each with what proves it.
    fn held(&self) -> BTreeMap<u32, Check>;
    /// Which of them seals.
    fn active(&self) -> Option<u32>;
    /// Seals under this version from now on, and opens nothing under those that are destroyed. A version that is not held seals nothing:
    /// then nothing is sealed at all.
    fn follow(&self, active: u32, destroyed: BTreeSet<u32>);
    /// Reads the place again. Errors: it cannot be read; what was held stays.
    async fn reload(&self) -> Result<(), MasterKeyError>;
    /// The first version above this one that the place holds; where it holds none, one that is made, and is durable there.
    /// Errors: `ReadOnly` where nothing can be made.
    async fn next(&self, above: u32) -> Result<u32, MasterKeyError>;
    /// Takes a version out of the place, for ever. Errors: `ReadOnly`.
    async fn remove(&self, version: u32) -> Result<(), MasterKeyError>;
    /// Wraps what the place holds anew, where somebody else's key wraps it; answers how many versions.
    async fn rewrap(&self) -> Result<usize, MasterKeyError>;
}

/// Why the ring is not known or was not changed.
#[derive(Debug, thiserror::Error)]
#[error("what is known of master keys cannot be read or written now")]
pub struct RingAway(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The ring as all processes know it, with its place: each change is made from a place, and is refused if another was made since.
pub type Rings = BoxStream<'static, Result<(KeyRing, StreamSeq), RingAway>>;

/// Where the ring is kept, and how processes tell each other what they hold.
/// Errors of each method: [`RingAway`].
#[async_trait]
pub trait KeyRingStore: Send + Sync {
    /// The ring; `None` where there never was one.
    async fn load(&self) -> Result<Option<(KeyRing, StreamSeq)>, RingAway>;
    /// Puts a ring in place of that at `expected` (0 = none); `None` if another one stands there.
    async fn put(&self, ring: &KeyRing, expected: StreamSeq) -> Result<Option<StreamSeq>, RingAway>;
    /// The ring now, and each one that comes; ends with an error when the connection is another one.
    async fn tell(&self) -> Result<Rings, RingAway>;
    /// What every process that can be reached holds, this one included, after it has read its place again.
    async fn peers(&self) -> Result<Vec<Peer>, RingAway>;
    /// Answers whoever asks what this process holds, until the connection ends.
    async fn answer(&self, myself: &(dyn Fn() -> BoxFuture<'static, Peer> + Send + Sync)) -> Result<(), RingAway>;
}

/// Why a key management service did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    /// It cannot be reached, or is sealed; worth another try.
    #[error("{0}")]
    Away(String),
    /// It says no; another try will not help.
    #[error("{0}")]
    Refused(String),
}

/// A key management service that wraps master keys under a key that never leaves it.
/// Errors of each method: see [`KmsError`].
#[async_trait]
pub trait Kms: Send + Sync {
    /// The name of the key that wraps.
    fn key(&self) -> &str;
    async fn wrap(&self, secret: &[u8]) -> Result<String, KmsError>;
    async fn unwrap(&self, wrapped: &str) -> Result<Vec<u8>, KmsError>;
    /// The same secret under the newest version of the key; the secret is not seen on the way.
    async fn rewrap(&self, wrapped: &str) -> Result<String, KmsError>;
}

/// Why it is not known what is sealed, or it was not sealed anew.
#[derive(Debug, thiserror::Error)]
#[error("what is sealed cannot be read or written now")]
pub struct SealedAway(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// How many things are sealed under each version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    pub by_version: BTreeMap<u32, u64>,
    /// Of which nobody can say.
    pub unreadable: u64,
}

impl Sealed {
    /// Counts one more, under the version that it says; `None` where it says none.
    pub fn note(&mut self, version: Option<u32>) {
        match version {
            Some(version) => *self.by_version.entry(version).or_default() += 1,
            None => self.unreadable += 1,
        }
    }
}

/// A text that the master key has sealed begins with the version that it lies under: that, and what comes after it.
pub fn parted(sealed: &str) -> Option<(u32, &str)> {
    let (version, text) = sealed.split_once('.')?;
    Some((version.parse().ok()?, text))
}

/// The version that a sealed text lies under.
pub fn version_of(sealed: &str) -> Option<u32> {
    parted(sealed).map(|(version, _)| version)
}

/// How far a long work is.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    pub fn reset(&self) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(0, Ordering::Relaxed);
    }

    /// So many more are to be done.
    pub fn begin(&self, total: u64) {
        self.total.fetch_add(total, Ordering::Relaxed);
    }

    pub fn advance(&self, done: u64) {
        self.done.fetch_add(done, Ordering::Relaxed);
    }

    /// Done, of how many, and what is handed in: whether the work runs.
    pub fn read(&self, runs: bool) -> (u64, u64, bool) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed), runs)
    }
}

/// One sort of things that are sealed under the master key and stay.
/// Errors of each method: [`SealedAway`].
#[async_trait]
pub trait SealedThings: Send + Sync {
    /// What they are, in the plural: `webhook secrets`.
    fn name(&self) -> &'static str;
    async fn count(&self) -> Result<Sealed, SealedAway>;
    /// Whether the versions that are held open what there is: `None` where there is nothing.
    async fn opens(&self) -> Result<Option<bool>, SealedAway>;
    /// Seals under the active version what lies under another one; answers how many things. May be asked for again after it broke off.
    async fn reseal(&self, active: u32, progress: &Progress) -> Result<u64, SealedAway>;
}
