//! The master key of an instance and what it seals: AES-256-GCM with associated data. Made by `wiring`; no key leaves this folder.
//!
//! - [`place`]: where the versions come from. [`key_file`], [`passphrase`]: how they are kept.
//!
//! The nonce follows from key, associated data and text (as in AES-SIV), so the same text with the same data is sealed to the same words, and
//! a nonce serves two texts by accident only: among 2^32 that are sealed under one version, with a chance of 2^-33.

pub mod key_file;
pub mod passphrase;
pub mod place;
#[cfg(test)]
mod tests;

mod data_keys;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError, RwLock},
};

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::data_keys::SealedKeys;
use self::{
    key_file::KeyFile,
    place::{Error, Place},
};
use crate::{
    domain::key_ring::Check,
    ports::{
        master_keys::{self, MasterKeyError, MasterKeys},
        webhooks::{Vault, VaultError},
    },
};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// What a key is proven by: no text that is sealed begins so, nor a purpose that a key is derived for.
const CHECKED: &[u8] = b"check of a second-brain master key";

/// One version of the master key; overwritten when it is dropped.
pub type Key = Zeroizing<[u8; KEY_BYTES]>;
/// The versions of a place.
pub type Keys = BTreeMap<u32, Key>;

/// What a process holds.
#[derive(Default)]
struct Held {
    keys: Keys,
    /// The version that seals.
    active: Option<u32>,
    destroyed: BTreeSet<u32>,
}

/// The master keys by version; one seals, all that are not destroyed unseal.
pub struct MasterKey {
    held: RwLock<Held>,
    place: Option<Place>,
    /// The file as it was read last: to open one takes a service, or half a second.
    seen: Mutex<Option<KeyFile>>,
}

impl MasterKey {
    /// The keys of a place, of which the newest seals until it is told otherwise; `None` where nothing is. Errors: what is there cannot be
    /// opened.
    pub async fn open(place: Place) -> Result<Option<Self>, Error> {
        let seen = place.file()?;
        let keys = place.read().await?;
        Ok(keys.map(|keys| Self { seen: Mutex::new(seen), ..Self::of(keys, Some(place)) }))
    }

    /// Without a key nothing is sealed and nothing unsealed.
    pub fn absent() -> Self {
        Self::of(Keys::new(), None)
    }

    fn of(keys: Keys, place: Option<Place>) -> Self {
        let active = keys.keys().next_back().copied();
        Self { held: RwLock::new(Held { keys, active, destroyed: BTreeSet::new() }), place, seen: Mutex::default() }
    }

    fn with<T>(&self, use_key: impl FnOnce(u32, &Key) -> Result<T, VaultError>) -> Result<T, VaultError> {
        self.read(|held| {
            let active = held.active.ok_or(VaultError::NoKey)?;
            use_key(active, held.keys.get(&active).ok_or(VaultError::NoSuchVersion(active))?)
        })
    }

    fn read<T>(&self, look: impl FnOnce(&Held) -> T) -> T {
        look(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the file is the one that was read last, and what stands in it is held, as far as it is not destroyed.
    fn has_all_of(&self, file: &KeyFile) -> bool {
        let is_same = self.seen.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(file);
        let is_known = |held: &Held, version: &u32| held.keys.contains_key(version) || held.destroyed.contains(version);
        is_same && self.read(|held| file.0.keys().all(|version| is_known(held, version)))
    }

    fn place(&self) -> Result<&Place, MasterKeyError> {
        let none = || MasterKeyError::ReadOnly("this process has no master key".into());
        self.place.as_ref().ok_or_else(none)
    }
}

#[async_trait]
impl MasterKeys for MasterKey {
    fn source(&self) -> String {
        self.place.as_ref().map_or_else(|| "none".to_owned(), Place::describe)
    }

    fn held(&self) -> BTreeMap<u32, Check> {
        self.read(|held| held.keys.iter().map(|(version, key)| (*version, check(key))).collect())
    }

    fn active(&self) -> Option<u32> {
        self.read(|held| held.active)
    }

    fn follow(&self, active: u32, destroyed: BTreeSet<u32>) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.active = Some(active);
        held.keys.retain(|version, _| !destroyed.contains(version));
        held.destroyed = destroyed;
    }

    async fn reload(&self) -> Result<(), MasterKeyError> {
        let Some(place) = &self.place else { return Ok(()) };
        let seen = place.file().map_err(failed)?;
        if seen.as_ref().is_some_and(|file| self.has_all_of(file)) {
            return Ok(());
        }
        let keys = place.read().await.map_err(failed)?.unwrap_or_default();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let destroyed = held.destroyed.clone();
        // A version is never exchanged for another key of its number: that would be found out too late.
        for (version, key) in keys.into_iter().filter(|(version, _)| !destroyed.contains(version)) {
            held.keys.entry(version).or_insert(key);
        }
        Ok(())
    }

    async fn next(&self, above: u32) -> Result<u32, MasterKeyError> {
        let version = self.place()?.next(above).await.map_err(failed)?;
        self.reload().await?;
        Ok(version)
    }

    async fn remove(&self, version: u32) -> Result<(), MasterKeyError> {
        self.place()?.remove(version).await.map_err(failed)
    }

    async fn rewrap(&self) -> Result<usize, MasterKeyError> {
        match &self.place {
            Some(place) => place.rewrap().await.map_err(failed),
            None => Ok(0),
        }
    }
}

fn failed(cause: Error) -> MasterKeyError {
    match cause {
        Error::CannotMake { .. } | Error::CannotRemove { .. } => MasterKeyError::ReadOnly(cause.to_string()),
        other => MasterKeyError::Failed(Box::new(other)),
    }
}

/// What proves a key and tells nothing of it.
fn check(key: &Key) -> Check {
    let tag: [u8; 32] = hmac(key, &[CHECKED]);
    *tag.first_chunk().expect("32 bytes begin with 16")
}

fn hmac(key: &Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("a key of HMAC may have any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn cipher(key: &Key) -> Aes256Gcm {
    Aes256Gcm::new_from_slice(key.as_slice()).expect("32 bytes")
}

fn random(bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).expect("the system has randomness");
    buffer
}

impl Vault for MasterKey {
    fn seal(&self, associated_data: &str, text: &[u8]) -> Result<String, VaultError> {
        self.with(|version, key| {
            let length = (associated_data.len() as u64).to_be_bytes();
            let mac = hmac(key, &[&length, associated_data.as_bytes(), text]);
            let nonce: [u8; NONCE_BYTES] = *mac.first_chunk().expect("32 bytes begin with 12");
            let sealed = cipher(key).encrypt(&nonce.into(), Payload { msg: text, aad: associated_data.as_bytes() });
            let sealed = sealed.map_err(|_| VaultError::Unsealable)?;
            Ok(format!("{version}.{}", URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())))
        })
    }

    fn unseal(&self, associated_data: &str, sealed: &str) -> Result<Vec<u8>, VaultError> {
        let parts = master_keys::parted(sealed).and_then(|(version, text)| Some((version, URL_SAFE_NO_PAD.decode(text).ok()?)));
        let (version, bytes) = parts.ok_or(VaultError::Unsealable)?;
        self.read(|held| {
            if held.keys.is_empty() {
                return Err(VaultError::NoKey);
            }
            let key = held.keys.get(&version).ok_or(VaultError::NoSuchVersion(version))?;
            let (nonce, text) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::Unsealable)?;
            let payload = Payload { msg: text, aad: associated_data.as_bytes() };
            cipher(key).decrypt(&(*nonce).into(), payload).map_err(|_| VaultError::Unsealable)
        })
    }

    fn derive(&self, purpose: &str) -> Result<[u8; 32], VaultError> {
        self.with(|_, key| Ok(hmac(key, &[b"derived key: ", purpose.as_bytes()])))
    }

    fn derive_all(&self, purpose: &str) -> Result<Vec<[u8; 32]>, VaultError> {
        let all = self.read(|held| {
            let newest_first = held.keys.values().rev();
            newest_first.map(|key| hmac(key, &[b"derived key: ", purpose.as_bytes()])).collect::<Vec<_>>()
        });
        if all.is_empty() { Err(VaultError::NoKey) } else { Ok(all) }
    }

    fn key_pair(&self) -> ([u8; 32], [u8; 32]) {
        let seed: [u8; 32] = random(32).try_into().expect("asked for so many");
        (seed, ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes())
    }

    fn random(&self, bytes: usize) -> Vec<u8> {
        random(bytes)
    }
}
