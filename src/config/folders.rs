//! Where a brain keeps its things, and where its settings stand.

use std::path::PathBuf;

use super::{
    resolve::Effective,
    setting::{ALL, Fallback, SERVERS, Setting},
    value::Kind,
};
use crate::runtime;

pub static CONFIG_FILE: Setting = Setting {
    name: "folders.config",
    in_file: false,
    variables: &["BRAIN_CONFIG"],
    flag: Some("config"),
    kind: Kind::Path,
    fallback: Fallback::Absent("brain.toml of the data folder, if it is there"),
    readers: SERVERS,
    about: "File of settings, in place of brain.toml in the data folder; a flag or a variable has the say before it",
    ..Setting::BASE
};

pub static DATA_DIR: Setting = Setting {
    name: "folders.data_dir",
    variables: &["BRAIN_DATA_DIR"],
    flag: Some("data-dir"),
    kind: Kind::Path,
    fallback: Fallback::Found(runtime::default_data_dir),
    readers: ALL,
    about: "Folder of credentials.json and of everything that a brain keeps: the log, the read models, keys, logs; with `brain serve` \
            of its keyword index. The default is /var/lib/second-brain for root, else the XDG data folder",
    ..Setting::BASE
};

pub static CACHE_DIR: Setting = Setting {
    name: "folders.cache_dir",
    variables: &["BRAIN_CACHE_DIR"],
    kind: Kind::Path,
    fallback: Fallback::Found(runtime::default_cache_dir),
    readers: SERVERS,
    about: "Folder where fetched programs and the embedding model are unpacked, once per user",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 3] = [&CONFIG_FILE, &DATA_DIR, &CACHE_DIR];

/// Folders of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    pub data_dir: PathBuf,
    /// Absolute.
    pub cache_dir: PathBuf,
}

impl Folders {
    pub fn of(effective: &Effective) -> Self {
        let cache_dir: PathBuf = effective.of(&CACHE_DIR);
        let cache_dir = std::path::absolute(&cache_dir).unwrap_or(cache_dir);
        Self { data_dir: effective.of(&DATA_DIR), cache_dir }
    }
}
