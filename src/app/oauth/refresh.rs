//! Refresh tokens: `sbr_` and 64 bytes, which are the delegation's name, 256 random bits, and a seal by which we know our own. Pure but for the
//! vault. The streams know a token by its SHA-256; one that was replaced long ago is known by its seal alone, so that whoever shows it gives
//! themselves away, and whoever makes one up ends nobody's delegation.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::ports::webhooks::{Vault, VaultError};

const PREFIX: &str = "sbr_";
const SECRET_BYTES: usize = 32;
const SEAL_BYTES: usize = 16;
/// What the keys are made for.
const SEALING: &str = "seal of refresh tokens";
const SUCCESSION: &str = "succession of refresh tokens";

/// A first token. Errors: there is no master key.
pub fn first(vault: &dyn Vault, delegation: Uuid) -> Result<String, VaultError> {
    sealed(vault, delegation, &vault.random(SECRET_BYTES))
}

/// The token that replaces this one: always the same, so that a lost answer can be given again and nothing need be kept for that.
/// Nobody can tell it without the master key. Errors: there is no master key; `None` where this is no token.
pub fn successor(vault: &dyn Vault, token: &str) -> Result<Option<String>, VaultError> {
    let Some((delegation, secret, _)) = parts(token) else { return Ok(None) };
    let next = mac(&vault.derive(SUCCESSION)?, delegation, &secret);
    sealed(vault, delegation, &next).map(Some)
}

/// The delegation that a token says it is of.
pub fn delegation_of(token: &str) -> Option<Uuid> {
    parts(token).map(|(delegation, ..)| delegation)
}

/// Whether we have made it, now or long ago, also before the master key was rotated. Errors: there is no master key.
pub fn is_ours(vault: &dyn Vault, token: &str) -> Result<bool, VaultError> {
    let Some((delegation, secret, seal)) = parts(token) else { return Ok(false) };
    let is_sealed_by = |key: &[u8; 32]| {
        let mut sealing = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC may have any length");
        sealing.update(delegation.as_bytes());
        sealing.update(&secret);
        sealing.verify_truncated_left(&seal).is_ok()
    };
    Ok(vault.derive_all(SEALING)?.iter().any(is_sealed_by))
}

fn sealed(vault: &dyn Vault, delegation: Uuid, secret: &[u8]) -> Result<String, VaultError> {
    let seal = mac(&vault.derive(SEALING)?, delegation, secret);
    let bytes = [delegation.as_bytes(), secret, &seal[..SEAL_BYTES]].concat();
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn mac(key: &[u8; 32], delegation: Uuid, secret: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC may have any length");
    mac.update(delegation.as_bytes());
    mac.update(secret);
    mac.finalize().into_bytes().into()
}

fn parts(token: &str) -> Option<(Uuid, [u8; SECRET_BYTES], [u8; SEAL_BYTES])> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
    let (delegation, rest) = bytes.split_first_chunk::<16>()?;
    let (secret, seal) = rest.split_first_chunk::<SECRET_BYTES>()?;
    Some((Uuid::from_bytes(*delegation), *secret, seal.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Vault for Fixed {
        fn seal(&self, _: &str, _: &[u8]) -> Result<String, VaultError> {
            Err(VaultError::NoKey)
        }

        fn unseal(&self, _: &str, _: &str) -> Result<Vec<u8>, VaultError> {
            Err(VaultError::NoKey)
        }

        fn derive(&self, purpose: &str) -> Result<[u8; 32], VaultError> {
            Ok([u8::try_from(purpose.len()).expect("short"); 32])
        }

        fn key_pair(&self) -> ([u8; 32], [u8; 32]) {
            ([7; 32], [7; 32])
        }

        fn random(&self, bytes: usize) -> Vec<u8> {
            vec![7; bytes]
        }
    }

    #[test]
    fn a_token_knows_its_delegation_and_its_only_successor_and_cannot_be_made_up() {
        let id = Uuid::from_u128(5);
        let token = first(&Fixed, id).unwrap();
        assert!(token.len() == 90 && delegation_of(&token) == Some(id) && is_ours(&Fixed, &token).unwrap());
        let next = successor(&Fixed, &token).unwrap().unwrap();
        assert!(next != token && is_ours(&Fixed, &next).unwrap() && successor(&Fixed, &token).unwrap().unwrap() == next);
        for (at, _) in token.char_indices().skip(4) {
            let mut forged = token.clone();
            forged.replace_range(at..=at, if &token[at..=at] == "A" { "B" } else { "A" });
            assert!(!is_ours(&Fixed, &forged).unwrap(), "{forged}");
        }
        for bad in ["", "sbr_", "sbk_abc", &token[1..], &token[..89], &format!("{token}A"), &format!("{token}=")] {
            assert!(delegation_of(bad).is_none() && successor(&Fixed, bad).unwrap().is_none(), "{bad}");
        }
    }
}
