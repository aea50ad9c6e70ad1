//! Data keys and what is sealed under them: AES-256-GCM with a random nonce. Made by `wiring`; a data key is in memory for one call only.
//!
//! A sealed text is a format number, and in base64 the nonce, the text and the tag of 16 bytes. The associated data are the format and the
//! place (space, id, revision), each with its length before it, so that no two places are written alike. A memory's key seals one
//! text per revision: of 2^32 random nonces of 96 bits two are alike with a chance of 2^-33 (NIST SP 800-38D §8.3).

use std::sync::Arc;

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{KEY_BYTES, NONCE_BYTES, random};
use crate::{
    domain::ids::SpaceId,
    ports::{
        data_keys::{DataKeyStore, DataKeys, Found, Place, SealError, wrapping},
        webhooks::Vault,
    },
};

/// The form of sealed texts; another one would have another number.
const FORM: &str = "1";

type DataKey = [u8; KEY_BYTES];

/// Seals under data keys that the master key wraps.
pub struct SealedKeys {
    vault: Arc<dyn Vault>,
    store: Arc<dyn DataKeyStore>,
}

impl SealedKeys {
    pub fn new(vault: Arc<dyn Vault>, store: Arc<dyn DataKeyStore>) -> Self {
        Self { vault, store }
    }

    async fn key(&self, space: &SpaceId, id: &str) -> Result<DataKey, SealError> {
        match self.store.find(space, id).await? {
            Found::Wrapped(wrapped) => self.unwrapped(space, id, &wrapped),
            Found::Destroyed | Found::Never => Err(SealError::NoDataKey),
        }
    }

    /// The memory's key, made if there has been none; whoever is quicker has made the one that counts.
    async fn key_or_new(&self, space: &SpaceId, id: &str) -> Result<DataKey, SealError> {
        match self.store.find(space, id).await? {
            Found::Wrapped(wrapped) => return self.unwrapped(space, id, &wrapped),
            Found::Destroyed => return Err(SealError::NoDataKey),
            Found::Never => {}
        }
        let key = random(KEY_BYTES);
        self.store.keep(space, id, &self.vault.seal(&wrapping(space, id), &key)?).await?;
        self.key(space, id).await
    }

    fn unwrapped(&self, space: &SpaceId, id: &str, wrapped: &str) -> Result<DataKey, SealError> {
        self.vault.unseal(&wrapping(space, id), wrapped)?.try_into().map_err(|_| SealError::Damaged)
    }
}

fn associated(place: Place<'_>) -> Vec<u8> {
    let revision = place.revision.0.to_be_bytes();
    let mut data = FORM.as_bytes().to_vec();
    for part in [place.space.as_str().as_bytes(), place.id.as_bytes(), &revision] {
        data.extend((part.len() as u64).to_be_bytes());
        data.extend(part);
    }
    data
}

fn sealed_under(key: &DataKey, place: Place<'_>, clear: &[u8]) -> Result<String, SealError> {
    let nonce: [u8; NONCE_BYTES] = random(NONCE_BYTES).try_into().map_err(|_| SealError::Damaged)?;
    let cipher = Aes256Gcm::new_from_slice(key).map_err(|_| SealError::Damaged)?;
    let sealed = cipher.encrypt(&nonce.into(), Payload { msg: clear, aad: &associated(place) });
    let sealed = sealed.map_err(|_| SealError::Damaged)?;
    Ok(format!("{FORM}.{}", URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())))
}

fn opened_under(key: &DataKey, place: Place<'_>, sealed: &str) -> Result<Vec<u8>, SealError> {
    let bytes = sealed.strip_prefix(FORM).and_then(|rest| rest.strip_prefix('.'));
    let bytes = bytes.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or(SealError::Damaged)?;
    let (nonce, text) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Damaged)?;
    let cipher = Aes256Gcm::new_from_slice(key).map_err(|_| SealError::Damaged)?;
    cipher.decrypt(&(*nonce).into(), Payload { msg: text, aad: &associated(place) }).map_err(|_| SealError::Damaged)
}

#[async_trait]
impl DataKeys for SealedKeys {
    async fn seal(&self, place: Place<'_>, clear: &[u8]) -> Result<String, SealError> {
        sealed_under(&self.key_or_new(place.space, place.id).await?, place, clear)
    }

    async fn unseal(&self, place: Place<'_>, sealed: &str) -> Result<Vec<u8>, SealError> {
        opened_under(&self.key(place.space, place.id).await?, place, sealed)
    }

    async fn keyed(&self, space: &SpaceId, id: &str, what: u64) -> Result<u64, SealError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key(space, id).await?).map_err(|_| SealError::Damaged)?;
        mac.update(b"number: ");
        mac.update(&what.to_be_bytes());
        let bytes = mac.finalize().into_bytes();
        Ok(bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    async fn destroy(&self, space: &SpaceId, id: &str) -> Result<u64, SealError> {
        self.store.destroy(space, id).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{HashMap, HashSet},
        sync::Mutex,
    };

    use super::{super::MasterKey, *};
    use crate::domain::ids::Revision;

    /// As the stream keeps them: nothing comes after the end of a key.
    #[derive(Default)]
    struct InMemory(Mutex<HashMap<String, Found>>);

    #[async_trait]
    impl DataKeyStore for InMemory {
        async fn find(&self, _: &SpaceId, id: &str) -> Result<Found, SealError> {
            Ok(self.0.lock().unwrap().get(id).cloned().unwrap_or(Found::Never))
        }

        async fn keep(&self, _: &SpaceId, id: &str, wrapped: &str) -> Result<bool, SealError> {
            let mut kept = self.0.lock().unwrap();
            let is_new = !kept.contains_key(id);
            kept.entry(id.to_owned()).or_insert_with(|| Found::Wrapped(wrapped.to_owned()));
            Ok(is_new)
        }

        async fn destroy(&self, _: &SpaceId, id: &str) -> Result<u64, SealError> {
            Ok(self.0.lock().unwrap().insert(id.to_owned(), Found::Destroyed).into_iter().count() as u64)
        }
    }

    fn keys() -> SealedKeys {
        let master = MasterKey::of([(1, zeroize::Zeroizing::new([1; KEY_BYTES]))].into(), None);
        SealedKeys::new(Arc::new(master), Arc::new(InMemory::default()))
    }

    #[tokio::test]
    async fn what_is_sealed_opens_in_its_own_place_only() {
        let (keys, space, other) = (keys(), SpaceId::default_space(), SpaceId::sys());
        let place = Place { space: &space, id: "a", revision: Revision(1) };
        let sealed = keys.seal(place, b"tea").await.unwrap();
        assert_eq!(keys.unseal(place, &sealed).await.unwrap(), b"tea");
        keys.seal(Place { id: "b", ..place }, b"tea").await.unwrap();
        let elsewhere = [Place { revision: Revision(2), ..place }, Place { id: "b", ..place }, Place { space: &other, ..place }];
        for place in elsewhere {
            assert!(keys.unseal(place, &sealed).await.is_err(), "{place:?}");
        }
    }

    #[test]
    fn every_bit_of_a_sealed_text_counts_and_no_nonce_comes_twice() {
        let (key, space) = ([7; KEY_BYTES], SpaceId::default_space());
        let place = Place { space: &space, id: "a", revision: Revision(1) };
        let sealed = sealed_under(&key, place, b"tea at four").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&sealed[2..]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let damaged = format!("1.{}", URL_SAFE_NO_PAD.encode(damaged));
            assert!(matches!(opened_under(&key, place, &damaged), Err(SealError::Damaged)), "bit {bit}");
        }
        for cut in ["", "1", "1.", "2.AAAA", "1.AAAA", "1.?"] {
            assert!(matches!(opened_under(&key, place, cut), Err(SealError::Damaged)), "{cut}");
        }
        let nonces = (0..10_000).map(|_| sealed_under(&key, place, b"").unwrap()[..18].to_owned());
        assert_eq!(nonces.collect::<HashSet<_>>().len(), 10_000);
    }

    #[tokio::test]
    async fn a_destroyed_key_never_comes_back() {
        let (keys, space) = (keys(), SpaceId::default_space());
        let place = Place { space: &space, id: "a", revision: Revision(1) };
        let sealed = keys.seal(place, b"tea").await.unwrap();
        let number = keys.keyed(&space, "a", 5).await.unwrap();
        assert_eq!(keys.keyed(&space, "a", 5).await.unwrap(), number);
        assert_ne!(keys.keyed(&space, "a", 6).await.unwrap(), number);
        assert_eq!(keys.destroy(&space, "a").await.unwrap(), 1);
        assert!(matches!(keys.unseal(place, &sealed).await, Err(SealError::NoDataKey)));
        assert!(matches!(keys.seal(place, b"tea").await, Err(SealError::NoDataKey)));
    }
}
