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
    fallback: Fallback::Is("true"),
    about: "Whether sensitive memories are taken, and sealed where they are stored; without it they are refused. Those that are sealed \
            already are shown either way",
    ..Setting::BASE
};

pub static DETECT_SENSITIVE: Setting = Setting {
    name: "security.detect_sensitive",
    variables: &["BRAIN_DETECT_SENSITIVE"],
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    about: "Whether memories that hold a payment card's number, an IBAN or a secret key are taken as sensitive, whoever writes them",
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

pub static SETTINGS: [&Setting; 4] = [&MASTER_KEY_FILE, &ENCRYPTION_ENABLED, &DETECT_SENSITIVE, &OAUTH_PROVIDERS];

/// Keys of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    pub master_key_file: Option<PathBuf>,
    /// Whether sensitive memories are taken.
    pub encryption_enabled: bool,
    /// Whether it is looked for secrets.
    pub detect_sensitive: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self { master_key_file: None, encryption_enabled: true, detect_sensitive: false }
    }
}

impl Security {
    pub fn of(effective: &Effective) -> Self {
        Self {
            master_key_file: effective.maybe(&MASTER_KEY_FILE),
            encryption_enabled: effective.of(&ENCRYPTION_ENABLED),
            detect_sensitive: effective.of(&DETECT_SENSITIVE),
        }
    }
}

fn are_none(value: &Value) -> Result<(), String> {
    if *value == Value::List(vec![]) {
        return Ok(());
    }
    Err("a name alone makes no provider: write a table [[auth.provider]] with id, issuer and client_id, and leave this out"
        .to_owned())
}
