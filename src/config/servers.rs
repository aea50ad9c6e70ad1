//! The servers beneath a brain: those that `brain up` runs itself, those that `brain serve` is told of, and what a process does with them.

use super::{
    resolve::Effective,
    roles::Roles,
    setting::{Fallback, SERVE, Secrecy, Setting, UP},
    value::{Kind, Value},
};
use crate::{
    journal::subject::Prefix,
    runtime::{Durability, Programs},
};

pub static ROLES: Setting = Setting {
    name: "servers.roles",
    variables: &["BRAIN_ROLES"],
    flag: Some("roles"),
    kind: Kind::List,
    fallback: Fallback::Is("api,projector,reactor,fanout"),
    readers: SERVE,
    check: are_roles,
    about: "What this process does, separated by commas: api, projector, reactor, fanout; without api only health and metrics are served",
    ..Setting::BASE
};

pub static NATS_URL: Setting = Setting {
    name: "servers.nats_url",
    variables: &["BRAIN_NATS_URL"],
    flag: Some("nats-url"),
    fallback: Fallback::Needed,
    readers: SERVE,
    secrecy: Secrecy::Password,
    check: |value| is_url(value, "nats://user:password@host:4222"),
    about: "NATS with JetStream, 2.14.5 or newer: nats://user:password@host:4222",
    ..Setting::BASE
};

pub static NATS_REPLICAS: Setting = Setting {
    name: "servers.nats_replicas",
    variables: &["BRAIN_NATS_REPLICAS"],
    flag: Some("replicas"),
    kind: Kind::Integer { min: 1, max: 5 },
    fallback: Fallback::Is("1"),
    readers: SERVE,
    about: "Copies of each stream in the NATS cluster: 1, 3 or 5 survive 0, 1 or 2 lost servers",
    ..Setting::BASE
};

pub static DATABASE_URL: Setting = Setting {
    name: "servers.database_url",
    variables: &["BRAIN_DATABASE_URL"],
    flag: Some("database-url"),
    fallback: Fallback::Needed,
    readers: SERVE,
    secrecy: Secrecy::Password,
    check: |value| is_url(value, "postgres://user:password@host:5432/brain"),
    about: "Postgres 16 or newer with pgvector 0.8: postgres://user:password@host:5432/brain",
    ..Setting::BASE
};

pub static PREFIX: Setting = Setting {
    name: "servers.prefix",
    variables: &["BRAIN_PREFIX"],
    flag: Some("prefix"),
    fallback: Fallback::Is("brain"),
    check: is_prefix,
    about: "First token of every subject and stream name in NATS",
    ..Setting::BASE
};

pub static DURABILITY: Setting = Setting {
    name: "servers.durability",
    variables: &["BRAIN_DURABILITY"],
    flag: Some("durability"),
    kind: Kind::Choice(&["power", "os"]),
    fallback: Fallback::Is("power"),
    readers: UP,
    about: "power: an acknowledged write survives a power cut; os: it survives a crash of brain, and writes are faster",
    ..Setting::BASE
};

pub static NATS_SERVER: Setting = Setting {
    name: "servers.nats_server",
    variables: &["BRAIN_NATS_SERVER"],
    kind: Kind::Path,
    fallback: Fallback::Absent("one on the PATH that is new enough, else one that is fetched"),
    readers: UP,
    about: "The program nats-server, 2.14.5 or newer, to run instead of the one that is found or fetched",
    ..Setting::BASE
};

pub static POSTGRES_BIN: Setting = Setting {
    name: "servers.postgres_bin",
    variables: &["BRAIN_POSTGRES_BIN"],
    kind: Kind::Path,
    fallback: Fallback::Absent("one on the PATH that is new enough, else one that is fetched"),
    readers: UP,
    about: "The bin folder of a Postgres of at least 16 with pgvector 0.8, to run instead of the one that is found or fetched",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 8] =
    [&ROLES, &NATS_URL, &NATS_REPLICAS, &DATABASE_URL, &PREFIX, &DURABILITY, &NATS_SERVER, &POSTGRES_BIN];

/// What a process runs or is told of.
#[derive(Clone, Debug)]
pub struct Servers {
    pub roles: Roles,
    /// There for `brain serve`; holds a password.
    pub nats_url: Option<String>,
    pub nats_replicas: u64,
    /// There for `brain serve`; holds a password.
    pub database_url: Option<String>,
    pub prefix: Prefix,
    pub durability: Durability,
    pub programs: Programs,
}

impl Servers {
    pub fn of(effective: &Effective) -> Self {
        let (roles, prefix): (Vec<String>, String) = (effective.of(&ROLES), effective.of(&PREFIX));
        let durability: String = effective.of(&DURABILITY);
        let programs = Programs {
            nats_server: effective.maybe(&NATS_SERVER),
            postgres_bin: effective.maybe(&POSTGRES_BIN),
            cache_dir: super::Folders::of(effective).cache_dir,
        };
        Self {
            roles: roles.join(",").parse().expect("they were checked"),
            nats_url: effective.maybe(&NATS_URL),
            nats_replicas: effective.of(&NATS_REPLICAS),
            database_url: effective.maybe(&DATABASE_URL),
            prefix: Prefix::parse(&prefix).expect("it was checked"),
            durability: durability.parse().expect("it is one of the choices"),
            programs,
        }
    }
}

fn are_roles(value: &Value) -> Result<(), String> {
    value.to_string().parse::<Roles>().map(drop)
}

fn is_prefix(value: &Value) -> Result<(), String> {
    Prefix::parse(&value.to_string()).map(drop).map_err(|_| "it takes 1 to 32 characters of a-z, 0-9, - and _".to_owned())
}

fn is_url(value: &Value, example: &str) -> Result<(), String> {
    let is = url::Url::parse(&value.to_string()).is_ok_and(|url| url.has_host());
    if is { Ok(()) } else { Err(format!("it takes a URL such as {example}")) }
}
