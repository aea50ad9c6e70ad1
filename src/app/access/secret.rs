//! Secrets of keys, invitations, sessions and logins: made here, shown once, and known to the log and the streams by their hash. Called by
//! the use cases, by the surfaces that look a secret up, and by wiring for the owner's key. Never logs one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::ports::webhooks::Vault;

/// Random bytes in a secret that is good for long.
const SECRET_BYTES: usize = 32;
/// Characters of a secret that stay visible: what says what it is for, and four that tell it from others.
const PREFIX_CHARS: usize = 8;

/// A fresh API key as a client sends it: `sbk_` and 43 characters, 256 random bits.
pub fn fresh_key(vault: &dyn Vault) -> String {
    format!("sbk_{}", fresh(vault))
}

/// The secret of a fresh invitation: `sbi_` and 43 characters, 256 random bits.
pub fn fresh_invitation(vault: &dyn Vault) -> String {
    format!("sbi_{}", fresh(vault))
}

/// 256 random bits as 43 characters that may stand in an address or a cookie.
pub fn fresh(vault: &dyn Vault) -> String {
    URL_SAFE_NO_PAD.encode(vault.random(SECRET_BYTES))
}

/// The first characters of a secret, which tell it from others and open nothing.
pub fn prefix(secret: &str) -> String {
    secret.chars().take(PREFIX_CHARS).collect()
}

/// How the log knows a secret: lower-case hexadecimal SHA-256. Secrets are made, and looked up, by this one function.
pub fn sha256_hex(secret: &[u8]) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two texts are the same: both are hashed again, so that the time tells nothing of where they differ.
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    sha256_hex(one) == sha256_hex(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::webhooks::VaultError;

    struct Sevens;

    impl Vault for Sevens {
        fn seal(&self, _: &str, _: &[u8]) -> Result<String, VaultError> {
            Err(VaultError::NoKey)
        }

        fn unseal(&self, _: &str, _: &str) -> Result<Vec<u8>, VaultError> {
            Err(VaultError::NoKey)
        }

        fn derive(&self, _: &str) -> Result<[u8; 32], VaultError> {
            Err(VaultError::NoKey)
        }

        fn key_pair(&self) -> ([u8; 32], [u8; 32]) {
            ([7; 32], [7; 32])
        }

        fn random(&self, bytes: usize) -> Vec<u8> {
            vec![7; bytes]
        }
    }

    #[test]
    fn little_of_a_secret_is_shown() {
        let one = fresh_key(&Sevens);
        assert!(one.len() == 47 && prefix(&one) == one[..8] && fresh_invitation(&Sevens).starts_with("sbi_"));
        assert_eq!(sha256_hex(b"")[..8], *"e3b0c442");
    }
}
