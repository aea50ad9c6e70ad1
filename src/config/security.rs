//! Keys, and what of the specification's security this brain does not have, or has elsewhere: whoever asks for that is refused, not left unprotected.

use std::path::PathBuf;

use super::{
    resolve::Effective,
    setting::{Fallback, Setting},
    value::{Kind, Value},
};

pub static MASTER_KEY_FILE: Setting = Setting {
    name: "security.master_key_file",
    variables: &["BRAIN_MASTER_KEY_FILE"],
    flag: Some("master-key-file"),
    kind: Kind::Path,
    fallback: Fallback::Absent("master.key of the data folder"),
    about: "The key that seals secrets; all processes of an instance share it. Without it master.key in the data folder, which `brain up` \
            makes",
    ..Setting::BASE
};

pub static ENCRYPTION_ENABLED: Setting = Setting {
    name: "security.encryption_enabled",
    variables: &["BRAIN_ENCRYPTION_ENABLED"],
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    check: is_off,
    about: "Whether contents are encrypted where they are stored; this brain cannot do that yet and refuses true",
    ..Setting::BASE
};

pub static OAUTH_PROVIDERS: Setting = Setting {
    name: "security.oauth_providers",
    variables: &["BRAIN_OAUTH_PROVIDERS"],
    kind: Kind::List,
    fallback: Fallback::Is(""),
    check: are_none,
    about: "Of the specification; providers by which people log in stand as [[auth.provider]], and none is named here",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 3] = [&MASTER_KEY_FILE, &ENCRYPTION_ENABLED, &OAUTH_PROVIDERS];

/// Keys of this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    pub master_key_file: Option<PathBuf>,
}

impl Security {
    pub fn of(effective: &Effective) -> Self {
        Self { master_key_file: effective.maybe(&MASTER_KEY_FILE) }
    }
}

fn is_off(value: &Value) -> Result<(), String> {
    if *value == Value::Switch(false) {
        return Ok(());
    }
    Err("this brain cannot encrypt what it stores yet, and will not start as if it did; write false, or leave it out".to_owned())
}

fn are_none(value: &Value) -> Result<(), String> {
    if *value == Value::List(vec![]) {
        return Ok(());
    }
    Err("a name alone makes no provider: write a table [[auth.provider]] with id, issuer and client_id, and leave this out"
        .to_owned())
}
