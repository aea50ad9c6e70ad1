//! How searches are answered.

use super::{
    resolve::Effective,
    setting::{Fallback, Setting},
    value::Kind,
};

/// As much as a number of the file can say.
const BYTES_MAX: u64 = i64::MAX as u64;

pub static VECTORS_MAX_BYTES: Setting = Setting {
    name: "search.vectors_max_bytes",
    variables: &["BRAIN_SEARCH_VECTORS_MAX_BYTES"],
    flag: Some("search-vectors-max-bytes"),
    kind: Kind::Bytes { max: BYTES_MAX },
    fallback: Fallback::Is("2000000000"),
    about: "Most bytes of vectors in memory, about 900 for each memory; beyond it Postgres searches the largest spaces, more slowly",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 1] = [&VECTORS_MAX_BYTES];

/// How searches are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    pub vectors_max_bytes: u64,
}

impl Search {
    pub fn of(effective: &Effective) -> Self {
        Self { vectors_max_bytes: effective.of(&VECTORS_MAX_BYTES) }
    }
}

impl Default for Search {
    fn default() -> Self {
        Self { vectors_max_bytes: 2_000_000_000 }
    }
}
