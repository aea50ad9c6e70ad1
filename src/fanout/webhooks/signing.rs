//! What proves to an endpoint that a request is ours: Standard Webhooks 1.0.0 (`v1`, and `v1a` where asked for), and the hexadecimal
//! signature of the specification. Called by the deliverer for each attempt, over the bytes that are sent.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The keys that sign at one time.
#[derive(Clone, Default)]
pub struct Keys {
    /// HMAC keys, newest first.
    pub symmetric: Vec<Vec<u8>>,
    /// Seeds of ed25519 keys, newest first.
    pub asymmetric: Vec<[u8; 32]>,
}

impl Keys {
    /// `webhook-signature` over `<id>.<timestamp>.<body>`: one entry per key, separated by spaces.
    pub fn standard(&self, id: &str, timestamp_s: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp_s}.{body}");
        let symmetric = self.symmetric.iter().map(|key| format!("v1,{}", STANDARD.encode(hmac(key, signed.as_bytes()))));
        let asymmetric = self.asymmetric.iter().map(|seed| {
            let signature = SigningKey::from_bytes(seed).sign(signed.as_bytes());
            format!("v1a,{}", STANDARD.encode(signature.to_bytes()))
        });
        symmetric.chain(asymmetric).collect::<Vec<_>>().join(" ")
    }

    /// `X-Webhook-Signature` of the specification (§3.2): the newest key's HMAC-SHA256 over the body.
    pub fn simple(&self, body: &str) -> Option<String> {
        let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.symmetric.first().map(|key| format!("sha256={}", hex(hmac(key, body.as_bytes()))))
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC may have any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_standard_is_met() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let keys = Keys { symmetric: vec![key, b"another".to_vec()], asymmetric: vec![[7; 32]] };
        let header = keys.standard("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let parts: Vec<&str> = header.split(' ').collect();
        assert_eq!(parts[0], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(parts[1].starts_with("v1,") && parts[2].starts_with("v1a,") && parts.len() == 3);
    }

    #[test]
    fn the_simple_signature_is_over_the_body_alone() {
        let keys = Keys { symmetric: vec![b"Jefe".to_vec()], asymmetric: vec![] };
        // RFC 4231, test case 2.
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(keys.simple("what do ya want for nothing?").as_deref(), Some(expected));
        assert_eq!(Keys::default().simple(""), None);
    }
}
