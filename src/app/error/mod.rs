//! Everything that can be refused: a code of the one table, what went wrong in a sentence, and the fields at fault. Made by the use cases;
//! each surface writes it in its own way. Never shows a cause to a client: causes are logged here, once.

mod causes;
mod table;

use serde_json::Value;

pub use self::table::{Kind, TABLE};
use crate::{causes::chain, domain::violation::Violation};

/// How much of a client's own words a refusal repeats.
const ECHO_CHARS_MAX: usize = 64;

/// A refusal.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Error {
    /// Stable, part of every surface's contract: `memory.not_found`.
    pub code: &'static str,
    pub kind: Kind,
    /// Whether the same may succeed later as it is.
    pub retryable: bool,
    /// A sentence for people.
    pub detail: String,
    pub violations: Vec<Violation>,
}

impl Error {
    /// The refusal of a code in [`TABLE`]; a code that is missing there is our mistake, and `internal`.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self::of_row(TABLE.iter().find(|row| row.0 == code), detail)
    }

    /// As [`Error::new`], for a code that has rows of several kinds.
    fn of_kind(code: &str, kind: Kind, detail: impl Into<String>) -> Self {
        Self::of_row(TABLE.iter().find(|row| row.0 == code && row.1 == kind), detail)
    }

    fn of_row(row: Option<&(&'static str, Kind, bool)>, detail: impl Into<String>) -> Self {
        let (code, kind, retryable) = *row.unwrap_or(&("internal", Kind::Internal, false));
        Self { code, kind, retryable, detail: detail.into(), violations: vec![] }
    }

    /// Adds the field that it is about, under the refusal's own code and detail.
    pub fn at(mut self, field: impl Into<String>, limit: Option<Value>, value: Option<Value>) -> Self {
        let (code, detail) = (self.code, self.detail.clone());
        self.violations.push(Violation { code, field: field.into(), detail, limit, value });
        self
    }

    /// Writes the cause into the log, which is the only place that shows it.
    pub fn logged(self, cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(code = %self.code, cause = %chain(cause), "a request failed");
        self
    }
}

/// A client's own words as a refusal repeats them: the first characters, without control characters.
pub fn short(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).take(ECHO_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{memory::Rejection, relationship::Rejection as Relation, webhook::Rejection as Hook};

    #[test]
    fn a_code_stands_once_for_each_kind() {
        for (index, (code, kind, _)) in TABLE.iter().enumerate() {
            assert!(!TABLE[..index].iter().any(|row| row.0 == *code && row.1 == *kind), "{code} stands twice");
        }
    }

    #[test]
    fn every_code_of_the_domain_stands_in_the_table() {
        assert_eq!(Error::from(Rejection::Deleted).kind, Kind::Conflict);
        assert_eq!(Error::from(Relation::Deleted).kind, Kind::Conflict);
        assert_eq!(Error::from(Hook::Deleted).kind, Kind::Conflict);
        assert_eq!(Error::new("memory.deleted", "").kind, Kind::Gone);
        assert_eq!(Error::new("no.such_code", "").code, "internal");
    }
}
