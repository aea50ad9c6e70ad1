//! The master key, for operators: which versions there are and what is sealed under each, a new version, sealing anew, the end of an old one.
//!
//! A version seals only after every process that can be reached has shown that it holds it; it ends only when nothing is sealed under it.
//! Each step is one change of the ring or of the place that keys come from, so a crash between two leaves what both can go on from.

pub mod opening;
pub mod signing_keys;
pub mod webhooks;

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Mutex, MutexGuard};

use super::{Caller, Error};
use crate::{
    domain::{
        ids::{StreamSeq, Timestamp},
        key_ring::{KeyRing, Peer},
    },
    ports::{
        Clock,
        master_keys::{KeyRingStore, MasterKeyError, MasterKeys, Progress, RingAway, SealedAway, SealedThings},
    },
};

/// How often a change of the ring is tried again after others were faster.
const TRIES_MAX: usize = 5;

/// The use cases of the master key. Errors of all: `auth.operator_only`, `vault.unavailable`; of those that change something also
/// `vault.busy`.
pub struct MasterKeyRing {
    pub keys: Arc<dyn MasterKeys>,
    pub store: Arc<dyn KeyRingStore>,
    /// All sorts of things that are sealed under it and stay.
    pub things: Vec<Arc<dyn SealedThings>>,
    pub clock: Arc<dyn Clock>,
    /// Of the sealing anew that runs, or ran last.
    pub progress: Arc<Progress>,
    /// Held by who changes something: this process does one thing at a time.
    pub work: Mutex<()>,
}

/// What a version is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It seals and opens.
    Active,
    /// It opens what was sealed under it.
    Kept,
    /// It was made, and seals nothing yet.
    Announced,
    Destroyed,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Kept => "kept",
            Self::Announced => "announced",
            Self::Destroyed => "destroyed",
        }
    }
}

/// A version, with how many things of each sort are sealed under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub version: u32,
    pub state: State,
    pub known_at: Timestamp,
    pub destroyed_at: Option<Timestamp>,
    pub sealed: BTreeMap<&'static str, u64>,
}

/// How the master key stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Where this process has it from, in words.
    pub source: String,
    pub active: u32,
    pub versions: Vec<Version>,
    /// Things of each sort of which nobody can say under which version they are sealed.
    pub unreadable: BTreeMap<&'static str, u64>,
    /// The processes that could be reached, and what they hold.
    pub processes: Vec<Peer>,
    /// Of the sealing anew: done, of how many, whether it runs.
    pub progress: (u64, u64, bool),
}

/// A new version seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    pub version: u32,
    pub before: u32,
    /// How many processes have shown that they hold it.
    pub processes: usize,
}

/// What was sealed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resealed {
    pub active: u32,
    pub resealed: BTreeMap<&'static str, u64>,
    /// Versions of the master key itself that a key management service wrapped anew.
    pub wrapped: usize,
}

/// A version is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destroyed {
    pub version: u32,
    /// What is left for the operator to do.
    pub left: Option<String>,
}

impl MasterKeyRing {
    /// Which versions there are, and what is sealed under each. Errors: `secrets.no_master_key`.
    pub async fn standing(&self, caller: &Caller) -> Result<Standing, Error> {
        caller.require_operator()?;
        let (ring, _) = self.ring().await?;
        let (sealed, unreadable) = self.count().await?;
        let version = |version: u32| sealed.get(&version).cloned().unwrap_or_default();
        let versions = ring.versions.iter().map(|known| Version {
            version: known.version,
            state: state(&ring, known.version),
            known_at: known.known_at,
            destroyed_at: known.destroyed_at,
            sealed: version(known.version),
        });
        Ok(Standing {
            source: self.keys.source(),
            active: ring.active,
            versions: versions.collect(),
            unreadable,
            processes: self.store.peers().await?,
            progress: self.progress.read(self.work.try_lock().is_err()),
        })
    }

    /// Makes a version, or takes the one that was made already, and lets it seal. Errors: `secrets.no_master_key`; `vault.read_only` where
    /// this process cannot make one; `vault.not_shared` where a process does not hold it, and then it seals nothing.
    pub async fn rotate(&self, caller: &Caller) -> Result<Rotated, Error> {
        caller.require_operator()?;
        let _alone = self.alone()?;
        let (ring, _) = self.ring().await?;
        let before = ring.active;
        self.keys.reload().await?;
        let version = match ring.announced(&self.keys.held()) {
            Some(version) => version,
            // Numbers of versions that are gone, or that nobody here holds, are not given again.
            None => self.keys.next(ring.newest()).await?,
        };
        let check = *self.keys.held().get(&version).ok_or_else(|| failed("the version that was made is not held"))?;
        let ring = self.change(|ring| Some(ring.with(version, check, self.clock.now()))).await?;
        if ring.find(version).is_some_and(|known| known.check != check) {
            return Err(Error::new(
                "vault.not_shared",
                format!("version {version} of {} is another key than the instance knows", self.keys.source()),
            ));
        }
        let peers = self.peers().await?;
        if let Some(without) = peers.iter().find(|peer| peer.held.get(&version) != Some(&check)) {
            let detail = format!(
                "the process {} does not hold version {version} of the master key: give it the key, start it again, and rotate then; \
                 until then version {before} seals",
                without.name
            );
            return Err(Error::new("vault.not_shared", detail));
        }
        let now = self.clock.now();
        let ring = self.change(|ring| Some(ring.passing_over(version, now).sealing_under(version))).await?;
        self.keys.follow(ring.active, ring.destroyed());
        tracing::info!(version, before, "another version of the master key seals");
        Ok(Rotated { version, before, processes: peers.len() })
    }

    /// Seals under the active version what lies under older ones, and lets a key management service wrap the master key itself anew.
    /// May be asked for again after it broke off.
    pub async fn reseal(&self, caller: &Caller) -> Result<Resealed, Error> {
        caller.require_operator()?;
        let _alone = self.alone()?;
        let (ring, _) = self.ring().await?;
        self.keys.follow(ring.active, ring.destroyed());
        let wrapped = self.keys.rewrap().await?;
        self.progress.reset();
        let mut resealed = BTreeMap::new();
        for thing in &self.things {
            resealed.insert(thing.name(), thing.reseal(ring.active, &self.progress).await?);
        }
        Ok(Resealed { active: ring.active, resealed, wrapped })
    }

    /// Ends a version for ever: nothing opens by it any more. Errors: `vault.unknown_version`; `vault.version_active`; `vault.version_in_use`
    /// while anything is sealed under it; `vault.not_shared` while a process seals under it still.
    pub async fn destroy(&self, caller: &Caller, version: u32) -> Result<Destroyed, Error> {
        caller.require_operator()?;
        let _alone = self.alone()?;
        let (ring, _) = self.ring().await?;
        match ring.find(version) {
            None => return Err(Error::new("vault.unknown_version", format!("there is no version {version} of the master key"))),
            Some(_) if ring.active == version => {
                let detail = format!("version {version} of the master key seals: rotate first");
                return Err(Error::new("vault.version_active", detail));
            }
            Some(_) => {}
        }
        self.nothing_under(version).await?;
        let peers = self.peers().await?;
        if let Some(late) = peers.iter().find(|peer| peer.active.is_some_and(|active| active != ring.active)) {
            let detail = format!("the process {} does not seal under version {} yet; try again", late.name, ring.active);
            return Err(Error::new("vault.not_shared", detail));
        }
        let now = self.clock.now();
        let ring = self.change(|ring| Some(ring.destroying(version, Some(now)))).await?;
        // Whoever was slower than the first look has sealed by now, and nobody seals under it from here on.
        if let Err(in_use) = self.nothing_under(version).await {
            self.change(|ring| Some(ring.destroying(version, None))).await?;
            return Err(in_use);
        }
        self.keys.follow(ring.active, ring.destroyed());
        let left = match self.keys.remove(version).await {
            Ok(()) => None,
            Err(MasterKeyError::ReadOnly(left)) => Some(left),
            Err(cause) => return Err(cause.into()),
        };
        tracing::warn!(version, "a version of the master key is destroyed");
        Ok(Destroyed { version, left })
    }

    fn alone(&self) -> Result<MutexGuard<'_, ()>, Error> {
        self.work.try_lock().map_err(|_| Error::new("vault.busy", "the master key is being changed; try again when that is done"))
    }

    /// What all processes hold that can be reached. Errors: not even this one answers, so nothing is known of others.
    async fn peers(&self) -> Result<Vec<Peer>, Error> {
        let peers = self.store.peers().await?;
        if peers.is_empty() {
            return Err(Error::new("vault.unavailable", "no process says which master keys it holds; try again"));
        }
        Ok(peers)
    }

    async fn ring(&self) -> Result<(KeyRing, StreamSeq), Error> {
        let none = || Error::new("secrets.no_master_key", "this instance has no master key");
        self.store.load().await?.ok_or_else(none)
    }

    /// Changes the ring, whoever else does; answers what it is then.
    async fn change(&self, change: impl Fn(KeyRing) -> Option<KeyRing>) -> Result<KeyRing, Error> {
        for _ in 0..TRIES_MAX {
            let (ring, at) = self.ring().await?;
            let Some(changed) = change(ring.clone()).filter(|changed| *changed != ring) else { return Ok(ring) };
            if self.store.put(&changed, at).await?.is_some() {
                return Ok(changed);
            }
        }
        Err(Error::new("vault.unavailable", "other processes keep changing the master key; try again"))
    }

    async fn nothing_under(&self, version: u32) -> Result<(), Error> {
        let (sealed, unreadable) = self.count().await?;
        let named = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
        };
        let in_use = |detail: String| Err(Error::new("vault.version_in_use", detail));
        if let Some(counts) = sealed.get(&version) {
            return in_use(format!(
                "under version {version} are sealed: {}; seal them anew first (brain vault rewrap)",
                named(counts)
            ));
        }
        if !unreadable.is_empty() {
            return in_use(format!("nobody can say under which version are sealed: {}", named(&unreadable)));
        }
        Ok(())
    }

    async fn count(&self) -> Result<(BTreeMap<u32, BTreeMap<&'static str, u64>>, BTreeMap<&'static str, u64>), Error> {
        let (mut sealed, mut unreadable) = (BTreeMap::<u32, BTreeMap<_, _>>::new(), BTreeMap::new());
        for thing in &self.things {
            let counted = thing.count().await?;
            for (version, count) in counted.by_version {
                sealed.entry(version).or_default().insert(thing.name(), count);
            }
            if counted.unreadable > 0 {
                unreadable.insert(thing.name(), counted.unreadable);
            }
        }
        Ok((sealed, unreadable))
    }
}

fn state(ring: &KeyRing, version: u32) -> State {
    match ring.find(version) {
        Some(known) if known.destroyed_at.is_some() => State::Destroyed,
        _ if version == ring.active => State::Active,
        _ if version > ring.active => State::Announced,
        _ => State::Kept,
    }
}

fn failed(why: &str) -> Error {
    Error::new("vault.failed", why)
}

impl From<RingAway> for Error {
    fn from(cause: RingAway) -> Self {
        Self::new("vault.unavailable", cause.to_string()).logged(&cause)
    }
}

impl From<SealedAway> for Error {
    fn from(cause: SealedAway) -> Self {
        Self::new("vault.unavailable", cause.to_string()).logged(&cause)
    }
}

impl From<MasterKeyError> for Error {
    fn from(cause: MasterKeyError) -> Self {
        match &cause {
            MasterKeyError::ReadOnly(why) => Self::new("vault.read_only", why.clone()),
            // An operator is told the cause: nobody else comes here.
            MasterKeyError::Failed(_) => Self::new("vault.failed", crate::causes::chain(&cause)).logged(&cause),
        }
    }
}
