//! An endpoint ready to be sent to: its address parsed, its secrets and headers unsealed, and the one request that an attempt is.
//! Made by the lanes and by the test of an endpoint.

use std::{collections::BTreeMap, time::Duration};

use chrono::DateTime;
use url::Url;

use super::signing::Keys;
use crate::{
    domain::{
        ids::{SpaceId, Timestamp, WebhookId},
        webhook::{
            Webhook, associated_data,
            retry::{Verdict, verdict},
        },
    },
    ports::{
        Clock,
        webhooks::{Attempt, HttpSender, Post, Reply, SendError, Vault, VaultError},
    },
};

/// Why an endpoint cannot be sent to at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("its secrets cannot be read")]
    Sealed(#[from] VaultError),
    #[error("its address is none")]
    Address(#[from] url::ParseError),
}

/// An endpoint with everything that a request needs.
pub struct Target {
    pub webhook: Webhook,
    url: Url,
    headers: BTreeMap<String, String>,
    keys: Vec<Signing>,
}

/// HMAC key, ed25519 seed, and until when they sign.
type Signing = (Vec<u8>, Option<[u8; 32]>, Option<Timestamp>);

/// What came of a request: the row to keep, and what it means.
pub struct Tried {
    pub attempt: Attempt,
    pub verdict: Verdict,
    /// What the endpoint asked to wait at least.
    pub retry_after: Option<Duration>,
}

impl Target {
    /// Errors: [`VaultError`] when a secret of it cannot be opened.
    pub fn new(space: &SpaceId, id: WebhookId, webhook: Webhook, vault: &dyn Vault) -> Result<Self, Error> {
        let unseal = |field: &str, sealed: &str| vault.unseal(&associated_data(space, id, field), sealed);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| VaultError::Unsealable);
        let headers = webhook.config.headers.iter();
        let headers = headers.map(|(name, sealed)| Ok((name.clone(), text(unseal(&format!("headers/{name}"), sealed)?)?)));
        let headers = headers.collect::<Result<_, VaultError>>()?;
        let mut keys = vec![];
        for secret in &webhook.secrets {
            let seed = match &secret.asymmetric {
                Some(key) => Some(unseal("asymmetric", &key.sealed)?.try_into().map_err(|_| VaultError::Unsealable)?),
                None => None,
            };
            keys.push((unseal("secret", &secret.sealed)?, seed, secret.expires_at));
        }
        Ok(Self { url: Url::parse(&webhook.config.url)?, headers, keys, webhook })
    }

    fn keys_at(&self, now: Timestamp) -> Keys {
        let signing = self.keys.iter().filter(|(.., end)| end.is_none_or(|end| now < end));
        let (symmetric, asymmetric): (Vec<_>, Vec<_>) = signing.map(|(key, seed, _)| (key.clone(), *seed)).unzip();
        Keys { symmetric, asymmetric: asymmetric.into_iter().flatten().collect() }
    }

    /// One request. The id is the same for every attempt, the timestamp is not.
    pub async fn send(&self, id: &str, body: String, number: u32, sender: &dyn HttpSender, clock: &dyn Clock) -> Tried {
        let at = clock.now();
        let keys = self.keys_at(at);
        let mut headers = self.headers.clone();
        headers.insert("webhook-id".into(), id.to_owned());
        headers.insert("webhook-timestamp".into(), at.timestamp().to_string());
        headers.insert("webhook-signature".into(), keys.standard(id, at.timestamp(), &body));
        headers.extend(keys.simple(&body).map(|signature| ("x-webhook-signature".to_owned(), signature)));
        let timeout = self.webhook.config.retry.timeout();
        let started = tokio::time::Instant::now();
        let answer = sender.post(Post { url: self.url.clone(), headers, body, timeout }).await;
        let duration = started.elapsed();
        let (status, error, response_head, verdict, retry_after) = match answer {
            Ok(reply) => judged(reply, clock.now()),
            Err(error) => {
                // Where nobody may be sent to now, nobody will be later without somebody's doing.
                let verdict = if matches!(error, SendError::Blocked(_)) { Verdict::Failed } else { Verdict::Retry };
                (None, Some((error.class().to_owned(), error.to_string())), String::new(), verdict, None)
            }
        };
        Tried { attempt: Attempt { number, at, duration, status, error, response_head }, verdict, retry_after }
    }
}

type Judged = (Option<u16>, Option<(String, String)>, String, Verdict, Option<Duration>);

fn judged(reply: Reply, now: Timestamp) -> Judged {
    let Reply { status, retry_after, head } = reply;
    let verdict = verdict(status);
    let asked = retry_after.filter(|_| matches!(status, 429 | 503)).and_then(|text| wait_of(&text, now));
    let error = match verdict {
        Verdict::Delivered => None,
        _ if (300..400).contains(&status) => Some(("redirect".to_owned(), "redirects are not followed".to_owned())),
        _ => Some(("status".to_owned(), format!("the endpoint answered {status}"))),
    };
    (Some(status), error, head, verdict, asked)
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110 §10.2.3).
fn wait_of(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    // A date names a whole second, and we may be in the middle of one.
    (date.to_utc() - now).to_std().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::from_timestamp(784_111_770, 0).unwrap();
        assert_eq!(wait_of(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(wait_of("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(7)));
        assert_eq!(wait_of("Sun, 06 Nov 1994 08:49:00 GMT", now), None);
        assert_eq!(wait_of("soon", now), None);
    }
}
