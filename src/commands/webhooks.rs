//! Commands on webhooks. Called by the use cases, and by the deliverer that switches an endpoint off. Seals secrets and header values before
//! anything is decided, so that neither the log nor a read model ever holds one in the open.

use std::collections::BTreeMap;

use super::{
    Actor, CommandKey, Commands, Done, Error, Request,
    append::{self, Load, Outcome},
    fingerprint::Fingerprint,
};
use crate::{
    domain::{
        ids::{CommandId, PrincipalId, SpaceId, Timestamp, WebhookId},
        violation::Violation,
        webhook::{self, Asymmetric, Draft, Patch, Reason, Rejection, Retry, Secret, WebhookDecider},
    },
    journal::public,
    ports::webhooks::{Vault, WebhookRecord},
};

/// What a client wants done to one webhook; header values and secrets come as they are.
#[derive(Clone, PartialEq)]
pub enum WebhookAction {
    Register {
        draft: Draft,
        secret: Material,
        active: bool,
    },
    Update(Patch),
    Enable,
    Disable(Reason),
    /// The material has the pair of `v1a`; the decider keeps it where there was one.
    Rotate {
        secret: Material,
        overlap_h: u32,
    },
    Revoke,
    Delete,
}

impl WebhookAction {
    /// The action's name, which is part of a keyed command's id and so on disk.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Update(_) => "update",
            Self::Enable => "enable",
            Self::Disable(_) => "disable",
            Self::Rotate { .. } => "rotate",
            Self::Revoke => "revoke",
            Self::Delete => "delete",
        }
    }
}

/// Key material: the HMAC key, and the pair of `v1a` where it is wanted.
#[derive(Clone, PartialEq)]
pub struct Material {
    pub key: Vec<u8>,
    /// Seed and public half, in the form that is shown.
    pub asymmetric: Option<([u8; 32], String)>,
}

impl Commands {
    /// Decides and records one command on one webhook.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn webhook(
        &self,
        request: Request<WebhookId, WebhookAction>,
        vault: &dyn Vault,
    ) -> Result<Done<WebhookRecord>, Error> {
        let at = self.clock.now();
        let Request { actor, key, id, if_match, action } = request;
        let sealer = Sealer {
            vault,
            at,
            retry: &self.retry,
            associated_data: &|field: &str| webhook::associated_data(&actor.space, id, field),
        };
        let load = Load {
            fingerprint: key.fingerprint(|| Fingerprint::of_webhook(id, &action)),
            if_match,
            new_id: key.fresh && id.0 == key.seed.0,
            ..Load::new(actor.clone(), ("webhook", id.to_string()), (key, action.name()), at)
        };
        let command = sealer.command(action)?;
        let outcome = append::run::<WebhookDecider, _>(self, &load, || command.clone(), Error::Webhook).await?;
        self.acknowledged.note(load.actor, outcome.position);
        done(id, outcome)
    }

    /// Switches an endpoint off in the name of the instance.
    /// Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn disable_webhook(&self, space: &SpaceId, id: WebhookId, reason: Reason) -> Result<(), Error> {
        let at = self.clock.now();
        let actor = PrincipalId(uuid::Uuid::nil());
        let key = format!("disable webhook {id} {}", at.timestamp_micros());
        let key = CommandKey { seed: CommandId::keyed(space, actor, &key), fresh: true };
        let load = Load::new(Actor::within(space.clone(), actor), ("webhook", id.to_string()), (key, "disable"), at);
        let command = || webhook::Command::Disable { reason, at };
        match append::run::<WebhookDecider, _>(self, &load, command, Error::Webhook).await {
            Ok(_) | Err(Error::Webhook(Rejection::Deleted | Rejection::NotFound)) => Ok(()),
            Err(cause) => Err(cause),
        }
    }
}

struct Sealer<'a> {
    vault: &'a dyn Vault,
    at: Timestamp,
    /// For new webhooks whose client says nothing.
    retry: &'a Retry,
    associated_data: &'a dyn Fn(&str) -> String,
}

impl Sealer<'_> {
    fn command(&self, action: WebhookAction) -> Result<webhook::Command, Error> {
        let at = self.at;
        Ok(match action {
            WebhookAction::Register { draft, secret, active } => {
                check_events(&draft.events)?;
                let headers = self.headers(draft.headers)?;
                let retry = draft.retry.or(self.retry);
                webhook::Command::Register { draft: Draft { headers, retry, ..draft }, secret: self.secret(secret)?, active, at }
            }
            WebhookAction::Update(patch) => {
                patch.events.as_deref().map_or(Ok(()), check_events)?;
                let headers = patch.headers.map(|headers| self.headers(headers)).transpose()?;
                webhook::Command::Update { patch: Patch { headers, ..patch }, at }
            }
            WebhookAction::Enable => webhook::Command::Enable { at },
            WebhookAction::Disable(reason) => webhook::Command::Disable { reason, at },
            WebhookAction::Rotate { secret, overlap_h } => {
                webhook::Command::Rotate { secret: self.secret(secret)?, overlap_h, at }
            }
            WebhookAction::Revoke => webhook::Command::Revoke { at },
            WebhookAction::Delete => webhook::Command::Delete { at },
        })
    }

    fn secret(&self, material: Material) -> Result<Secret, Error> {
        let Material { key, asymmetric } = material;
        let asymmetric = match asymmetric {
            Some((seed, public)) => Some(Asymmetric { sealed: self.seal("asymmetric", &seed)?, public }),
            None => None,
        };
        Ok(Secret { sealed: self.seal("secret", &key)?, asymmetric, created_at: self.at, expires_at: None })
    }

    fn headers(&self, headers: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
        let seal = |(name, value): (String, String)| {
            let printable = value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
            if !printable || value.len() > HEADER_VALUE_CHARS_MAX {
                let detail = format!("a header's value has up to {HEADER_VALUE_CHARS_MAX} visible ASCII characters");
                let violation = Violation::new("webhook.header_invalid", format!("headers.{name}"), detail);
                let violation = violation.limit(HEADER_VALUE_CHARS_MAX).value(value.len());
                return Err(Error::Webhook(Rejection::Invalid(vec![violation])));
            }
            let sealed = self.seal(&format!("headers/{name}"), value.as_bytes())?;
            Ok((name, sealed))
        };
        headers.into_iter().map(seal).collect()
    }

    fn seal(&self, field: &str, text: &[u8]) -> Result<String, Error> {
        self.vault.seal(&(self.associated_data)(field), text).map_err(Error::from)
    }
}

/// Longest value of a header.
const HEADER_VALUE_CHARS_MAX: usize = 1_024;

/// Every pattern must name a public event that there is or will be.
fn check_events(patterns: &[String]) -> Result<(), Error> {
    let known = public::known();
    let strange = |(index, pattern): (usize, &String)| {
        if known.iter().any(|kind| public::fits(pattern, kind)) {
            return None;
        }
        let shown: String = pattern.chars().take(64).collect();
        let detail = format!("{shown:?} names no public event; there are {}", known.join(", "));
        Some(Violation::new("webhook.unknown_event", format!("events[{index}]"), detail).value(shown))
    };
    let broken: Vec<Violation> = patterns.iter().enumerate().filter_map(strange).collect();
    if broken.is_empty() { Ok(()) } else { Err(Error::Webhook(Rejection::Invalid(broken))) }
}

fn done(id: WebhookId, outcome: Outcome<webhook::State>) -> Result<Done<WebhookRecord>, Error> {
    let Outcome { state, revision, position, changed } = outcome;
    let webhook = state.ok_or(Rejection::NotFound)?;
    Ok(Done { record: WebhookRecord { id, revision, webhook }, position, changed })
}
