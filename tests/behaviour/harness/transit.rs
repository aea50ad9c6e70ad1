//! The transit engine of OpenBao as far as brain asks it, on a socket: encrypt, decrypt, rewrap and the versions of a key, with the statuses and
//! the words that OpenBao 2 has for what is wrong. Not OpenBao itself: no package registry that the tests may use holds it.

use std::sync::{Arc, Mutex};

use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Answer, Request, Sink};

/// A service with one key, `second-brain`, mounted at `transit`.
pub struct Transit {
    pub sink: Sink,
    state: Arc<Mutex<State>>,
}

struct State {
    /// From version 1 on.
    keys: Vec<[u8; 32]>,
    token: String,
    is_sealed: bool,
    nonces: u64,
}

impl Transit {
    pub async fn new(token: &str) -> Self {
        let state = State { keys: vec![[1; 32]], token: token.to_owned(), is_sealed: false, nonces: 0 };
        let state = Arc::new(Mutex::new(state));
        let asked = state.clone();
        let sink = Sink::new(move |request| asked.lock().expect("no panic").answer(request)).await;
        Self { sink, state }
    }

    pub fn url(&self) -> String {
        self.sink.url.trim_end_matches("/hook").to_owned()
    }

    /// As after its own start, or when an operator has opened it.
    pub fn seal(&self, is_sealed: bool) {
        self.state.lock().expect("no panic").is_sealed = is_sealed;
    }

    /// A new version of its key.
    pub fn rotate(&self) {
        let mut state = self.state.lock().expect("no panic");
        let next = state.keys.len() as u8 + 1;
        state.keys.push([next; 32]);
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        let refuse = |status: u16, why: &str| Answer::Body(status, json!({"errors": [why]}).to_string());
        if self.is_sealed {
            return refuse(503, "Vault is sealed");
        }
        if request.headers.get("x-vault-token") != Some(&self.token) {
            return refuse(403, "permission denied");
        }
        let Some(("transit", rest)) = request.path.strip_prefix("/v1/").and_then(|path| path.split_once('/')) else {
            return refuse(404, "no handler for route");
        };
        let Some((verb, "second-brain")) = rest.split_once('/') else { return refuse(400, "encryption key not found") };
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let done = match verb {
            "encrypt" => body["plaintext"].as_str().and_then(|text| STANDARD.decode(text).ok()).map(|text| self.encrypt(&text)),
            "decrypt" => self.decrypt(&body).map(|text| json!({"plaintext": STANDARD.encode(text)})),
            "rewrap" => self.decrypt(&body).map(|text| self.encrypt(&text)),
            _ => return refuse(404, "unsupported path"),
        };
        match done {
            Some(data) => {
                Answer::Body(200, json!({"request_id": "0", "lease_id": "", "renewable": false, "data": data}).to_string())
            }
            None => refuse(400, "cipher: message authentication failed"),
        }
    }

    fn encrypt(&mut self, text: &[u8]) -> Value {
        self.nonces += 1;
        let nonce: [u8; 12] = [&[0; 4], self.nonces.to_be_bytes().as_slice()].concat().try_into().expect("12 bytes");
        let (version, key) = (self.keys.len(), self.keys.last().expect("at least one"));
        let sealed = Aes256Gcm::new(key.into()).encrypt(&nonce.into(), text).expect("short");
        let text = STANDARD.encode([nonce.as_slice(), &sealed].concat());
        json!({"ciphertext": format!("vault:v{version}:{text}"), "key_version": version})
    }

    fn decrypt(&self, body: &Value) -> Option<Vec<u8>> {
        let (version, text) = body["ciphertext"].as_str()?.strip_prefix("vault:v")?.split_once(':')?;
        let key = self.keys.get(version.parse::<usize>().ok()?.checked_sub(1)?)?;
        let bytes = STANDARD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>()?;
        Aes256Gcm::new(key.into()).decrypt(&(*nonce).into(), sealed).ok()
    }
}
