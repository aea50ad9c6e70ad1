//! A master key wrapped under a passphrase: Argon2id (RFC 9106) makes a key of it, AES-256-GCM wraps. Used by the places of keys.
//!
//! The parameters stand beside what they wrap, so that stronger ones can come without making the old ones unreadable.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{KEY_BYTES, Key, NONCE_BYTES, random};

const SALT_BYTES: usize = 16;
/// Memory in KiB, passes and lanes that are taken today, and the least that are opened: the second recommendation of RFC 9106, with one
/// lane, since a start waits for it alone.
const TODAY: [u32; 3] = [64 * 1_024, 3, 1];
/// What a line may ask for, so that a damaged one does not eat the machine.
const MOST: [u32; 3] = [4 * 1_024 * 1_024, 100, 64];

/// The passphrase is another one, or the line was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase does not open it")]
pub struct Wrong;

/// What stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// Memory in KiB, passes, lanes.
    cost: [u32; 3],
    salt: [u8; SALT_BYTES],
    /// Nonce, ciphertext and tag.
    sealed: Vec<u8>,
}

impl Wrapped {
    /// Wraps a key, bound to its version. Takes a fraction of a second and 64 MiB.
    pub fn wrap(passphrase: &str, version: u32, key: &Key) -> Self {
        let salt = random(SALT_BYTES).try_into().expect("asked for so many");
        let mut wrapped = Self { cost: TODAY, salt, sealed: vec![] };
        let nonce: [u8; NONCE_BYTES] = random(NONCE_BYTES).try_into().expect("asked for so many");
        let cipher = wrapped.cipher(passphrase).expect("today's parameters are good ones");
        let aad = wrapped.associated_data(version);
        let sealed = cipher.encrypt(&nonce.into(), Payload { msg: key.as_slice(), aad: aad.as_bytes() });
        wrapped.sealed = [nonce.as_slice(), &sealed.expect("32 bytes can be encrypted")].concat();
        wrapped
    }

    /// The key of this version. Errors: [`Wrong`].
    pub fn unwrap(&self, passphrase: &str, version: u32) -> Result<Key, Wrong> {
        let (nonce, sealed) = self.sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Wrong)?;
        let cipher = self.cipher(passphrase).ok_or(Wrong)?;
        let aad = self.associated_data(version);
        let key = cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: aad.as_bytes() }).map_err(|_| Wrong)?;
        let key = Zeroizing::new(key);
        Ok(Key::new(key.as_slice().try_into().map_err(|_| Wrong)?))
    }

    fn cipher(&self, passphrase: &str) -> Option<Aes256Gcm> {
        let [memory, passes, lanes] = self.cost;
        let parameters = Params::new(memory, passes, lanes, Some(KEY_BYTES)).ok()?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        argon2.hash_password_into(passphrase.as_bytes(), &self.salt, key.as_mut_slice()).ok()?;
        Aes256Gcm::new_from_slice(key.as_slice()).ok()
    }

    fn associated_data(&self, version: u32) -> String {
        format!("second-brain master key {version} argon2id {} {}", self.parameters(), STANDARD.encode(self.salt))
    }

    fn parameters(&self) -> String {
        let [memory, passes, lanes] = self.cost;
        format!("m={memory},t={passes},p={lanes}")
    }

    /// Parameters, salt and what is wrapped, as they stand in a line.
    pub fn render(&self) -> String {
        format!("{} {} {}", self.parameters(), STANDARD.encode(self.salt), STANDARD.encode(&self.sealed))
    }

    /// Errors: why the words of a line are none.
    pub fn parse(parameters: &str, salt: &str, sealed: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "after argon2id come m=…,t=…,p=…, a salt and what is wrapped";
        let numbers = |text: &str| {
            let mut parts = text.split(',');
            let cost = ["m=", "t=", "p="].map(|name| parts.next()?.strip_prefix(name)?.parse::<u32>().ok());
            parts.next().is_none().then_some(cost)
        };
        let [Some(memory), Some(passes), Some(lanes)] = numbers(parameters).ok_or(SHAPE)? else { return Err(SHAPE) };
        let cost = [memory, passes, lanes];
        let is_within = (0..3).all(|at| (TODAY[at]..=MOST[at]).contains(&cost[at]));
        if !is_within {
            return Err("its Argon2id takes from m=65536,t=3,p=1 to m=4194304,t=100,p=64");
        }
        let salt = STANDARD.decode(salt).ok().and_then(|salt| salt.try_into().ok()).ok_or(SHAPE)?;
        let sealed = STANDARD.decode(sealed).map_err(|_| SHAPE)?;
        Ok(Self { cost, salt, sealed })
    }
}
