//! The secrets that webhooks are signed with (Standard Webhooks 1.0.0): made or taken, and shown to their owner alone.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Changed, Webhooks};
use crate::{
    app::{Caller, Error},
    commands::{Done, Material},
    domain::{
        ids::WebhookId,
        webhook::{Secret, associated_data},
    },
    ports::webhooks::WebhookRecord,
};

/// What stands before the bytes of a secret and of a public key.
const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_PREFIX: &str = "whpk_";
/// Bytes of a secret that is made here, and those that a client's own may have.
const SECRET_BYTES: usize = 32;
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;

/// What signs now, the newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Secrets {
    pub secrets: Vec<String>,
    /// The public halves of key pairs.
    pub public_keys: Vec<String>,
}

impl Webhooks {
    /// The secrets that sign now. Errors: as [`Webhooks::get`], and `secrets.unsealable`.
    pub async fn secrets(&self, caller: &Caller, id: WebhookId) -> Result<Secrets, Error> {
        let record = self.get(caller, id, None).await?;
        let public = |secret: &Secret| Some(secret.asymmetric.as_ref()?.public.clone());
        let public_keys = self.signing(&record).filter_map(public).collect();
        Ok(Secrets { secrets: self.opened(caller, &record)?, public_keys })
    }

    pub(super) fn with_secret(&self, caller: &Caller, done: Done<WebhookRecord>) -> Result<Changed, Error> {
        let secret = self.opened(caller, &done.record)?.into_iter().next();
        Ok(Changed { done, secret })
    }

    fn signing<'a>(&self, record: &'a WebhookRecord) -> impl Iterator<Item = &'a Secret> + use<'a> {
        let now = self.clock.now();
        record.webhook.secrets.iter().filter(move |secret| secret.signs_at(now))
    }

    /// The secrets that sign now, newest first, as their owner writes them down.
    fn opened(&self, caller: &Caller, record: &WebhookRecord) -> Result<Vec<String>, Error> {
        let bound_to = associated_data(caller.space(), record.id, "secret");
        let open = |secret: &Secret| {
            let key = self.vault.unseal(&bound_to, &secret.sealed)?;
            Ok(format!("{SECRET_PREFIX}{}", STANDARD.encode(key)))
        };
        self.signing(record).map(open).collect()
    }

    /// Key material of a caller's own secret, or new one. Errors: `webhook.secret_invalid`.
    pub(super) fn material(&self, given: Option<&str>, asymmetric: bool) -> Result<Material, Error> {
        let key = match given {
            None => self.vault.random(SECRET_BYTES),
            Some(text) => {
                let bytes = STANDARD.decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text)).ok();
                let fits = |bytes: &Vec<u8>| (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len());
                bytes.filter(fits).ok_or_else(|| {
                    let detail =
                        format!("a secret is {SECRET_PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64");
                    Error::new("webhook.secret_invalid", detail).at("secret", Some(SECRET_BYTES_MAX.into()), None)
                })?
            }
        };
        let asymmetric = asymmetric.then(|| {
            let (seed, public) = self.vault.key_pair();
            (seed, format!("{PUBLIC_PREFIX}{}", STANDARD.encode(public)))
        });
        Ok(Material { key, asymmetric })
    }
}
