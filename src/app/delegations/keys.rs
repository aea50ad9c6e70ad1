//! The keys that sign access tokens: made at first use, shared by all processes through the stream, replaced every month. A private half is
//! known outside this file only to whoever signs, for one token.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::EncodingKey;
use sha2::{Digest, Sha256};

use super::{Delegations, Error};
use crate::{
    domain::{
        delegation::SigningKey,
        ids::{StreamSeq, Timestamp},
    },
    journal::delegation::Kept,
};

/// What stands before the seed of an ed25519 key in PKCS #8 (RFC 8410, 7).
const PKCS8_HEAD: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// How old a key is before it signs where there is another: by then every process has heard of it.
const HEARD_S: i64 = 60;

impl Delegations {
    /// The key of this name, if what it has signed may still be good.
    pub fn key(&self, id: &str) -> Option<Arc<SigningKey>> {
        let now = self.clock.now();
        self.read(|known| known.keys.get(id)).map(|(_, key)| key).filter(|key| key.verifies_at(now))
    }

    /// Every key by which a token may be verified, the newest first.
    pub fn keys(&self) -> Vec<Arc<SigningKey>> {
        let now = self.clock.now();
        let mut keys: Vec<_> = self.read(|known| known.keys.values().filter(|key| key.verifies_at(now)).cloned().collect());
        keys.sort_by(|one: &Arc<SigningKey>, other| other.made_at.cmp(&one.made_at).then_with(|| one.id.cmp(&other.id)));
        keys
    }

    /// The key that signs now, and its private half. Errors: `login.unavailable`, `secrets.no_master_key`, `secrets.unsealable`.
    pub(in crate::app) async fn signing_key(&self) -> Result<(Arc<SigningKey>, EncodingKey), Error> {
        let now = self.clock.now();
        if !self.keys().first().is_some_and(|newest| newest.signs_at(now)) {
            self.make_key(now).await?;
        }
        let keys = self.keys();
        let has_settled = |key: &&Arc<SigningKey>| key.signs_at(now) && now - key.made_at >= TimeDelta::seconds(HEARD_S);
        let missing = || Error::new("internal", "there is no key that signs");
        let key = keys.iter().find(has_settled).or(keys.first()).cloned().ok_or_else(missing)?;
        let seed = self.vault.unseal(&place_of_key(&key.id), &key.sealed_seed)?;
        let private = EncodingKey::from_ed_der(&[PKCS8_HEAD.as_slice(), &seed].concat());
        Ok((key, private))
    }

    async fn make_key(&self, now: Timestamp) -> Result<(), Error> {
        let (seed, public) = self.vault.key_pair();
        let id = URL_SAFE_NO_PAD.encode(&Sha256::digest(public)[..12]);
        let sealed_seed = self.vault.seal(&place_of_key(&id), &seed)?;
        let key = SigningKey { id: id.clone(), public, sealed_seed, made_at: now };
        let ends_at = key.ends_at();
        self.keep(&id, Kept::Key(key), StreamSeq(0), ends_at).await?;
        tracing::info!(key = %id, "a key that signs access tokens was made");
        Ok(())
    }
}

/// What the seed of a key is bound to.
pub(in crate::app) fn place_of_key(id: &str) -> String {
    format!("signing key {id}")
}
