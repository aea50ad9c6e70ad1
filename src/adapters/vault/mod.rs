//! The master key of an instance and what it seals: AES-256-GCM with associated data. Made by `wiring`; the key never leaves this file.
//!
//! The nonce follows from key, associated data and text (as in AES-SIV), so the same text with the same data is sealed to the same words, and
//! a nonce never serves two texts.

mod data_keys;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

pub use self::data_keys::SealedKeys;
use crate::ports::webhooks::{Vault, VaultError};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the master key {path} cannot be read or made")]
    File {
        path: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("{path} is no master key: each line is a version and 32 bytes in base64")]
    Shape { path: String },
}

/// The master keys by version; the newest seals, all unseal.
pub struct MasterKey(BTreeMap<u32, [u8; KEY_BYTES]>);

impl MasterKey {
    /// Reads the file; makes it, for the owner's eyes only, where there is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = || path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).ok_or_else(|| Error::Shape { path: name() }),
            Err(absent) if absent.kind() == std::io::ErrorKind::NotFound => {
                let text = format!("1 {}\n", STANDARD.encode(random(KEY_BYTES)));
                create(path, &text).map_err(|cause| Error::File { path: name(), cause })?;
                // Whoever was faster has made the one that counts.
                let text = fs::read_to_string(path).map_err(|cause| Error::File { path: name(), cause })?;
                Self::parse(&text).ok_or_else(|| Error::Shape { path: name() })
            }
            Err(cause) => Err(Error::File { path: name(), cause }),
        }
    }

    /// Without a key nothing is sealed and nothing unsealed.
    pub fn absent() -> Self {
        Self(BTreeMap::new())
    }

    fn parse(text: &str) -> Option<Self> {
        let key = |line: &str| {
            let (version, key) = line.trim().split_once(' ')?;
            Some((version.parse().ok()?, STANDARD.decode(key.trim()).ok()?.try_into().ok()?))
        };
        let keys: Option<BTreeMap<_, _>> = text.lines().filter(|line| !line.trim().is_empty()).map(key).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self)
    }
}

/// Never replaces a key: what was sealed under it would be lost.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match fs::hard_link(&fresh, path) {
        Err(other) if other.kind() != std::io::ErrorKind::AlreadyExists => return Err(other),
        _ => fs::remove_file(&fresh)?,
    }
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn random(bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).expect("the system has randomness");
    buffer
}

impl Vault for MasterKey {
    fn seal(&self, associated_data: &str, text: &[u8]) -> Result<String, VaultError> {
        let (version, key) = self.0.last_key_value().ok_or(VaultError::NoKey)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC may have any length");
        mac.update(&(associated_data.len() as u64).to_be_bytes());
        mac.update(associated_data.as_bytes());
        mac.update(text);
        let nonce: [u8; NONCE_BYTES] = mac.finalize().into_bytes()[..NONCE_BYTES].try_into().expect("cut to size");
        let cipher = Aes256Gcm::new_from_slice(key).expect("32 bytes");
        let sealed = cipher.encrypt(&nonce.into(), Payload { msg: text, aad: associated_data.as_bytes() });
        let sealed = sealed.map_err(|_| VaultError::Unsealable)?;
        Ok(format!("{version}.{}", URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())))
    }

    fn unseal(&self, associated_data: &str, sealed: &str) -> Result<Vec<u8>, VaultError> {
        let parts = || {
            let (version, text) = sealed.split_once('.')?;
            Some((version.parse::<u32>().ok()?, URL_SAFE_NO_PAD.decode(text).ok()?))
        };
        let (version, bytes) = parts().ok_or(VaultError::Unsealable)?;
        if self.0.is_empty() {
            return Err(VaultError::NoKey);
        }
        let key = self.0.get(&version).ok_or(VaultError::Unsealable)?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::Unsealable)?;
        let cipher = Aes256Gcm::new_from_slice(key).expect("32 bytes");
        let payload = Payload { msg: text, aad: associated_data.as_bytes() };
        cipher.decrypt(&(*nonce).into(), payload).map_err(|_| VaultError::Unsealable)
    }

    fn derive(&self, purpose: &str) -> Result<[u8; 32], VaultError> {
        let (_, key) = self.0.last_key_value().ok_or(VaultError::NoKey)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC may have any length");
        mac.update(b"derived key: ");
        mac.update(purpose.as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }

    fn key_pair(&self) -> ([u8; 32], [u8; 32]) {
        let seed: [u8; 32] = random(32).try_into().expect("asked for so many");
        (seed, ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes())
    }

    fn random(&self, bytes: usize) -> Vec<u8> {
        random(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let sealed = MasterKey::open(&path).unwrap().seal("here", b"tea").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = MasterKey::open(&path).unwrap();
        assert_eq!(again.unseal("here", &sealed).unwrap(), b"tea");
        assert_eq!(again.seal("here", b"tea").unwrap(), sealed);
        assert!(matches!(again.unseal("there", &sealed), Err(VaultError::Unsealable)));
        assert!(matches!(MasterKey::absent().unseal("here", &sealed), Err(VaultError::NoKey)));
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(MasterKey::open(&path), Err(Error::Shape { .. })));
    }

    #[test]
    fn a_newer_key_seals_and_older_ones_still_open() {
        let line = |version: u32| format!("{version} {}\n", STANDARD.encode([version as u8; KEY_BYTES]));
        let old = MasterKey::parse(&line(1)).unwrap().seal("here", b"tea").unwrap();
        let both = MasterKey::parse(&(line(1) + &line(2))).unwrap();
        assert_eq!(both.unseal("here", &old).unwrap(), b"tea");
        let new = both.seal("here", b"tea").unwrap();
        assert!(new.starts_with("2.") && MasterKey::parse(&line(1)).unwrap().unseal("here", &new).is_err());
    }
}
