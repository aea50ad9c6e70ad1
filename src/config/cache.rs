//! Answers that are kept in memory (specification §1.1; its store was Redis, ours is this process's own memory).

use std::time::Duration;

use super::{
    resolve::Effective,
    setting::{Fallback, Setting},
    value::{Kind, Value},
};
use crate::caches::{self, Eviction};

/// A hundred years; the store refuses a thousand.
const TTL_S_MAX: u64 = 100 * 365 * 24 * 60 * 60;
/// As much as a number of the file can say.
const BYTES_MAX: u64 = i64::MAX as u64;

pub static ENABLED: Setting = Setting {
    name: "cache.enabled",
    variables: &["BRAIN_CACHE_ENABLED"],
    flag: Some("cache-enabled"),
    kind: Kind::Switch,
    fallback: Fallback::Is("true"),
    about: "Whether answers are kept and given again until the log says that they are over",
    ..Setting::BASE
};

pub static MAX_BYTES: Setting = Setting {
    name: "cache.max_bytes",
    aliases: &["cache.max_size"],
    variables: &["BRAIN_CACHE_MAX_BYTES"],
    flag: Some("cache-max-bytes"),
    kind: Kind::Bytes { max: BYTES_MAX },
    fallback: Fallback::Is("1000000000"),
    about: "Most bytes of kept answers; 0 keeps none",
    ..Setting::BASE
};

pub static TTL_S: Setting = Setting {
    name: "cache.ttl_s",
    aliases: &["cache.ttl"],
    variables: &["BRAIN_CACHE_TTL_S"],
    flag: Some("cache-ttl-s"),
    kind: Kind::Integer { min: 1, max: TTL_S_MAX },
    unit: Some("seconds"),
    fallback: Fallback::Is("3600"),
    about: "Longest time that an answer is kept, in seconds",
    ..Setting::BASE
};

pub static EVICTION: Setting = Setting {
    name: "cache.eviction",
    aliases: &["cache.eviction_policy"],
    variables: &["BRAIN_CACHE_EVICTION"],
    flag: Some("cache-eviction"),
    kind: Kind::Choice(&["lru", "tinylfu"]),
    fallback: Fallback::Is("lru"),
    about: "What goes first when room is wanted: lru, used longest ago; tinylfu, used least often",
    ..Setting::BASE
};

pub static AUDIT_EVERY: Setting = Setting {
    name: "cache.audit_every",
    variables: &["BRAIN_CACHE_AUDIT_EVERY"],
    flag: Some("cache-audit-every"),
    kind: Kind::Integer { min: 0, max: u64::MAX },
    fallback: Fallback::Is("0"),
    about: "Ask one in so many kept answers again and count those that are stale; 0 for none",
    ..Setting::BASE
};

pub static KEY_PREFIX: Setting = Setting {
    name: "cache.key_prefix",
    variables: &["BRAIN_CACHE_KEY_PREFIX"],
    fallback: Fallback::Is(""),
    about: "Without effect: kept answers are in this process's own memory, where no other program's keys can meet them",
    note: Some(
        "cache.key_prefix has no effect: kept answers are in this process's own memory, where no other program's keys can meet them",
    ),
    ..Setting::BASE
};

pub static BACKEND: Setting = Setting {
    name: "cache.backend",
    variables: &["BRAIN_CACHE_BACKEND"],
    fallback: Fallback::Is("memory"),
    check: is_memory,
    about: "Where answers are kept: memory, this process's own",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 7] = [&ENABLED, &MAX_BYTES, &TTL_S, &EVICTION, &AUDIT_EVERY, &KEY_PREFIX, &BACKEND];

/// How answers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    pub enabled: bool,
    pub max_bytes: u64,
    pub ttl: Duration,
    pub eviction: Eviction,
    /// 0 for none.
    pub audit_every: u64,
}

impl Cache {
    pub fn of(effective: &Effective) -> Self {
        let eviction: String = effective.of(&EVICTION);
        Self {
            enabled: effective.of(&ENABLED),
            max_bytes: effective.of(&MAX_BYTES),
            ttl: Duration::from_secs(effective.of(&TTL_S)),
            eviction: eviction.parse().expect("it is one of the choices"),
            audit_every: effective.of(&AUDIT_EVERY),
        }
    }

    /// What the caches are told. Switched off they have room for nothing.
    pub fn settings(self) -> caches::Settings {
        let Self { enabled, max_bytes, ttl, eviction, audit_every } = self;
        let max_bytes = if enabled { max_bytes } else { 0 };
        caches::Settings { max_bytes, ttl, eviction, audit_every, ..caches::Settings::default() }
    }
}

fn is_memory(value: &Value) -> Result<(), String> {
    match value.to_string().as_str() {
        "memory" => Ok(()),
        _ => Err("answers are kept in this process's own memory and nowhere else: write memory, or leave it out".to_owned()),
    }
}
