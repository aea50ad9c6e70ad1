//! Public keys between the two forms that they have: the library's and the stored one, a JSON Web Key. Used by the file above.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use webauthn_rs::prelude::{COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType, COSERSAKey, Credential, ECDSACurve};

use crate::domain::access::{Curve, Passkey, PublicKey};

/// The stored form. `None` for a kind of key that was not asked for.
pub fn public_key(key: &COSEKey) -> Option<PublicKey> {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match (&key.type_, &key.key) {
        (COSEAlgorithm::ES256, COSEKeyType::EC_EC2(COSEEC2Key { curve: ECDSACurve::SECP256R1, x, y })) => {
            Some(PublicKey::Ec { crv: Curve::P256, x: text(x), y: text(y) })
        }
        (COSEAlgorithm::ES384, COSEKeyType::EC_EC2(COSEEC2Key { curve: ECDSACurve::SECP384R1, x, y })) => {
            Some(PublicKey::Ec { crv: Curve::P384, x: text(x), y: text(y) })
        }
        (COSEAlgorithm::RS256, COSEKeyType::RSA(COSERSAKey { n, e })) => Some(PublicKey::Rsa { n: text(n), e: text(e) }),
        _ => None,
    }
}

fn cose(key: &PublicKey) -> Option<COSEKey> {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    Some(match key {
        PublicKey::Ec { crv, x, y } => {
            let (type_, curve) = match crv {
                Curve::P256 => (COSEAlgorithm::ES256, ECDSACurve::SECP256R1),
                Curve::P384 => (COSEAlgorithm::ES384, ECDSACurve::SECP384R1),
            };
            COSEKey { type_, key: COSEKeyType::EC_EC2(COSEEC2Key { curve, x: bytes(x)?, y: bytes(y)? }) }
        }
        PublicKey::Rsa { n, e } => {
            let key = COSEKeyType::RSA(COSERSAKey { n: bytes(n)?, e: bytes(e)?.try_into().ok()? });
            COSEKey { type_: COSEAlgorithm::RS256, key }
        }
    })
}

/// The library's form of a passkey, which was made with its holder verified and without attestation. `None` if it is not readable.
pub fn credential(passkey: &Passkey) -> Option<Credential> {
    // Through its written form: most of the parts have no name outside the library.
    let written = json!({
        "cred_id": passkey.id,
        "cred": serde_json::to_value(cose(&passkey.public_key)?).ok()?,
        // The newest count is compared by the use case, which knows it.
        "counter": 0,
        "transports": null,
        "user_verified": true,
        "backup_eligible": passkey.is_synced,
        "backup_state": passkey.is_synced,
        "registration_policy": "required",
        "extensions": {},
        "attestation": { "data": "None", "metadata": "None" },
        "attestation_format": "none",
    });
    serde_json::from_value(written).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_stored() {
        let point = || URL_SAFE_NO_PAD.encode([7; 32]);
        for key in [
            PublicKey::Ec { crv: Curve::P256, x: point(), y: point() },
            PublicKey::Ec { crv: Curve::P384, x: point(), y: point() },
            PublicKey::Rsa { n: point(), e: "AQAB".into() },
        ] {
            let passkey = Passkey {
                id: "aWQ".into(),
                label: "phone".into(),
                public_key: key.clone(),
                counter: 4,
                is_synced: true,
                added_at: chrono::DateTime::UNIX_EPOCH,
            };
            let known = credential(&passkey).expect("readable");
            assert_eq!((known.cred_id.as_slice(), known.counter, known.backup_eligible), (&b"id"[..], 0, true));
            assert_eq!(public_key(&known.cred), Some(key));
        }
    }
}
