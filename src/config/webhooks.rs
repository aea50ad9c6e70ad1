//! Whether events go out to addresses, and how new endpoints are tried again (specification §2.1).

use super::{
    resolve::Effective,
    setting::{Fallback, Setting},
    value::Kind,
};
use crate::domain::webhook::{
    Retry,
    retry::{MAX_RETRIES_MAX, TIMEOUT_S_DEFAULT, TIMEOUT_S_MAX, TIMEOUT_S_MIN},
};

pub static ENABLED: Setting = Setting {
    name: "webhooks.enabled",
    variables: &["BRAIN_WEBHOOKS_ENABLED"],
    flag: Some("webhooks-enabled"),
    kind: Kind::Switch,
    fallback: Fallback::Is("true"),
    about: "Whether events are sent to webhooks; while they are not, their routes answer 503, and what happened meanwhile is sent later",
    ..Setting::BASE
};

pub static MAX_RETRIES: Setting = Setting {
    name: "webhooks.max_retries",
    variables: &["BRAIN_WEBHOOK_MAX_RETRIES"],
    flag: Some("webhook-max-retries"),
    kind: Kind::Integer { min: 0, max: MAX_RETRIES_MAX as u64 },
    fallback: Fallback::Absent("ten attempts over three days"),
    about: "Attempts after the first one for webhooks that are registered from now on and say nothing themselves; without it ten attempts \
            over three days",
    ..Setting::BASE
};

pub static TIMEOUT_S: Setting = Setting {
    name: "webhooks.timeout_s",
    aliases: &["webhooks.timeout"],
    variables: &["BRAIN_WEBHOOK_TIMEOUT_S"],
    flag: Some("webhook-timeout-s"),
    kind: Kind::Number { min: TIMEOUT_S_MIN, max: TIMEOUT_S_MAX },
    unit: Some("seconds"),
    fallback: Fallback::Is("15"),
    about: "How long one attempt may take, in seconds, for webhooks that are registered from now on and say nothing themselves",
    ..Setting::BASE
};

pub static ALLOW_LOOPBACK: Setting = Setting {
    name: "webhooks.allow_loopback",
    variables: &["BRAIN_WEBHOOK_ALLOW_LOOPBACK"],
    flag: Some("webhook-allow-loopback"),
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    about: "Let webhooks go to this machine, also by http: for development",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 4] = [&ENABLED, &MAX_RETRIES, &TIMEOUT_S, &ALLOW_LOOPBACK];

/// How webhooks are served.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhooks {
    pub enabled: bool,
    /// What a new endpoint gets where its client says nothing; what is absent here too is the domain's to say.
    pub retry: Retry,
    pub allow_loopback: bool,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { enabled: true, retry: Retry::default(), allow_loopback: false }
    }
}

impl Webhooks {
    pub fn of(effective: &Effective) -> Self {
        let max_retries = effective.maybe::<u64>(&MAX_RETRIES).map(|retries| retries.try_into().expect("it is bounded"));
        let timeout_s = Some(effective.of::<f64>(&TIMEOUT_S)).filter(|seconds| *seconds != TIMEOUT_S_DEFAULT);
        Self {
            enabled: effective.of(&ENABLED),
            retry: Retry { max_retries, timeout_s, base_delay_s: None },
            allow_loopback: effective.of(&ALLOW_LOOPBACK),
        }
    }
}
