//! What a process does with its master keys before it serves, and while it runs: holds them against the ring that the instance agrees on,
//! refuses to go on with the wrong ones, follows the ring, and says what it holds. Called by wiring.
//!
//! Nothing is written before the keys are proven: whoever starts with the wrong file loses nothing by it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::StreamExt;

use crate::{
    domain::{
        ids::{StreamSeq, Timestamp},
        key_ring::{KeyRing, KeyVersion, Mismatch, Peer},
    },
    ports::master_keys::{KeyRingStore, MasterKeyError, MasterKeys, RingAway, SealedAway, SealedThings},
};

/// Pause before the ring, or the calls of others, are listened to again.
const RELISTEN: Duration = Duration::from_secs(1);

/// Why a process must not go on.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(
        "there is no master key ({source_name}), but {what} were sealed under one: put it back, or name it by BRAIN_MASTER_KEY_FILE, \
         BRAIN_MASTER_KEY, BRAIN_MASTER_PASSPHRASE_FILE or BRAIN_KMS_URL. Nothing was changed"
    )]
    Missing { source_name: String, what: String },
    #[error("{mismatch} ({source_name}): put the right one there. Nothing was changed")]
    Mismatch {
        source_name: String,
        #[source]
        mismatch: Mismatch,
    },
    #[error("the master key ({source_name}) opens none of the {what}: put the right one there. Nothing was changed")]
    OpensNothing { source_name: String, what: &'static str },
    #[error(transparent)]
    Ring(#[from] RingAway),
    #[error(transparent)]
    Sealed(#[from] SealedAway),
    #[error(transparent)]
    Keys(#[from] MasterKeyError),
}

/// Whether a process that holds no master key may make one, or go without. Errors: something was sealed under one.
pub async fn may_be_without(
    source_name: &str,
    store: &dyn KeyRingStore,
    things: &[Arc<dyn SealedThings>],
) -> Result<(), Refusal> {
    let missing = |what: String| Refusal::Missing { source_name: source_name.to_owned(), what };
    if let Some((ring, _)) = store.load().await? {
        let versions: Vec<String> = ring.versions.iter().map(|known| known.version.to_string()).collect();
        return Err(missing(format!("the secrets of this instance (version {})", versions.join(", "))));
    }
    for thing in things {
        let counted = thing.count().await?;
        if !counted.by_version.is_empty() {
            return Err(missing(thing.name().to_owned()));
        }
    }
    Ok(())
}

/// Holds what a process holds against the ring, makes the ring where there never was one, and lets the keys follow it.
/// Errors: [`Refusal`]; then nothing was written.
pub async fn admit(
    keys: &dyn MasterKeys,
    store: &dyn KeyRingStore,
    things: &[Arc<dyn SealedThings>],
    now: Timestamp,
) -> Result<(), Refusal> {
    loop {
        let held = keys.held();
        let known = store.load().await?;
        let (ring, expected) = match known {
            Some((ring, at)) => {
                let judged = ring.judge(&held);
                let fresh = judged.map_err(|mismatch| Refusal::Mismatch { source_name: keys.source(), mismatch })?;
                let add = |ring: KeyRing, version: &u32| match held.get(version) {
                    Some(check) => ring.with(*version, *check, now),
                    None => ring,
                };
                keys.follow(ring.active, ring.destroyed());
                if fresh.is_empty() {
                    forget(keys, &ring).await;
                    return Ok(());
                }
                (fresh.iter().fold(ring, add), at)
            }
            None => {
                for thing in things {
                    if thing.opens().await? == Some(false) {
                        return Err(Refusal::OpensNothing { source_name: keys.source(), what: thing.name() });
                    }
                }
                let Some(ring) = KeyRing::of(&held, now) else { return Ok(()) };
                (ring, StreamSeq(0))
            }
        };
        // Where another process was faster, its ring is the one that counts.
        if store.put(&ring, expected).await?.is_some() {
            keys.follow(ring.active, ring.destroyed());
            return Ok(());
        }
    }
}

/// Takes out of the place what a crash has left there of a destruction.
async fn forget(keys: &dyn MasterKeys, ring: &KeyRing) {
    for version in ring.destroyed() {
        if let Err(cause) = keys.remove(version).await {
            tracing::warn!(version, %cause, "a version of the master key that is destroyed still stands where it came from");
        }
    }
}

/// Follows the ring for as long as the process runs: what seals is what all have agreed on.
pub async fn follow(keys: Arc<dyn MasterKeys>, store: Arc<dyn KeyRingStore>) {
    loop {
        match store.tell().await {
            Ok(mut rings) => {
                while let Some(Ok((ring, _))) = rings.next().await {
                    take(&*keys, &ring).await;
                }
            }
            Err(cause) => tracing::debug!(%cause, "the ring of master keys is not heard"),
        }
        tokio::time::sleep(RELISTEN).await;
    }
}

async fn take(keys: &dyn MasterKeys, ring: &KeyRing) {
    keys.follow(ring.active, unusable(keys, ring));
    if ring.judge(&keys.held()).is_ok() {
        return;
    }
    if let Err(cause) = keys.reload().await {
        tracing::error!(%cause, "the master key cannot be read again");
    }
    if let Err(mismatch) = ring.judge(&keys.held()) {
        tracing::error!(%mismatch, place = keys.source(), "nothing is sealed by this process while that version seals");
    }
    keys.follow(ring.active, unusable(keys, ring));
}

/// What is destroyed; and keys of the right number that are others: what they sealed nobody else could open.
fn unusable(keys: &dyn MasterKeys, ring: &KeyRing) -> BTreeSet<u32> {
    let held = keys.held();
    let is_another = |known: &&KeyVersion| held.get(&known.version).is_some_and(|check| *check != known.check);
    let others = ring.versions.iter().filter(is_another).map(|known| known.version);
    others.chain(ring.destroyed()).collect()
}

/// Says what this process holds, after it has read its place again, whenever another one asks.
pub async fn answer(name: String, keys: Arc<dyn MasterKeys>, store: Arc<dyn KeyRingStore>) {
    let myself = move || {
        let (name, keys) = (name.clone(), keys.clone());
        let said = async move {
            if let Err(cause) = keys.reload().await {
                tracing::error!(%cause, "the master key cannot be read again");
            }
            Peer { name, held: keys.held(), active: keys.active() }
        };
        Box::pin(said) as futures::future::BoxFuture<'static, Peer>
    };
    loop {
        if let Err(cause) = store.answer(&myself).await {
            tracing::debug!(%cause, "nobody hears what master keys this process holds");
        }
        tokio::time::sleep(RELISTEN).await;
    }
}
