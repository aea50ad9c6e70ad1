//! Secrets of keys and invitations: made here, shown once, and known to the log by their hash. Called by the use cases of access, by the
//! surfaces that look a secret up, and by wiring for the owner's key. Never logs one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::ports::IdSource;

/// Characters of a secret that stay visible: what says what it is for, and four that tell it from others.
const PREFIX_CHARS: usize = 8;

/// A fresh API key as a client sends it: `sbk_` and 43 characters, 256 random bits.
pub fn fresh_key(ids: &dyn IdSource) -> String {
    fresh("sbk_", ids)
}

/// The secret of a fresh invitation: `sbi_` and 43 characters, 256 random bits.
pub fn fresh_invitation(ids: &dyn IdSource) -> String {
    fresh("sbi_", ids)
}

fn fresh(kind: &str, ids: &dyn IdSource) -> String {
    format!("{kind}{}", URL_SAFE_NO_PAD.encode(ids.secret()))
}

/// The first characters of a secret, which tell it from others and open nothing.
pub fn prefix(secret: &str) -> String {
    secret.chars().take(PREFIX_CHARS).collect()
}

/// How the log knows a secret: lower-case hexadecimal SHA-256. Secrets are made, and looked up, by this one function.
pub fn sha256_hex(secret: &[u8]) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::ids::CommandId, ports::SECRET_BYTES};

    struct Sevens;

    impl IdSource for Sevens {
        fn command_id(&self) -> CommandId {
            CommandId(uuid::Uuid::nil())
        }

        fn secret(&self) -> [u8; SECRET_BYTES] {
            [7; SECRET_BYTES]
        }
    }

    #[test]
    fn little_of_a_secret_is_shown() {
        let one = fresh_key(&Sevens);
        assert!(one.len() == 47 && prefix(&one) == one[..8] && fresh_invitation(&Sevens).starts_with("sbi_"));
        assert_eq!(sha256_hex(b"")[..8], *"e3b0c442");
    }
}
