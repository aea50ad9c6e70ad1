//! A passkey of a person: what is known of a key that an authenticator of theirs keeps. The private half never comes here.
//! Used by [`super::Principal`], which has them; whether an answer was made with one is decided by the adapter that knows the mathematics.

use serde::{Deserialize, Serialize};

use super::super::ids::Timestamp;

/// Passkeys of one principal.
pub const PASSKEYS_MAX: usize = 20;

/// The public half, as a JSON Web Key writes it (RFC 7517, RFC 7518): numbers in base64url, so that any library can read it. The names are on
/// disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kty")]
pub enum PublicKey {
    #[serde(rename = "EC")]
    Ec { crv: Curve, x: String, y: String },
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
}

/// A curve, by the name that JSON Web Keys have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Curve {
    #[serde(rename = "P-256")]
    P256,
    #[serde(rename = "P-384")]
    P384,
}

/// One passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The credential id in base64url, by which its authenticator knows it; no other passkey has the same.
    pub id: String,
    /// For its owner to recognise.
    pub label: String,
    pub public_key: PublicKey,
    /// How often it had signed when it was added; 0 for good where it does not count. The newest count is kept beside the log.
    pub counter: u32,
    /// Whether it may be on several devices: a synchronised one.
    pub is_synced: bool,
    pub added_at: Timestamp,
}
