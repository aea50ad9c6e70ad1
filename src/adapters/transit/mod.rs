//! The secrets engine `transit` of OpenBao or HashiCorp Vault as the service that wraps master keys. Implements [`Kms`]; asked when a process
//! starts and when versions are made or wrapped anew, never for what a master key seals. Never keeps a token: its file is read each time,
//! since agents renew it.

use std::{fs, path::PathBuf, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    adapters::http::outgoing,
    causes::chain,
    ports::master_keys::{Kms, KmsError},
    retry::Backoff,
};

/// How long one request may take in all.
const WORK_MAX: Duration = Duration::from_secs(10);
/// How long a service that is away, or still sealed, is asked again, and the longest pause in between.
const RETRIES_FOR: Duration = Duration::from_secs(30);
const PAUSE_MS_MAX: u64 = 3_000;
/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// How much of the service's own words is repeated.
const ECHO_CHARS_MAX: usize = 200;

/// Where the service is, and as whom it is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Such as `https://bao.example.org:8200`.
    pub url: Url,
    /// Where the engine is mounted.
    pub mount: String,
    /// The key's name.
    pub key: String,
    pub token_file: PathBuf,
    pub namespace: Option<String>,
}

/// A key of a transit engine.
pub struct Transit {
    settings: Settings,
    client: Client,
    retries_for: Duration,
}

impl Transit {
    /// Errors: TLS cannot be set up.
    pub fn new(settings: Settings) -> Result<Self, reqwest::Error> {
        let client = outgoing().timeout(WORK_MAX).build()?;
        Ok(Self { settings, client, retries_for: RETRIES_FOR })
    }

    /// Asks, and asks again while it is away. Answers the text under `data.<field>`.
    async fn ask(&self, verb: &str, body: &Value, field: &str) -> Result<String, KmsError> {
        let (until, mut pause) = (Instant::now() + self.retries_for, Backoff::new(PAUSE_MS_MAX));
        loop {
            match self.ask_once(verb, body, field).await {
                Err(KmsError::Away(why)) if Instant::now() < until => {
                    tracing::warn!(why, "the key management service is asked again");
                    tokio::time::sleep(pause.next_pause()).await;
                }
                done => return done,
            }
        }
    }

    async fn ask_once(&self, verb: &str, body: &Value, field: &str) -> Result<String, KmsError> {
        let Settings { url, mount, key, token_file, namespace } = &self.settings;
        let place = url.as_str().trim_end_matches('/');
        let token = Zeroizing::new(fs::read_to_string(token_file).map_err(|cause| {
            KmsError::Refused(format!(
                "the token file {} (security.kms_token_file) cannot be read: {cause}",
                token_file.display()
            ))
        })?);
        let mut request = self.client.post(format!("{place}/v1/{mount}/{verb}/{key}")).header("X-Vault-Token", token.trim());
        if let Some(namespace) = namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        let away = |why: String| KmsError::Away(format!("{place} (security.kms_url) does not answer: {why}"));
        let mut answer = request.json(body).send().await.map_err(|cause| away(chain(&cause.without_url())))?;
        let (status, mut bytes) = (answer.status(), vec![]);
        while let Some(part) = answer.chunk().await.map_err(|cause| away(chain(&cause.without_url())))? {
            bytes.extend_from_slice(&part);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(KmsError::Refused(format!("{place} answers more than {ANSWER_BYTES_MAX} bytes")));
            }
        }
        let bytes = Zeroizing::new(bytes);
        let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            let text = document["data"][field].as_str().map(str::to_owned);
            return text.ok_or_else(|| {
                KmsError::Refused(format!("{place} answers {status} without data.{field}: is it a transit engine?"))
            });
        }
        Err(refusal(&self.settings, verb, status, &document))
    }
}

/// What a status means, in words that say what to do.
fn refusal(settings: &Settings, verb: &str, status: StatusCode, document: &Value) -> KmsError {
    let Settings { url, mount, key, token_file, .. } = settings;
    let said: Vec<&str> = document["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let said: String = said.join("; ").chars().filter(|letter| !letter.is_control()).take(ECHO_CHARS_MAX).collect();
    let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
    let why = match status {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
            format!("{url} refuses the token in {} to {verb} under {mount}/{key}{said}", token_file.display())
        }
        StatusCode::NOT_FOUND => {
            format!("{url} has no {mount}/{verb}/{key}{said}: look at security.kms_mount and security.kms_key")
        }
        _ => format!("{url} answers {} to {mount}/{verb}/{key}{said}", status.as_u16()),
    };
    // 412: its own copy of the log lags; 429: too many; 5xx: sealed, standby or broken.
    let is_away = status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::PRECONDITION_FAILED].contains(&status);
    if is_away { KmsError::Away(why) } else { KmsError::Refused(why) }
}

#[async_trait]
impl Kms for Transit {
    fn key(&self) -> &str {
        &self.settings.key
    }

    async fn wrap(&self, secret: &[u8]) -> Result<String, KmsError> {
        let ciphertext = self.ask("encrypt", &json!({"plaintext": STANDARD.encode(secret)}), "ciphertext").await?;
        // It stands in a line of words.
        let is_word = !ciphertext.is_empty() && ciphertext.bytes().all(|byte| byte.is_ascii_graphic());
        if is_word { Ok(ciphertext) } else { Err(KmsError::Refused("the service's ciphertext is no word".into())) }
    }

    async fn unwrap(&self, wrapped: &str) -> Result<Vec<u8>, KmsError> {
        let text = Zeroizing::new(self.ask("decrypt", &json!({"ciphertext": wrapped}), "plaintext").await?);
        STANDARD.decode(text.as_bytes()).map_err(|_| KmsError::Refused("the service's plaintext is no base64".into()))
    }

    async fn rewrap(&self, wrapped: &str) -> Result<String, KmsError> {
        self.ask("rewrap", &json!({"ciphertext": wrapped}), "ciphertext").await
    }
}
