//! A broken rule, as every aggregate tells it: which field, what it allows, what it was given. Made by the deciders only.

use serde_json::Value;

/// One broken rule: which field, what it allows, what it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Stable, part of the API's contract: `memory.content_too_long`.
    pub code: &'static str,
    /// The field as the client wrote it, with an index or a key where that helps: `tags[3]`.
    pub field: String,
    pub detail: String,
    /// What is allowed: a number, or the list of allowed words.
    pub limit: Option<Value>,
    /// What was given, or its size where the thing itself would be long.
    pub value: Option<Value>,
}

impl Violation {
    pub fn new(code: &'static str, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code, field: field.into(), detail: detail.into(), limit: None, value: None }
    }

    pub fn limit(mut self, limit: impl Into<Value>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(value.into());
        self
    }
}

/// All details as one sentence for people.
pub fn sentence(violations: &[Violation]) -> String {
    violations.iter().map(|one| one.detail.as_str()).collect::<Vec<_>>().join("; ")
}
