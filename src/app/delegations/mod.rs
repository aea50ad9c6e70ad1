//! Delegations to API clients in memory, with the devices that wait for one and the keys that sign their tokens: filled from their stream
//! before a process is ready and followed from then on, so that a revoke anywhere is known here at once.
//!
//! Called by wiring (to follow), by [`super::oauth`] (to make, change and end them), by [`super::access`] (to end those of somebody who is
//! out). Secrets are known here by their SHA-256.

mod keys;
mod shelf;
#[cfg(test)]
mod tests;

pub(in crate::app) use self::keys::place_of_key;

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::TimeDelta;
use futures::StreamExt;
use tokio::sync::watch;
use uuid::Uuid;

use self::shelf::Shelf;
use super::{Error, hearing::Hearing, sessions::Sessions};
use crate::{
    causes::chain,
    domain::{
        delegation::{Delegation, Device, SigningKey},
        ids::{PrincipalId, StreamSeq, Timestamp},
    },
    journal::delegation::{Kept, Kind},
    ports::{
        Clock,
        delegations::{DelegationStore, Told},
        sessions::SessionsAway,
        webhooks::Vault,
    },
};

/// Pause before the stream is opened again after it went away.
const REOPEN: Duration = Duration::from_millis(250);
/// How much longer than it holds something is kept: clocks differ.
const KEPT_LONGER: Duration = Duration::from_secs(120);
/// Most devices that wait at a time; anybody may make one wait.
pub const WAITING_MAX: usize = 1_000;

#[derive(Default)]
struct Known {
    delegations: Shelf<Delegation>,
    /// By the name that follows from the user code.
    devices: Shelf<Device>,
    keys: Shelf<SigningKey>,
}

impl Known {
    fn keep(&mut self, name: &str, seq: StreamSeq, kept: Kept) {
        match kept {
            Kept::Delegation(it) => self.delegations.keep(name, seq, Arc::new(it)),
            Kept::Device(it) => self.devices.keep(name, seq, Arc::new(it)),
            Kept::Key(it) => self.keys.keep(name, seq, Arc::new(it)),
        }
    }

    fn ended(&mut self, kind: Kind, name: &str, seq: StreamSeq) {
        match kind {
            Kind::Delegation => self.delegations.ended(name, seq),
            Kind::Device => self.devices.ended(name, seq),
            Kind::Key => self.keys.ended(name, seq),
        }
    }

    fn told_end(&mut self, kind: Kind, name: &str, seq: StreamSeq) -> bool {
        match kind {
            Kind::Delegation => self.delegations.told_end(name, seq),
            Kind::Device => self.devices.told_end(name, seq),
            Kind::Key => self.keys.told_end(name, seq),
        }
    }

    fn forget(&mut self, (kind, name): &(Kind, String)) -> bool {
        match kind {
            Kind::Delegation => self.delegations.forget(name),
            Kind::Device => self.devices.forget(name),
            Kind::Key => self.keys.forget(name),
        }
    }

    fn names(&self) -> HashSet<(Kind, String)> {
        let of = |kind: Kind| move |name: &String| (kind, name.clone());
        let delegations = self.delegations.names().map(of(Kind::Delegation));
        delegations.chain(self.devices.names().map(of(Kind::Device))).chain(self.keys.names().map(of(Kind::Key))).collect()
    }

    /// What is over by itself ends without being told.
    fn prune(&mut self, now: Timestamp) {
        self.delegations.retain(|it| it.holds_at(now));
        // A device that comes too late is told so for a while.
        self.devices.retain(|it| now < it.ends_at() + KEPT_LONGER);
        self.keys.retain(|it| it.verifies_at(now));
    }
}

/// Everything that holds.
pub struct Delegations {
    store: Arc<dyn DelegationStore>,
    /// Tells sockets that something has ended, and knows what counts once.
    pub(super) sessions: Arc<Sessions>,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    known: RwLock<Known>,
    ready: watch::Sender<bool>,
}

impl Delegations {
    pub fn new(store: Arc<dyn DelegationStore>, sessions: Arc<Sessions>, vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Self {
        Self { store, sessions, vault, clock, known: RwLock::default(), ready: watch::channel(false).0 }
    }

    /// Waits until everything that held at the start is known.
    pub async fn ready(&self) {
        // The sender lives in self, so waiting cannot fail.
        let _ = self.ready.subscribe().wait_for(|is_ready| *is_ready).await;
    }

    /// Follows the stream; never ends by itself.
    pub async fn follow(&self) -> std::convert::Infallible {
        loop {
            if let Err(cause) = self.follow_once().await {
                tracing::warn!(cause = %chain(&cause), "delegations cannot be followed; trying again");
            }
            tokio::time::sleep(REOPEN).await;
        }
    }

    /// Hears the whole stream, for what ended while nobody listened may be told of no more: what is not told by its end is over.
    async fn follow_once(&self) -> Result<(), SessionsAway> {
        let mut hearing = Hearing::of(self.read(Known::names));
        let mut told = self.store.tell().await?;
        if self.store.is_empty().await? {
            self.become_current(&mut hearing);
        }
        while let Some(next) = told.next().await {
            let Told { seq, kind, name, kept, more } = next?;
            let named = (kind, name);
            hearing.note(&named);
            match kept {
                Some(kept) => self.write(|known| known.keep(&named.1, seq, kept)),
                None if self.write(|known| known.told_end(kind, &named.1, seq)) => self.sessions.note_end(),
                None => {}
            }
            if !more {
                self.become_current(&mut hearing);
            }
        }
        Err(SessionsAway("the reader of delegations ended".into()))
    }

    fn become_current(&self, hearing: &mut Hearing<(Kind, String)>) {
        let Some(over) = hearing.told_all() else { return };
        if self.write(|known| over.iter().filter(|name| known.forget(name)).count()) > 0 {
            self.sessions.note_end();
        }
        self.ready.send_replace(true);
    }

    /// The delegation of this name, if it still holds.
    pub fn get(&self, id: Uuid) -> Option<Arc<Delegation>> {
        self.get_with_seq(id).map(|(_, delegation)| delegation)
    }

    pub(super) fn get_with_seq(&self, id: Uuid) -> Option<(StreamSeq, Arc<Delegation>)> {
        let now = self.clock.now();
        self.read(|known| known.delegations.get(&id.to_string())).filter(|(_, delegation)| delegation.holds_at(now))
    }

    /// Those of one principal that hold, the newest first.
    pub fn of(&self, principal: PrincipalId) -> Vec<Arc<Delegation>> {
        let now = self.clock.now();
        let is_one = |it: &&Arc<Delegation>| it.principal == principal && it.holds_at(now);
        let mut all: Vec<_> = self.read(|known| known.delegations.values().filter(is_one).cloned().collect());
        all.sort_unstable_by_key(|it: &Arc<Delegation>| (std::cmp::Reverse(it.created_at), it.id));
        all
    }

    /// Keeps a delegation, if nothing was written of it since `expected`; answers whether it was kept. Errors: `login.unavailable`.
    pub(super) async fn put(&self, delegation: Delegation, expected: StreamSeq) -> Result<bool, Error> {
        let (name, ends_at) = (delegation.id.to_string(), delegation.ends_at());
        self.keep(&name, Kept::Delegation(delegation), expected, ends_at).await
    }

    /// The device that a name stands for, also when it has waited too long.
    pub(super) fn device(&self, name: &str) -> Option<(StreamSeq, Arc<Device>)> {
        self.read(|known| known.devices.get(name))
    }

    /// The device that asks by this code, and its name.
    pub(super) fn device_by(&self, device_sha256: &str) -> Option<(String, Arc<Device>)> {
        self.read(|known| {
            let names = known.devices.names().filter_map(|name| Some((name.clone(), known.devices.get(name)?.1)));
            names.into_iter().find(|(_, device)| device.device_sha256 == device_sha256)
        })
    }

    /// How many wait, and how many of those came from this address.
    pub(super) fn waiting(&self, address: &str) -> (usize, usize) {
        let now = self.clock.now();
        self.read(|known| {
            let waiting = || known.devices.values().filter(|it| it.waits_at(now));
            (waiting().count(), waiting().filter(|it| it.address == address).count())
        })
    }

    /// As [`Self::put`], for a device.
    pub(super) async fn put_device(&self, name: &str, device: Device, expected: StreamSeq) -> Result<bool, Error> {
        let ends_at = device.ends_at();
        self.keep(name, Kept::Device(device), expected, ends_at).await
    }

    /// A device has got its answer.
    pub(super) async fn end_device(&self, name: &str, device: &Device) -> Result<(), Error> {
        self.end_one(Kind::Device, name, device.ends_at()).await
    }

    /// Ends every delegation that fits; answers how many. Errors: `login.unavailable`: those that come later still hold.
    pub async fn end(&self, fits: impl Fn(&Delegation) -> bool) -> Result<usize, Error> {
        let ending: Vec<_> = self.read(|known| known.delegations.values().filter(|it| fits(it)).cloned().collect());
        for delegation in &ending {
            self.end_one(Kind::Delegation, &delegation.id.to_string(), delegation.ends_at()).await?;
        }
        Ok(ending.len())
    }

    /// Ends a delegation that may not have begun yet. Errors: `login.unavailable`.
    pub(super) async fn condemn(&self, id: Uuid, may_begin_for: TimeDelta) -> Result<(), Error> {
        let known = self.get(id).map(|delegation| delegation.ends_at());
        self.end_one(Kind::Delegation, &id.to_string(), known.unwrap_or(self.clock.now() + may_begin_for)).await
    }

    async fn end_one(&self, kind: Kind, name: &str, ends_at: Timestamp) -> Result<(), Error> {
        let seq = self.store.end(kind, name, self.kept_for(ends_at)).await.map_err(away)?;
        self.write(|known| known.ended(kind, name, seq));
        self.sessions.note_end();
        Ok(())
    }

    async fn keep(&self, name: &str, kept: Kept, expected: StreamSeq, ends_at: Timestamp) -> Result<bool, Error> {
        let seq = self.store.put(name, &kept, expected, self.kept_for(ends_at)).await.map_err(away)?;
        let Some(seq) = seq else { return Ok(false) };
        let now = self.clock.now();
        self.write(|known| {
            known.prune(now);
            known.keep(name, seq, kept);
        });
        Ok(true)
    }

    fn kept_for(&self, ends_at: Timestamp) -> Duration {
        (ends_at - self.clock.now()).to_std().unwrap_or_default() + KEPT_LONGER
    }

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner))
    }
}

fn away(cause: SessionsAway) -> Error {
    Error::new("login.unavailable", "delegations cannot be kept now; try again").logged(&cause)
}
