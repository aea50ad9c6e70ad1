//! What is wrong with a setting: which, where it stands, what it holds and what it may hold.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong. `detail` is a whole sentence; the rest says the same to a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// As it is called where it stands: `cache.ttl`, `BRAIN_CACHE_TTL_S` or `--cache-ttl-s`.
    pub field: String,
    /// The file in which it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub detail: String,
    /// Bounds, or the words that are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Absent where it is a secret or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Fault {
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), file: None, detail: detail.into(), limit: None, value: None }
    }
}

/// Everything that is wrong with what was set, at least one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("\n       "))
    }
}
