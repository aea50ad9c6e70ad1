//! The one table from code to status, and the body of every refusal: RFC 9457 `application/problem+json`.
//!
//! Called by every handler through `?`. Never shows a cause to the client: causes are logged here, once.

use actix_web::{HttpResponse, ResponseError, http::StatusCode, http::header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    commands,
    domain::memory::{Rejection, Violation},
    ports::{QueryError, log::ReadError},
    queries::{freshness, search, status},
};

/// (code, status, worth trying again as it is). Part of the API's contract; a code with two statuses has a row for each.
pub const TABLE: &[(&str, u16, bool)] = &[
    ("auth.missing_key", 401, false),
    ("auth.invalid_key", 401, false),
    ("auth.scope_missing", 403, false),
    ("auth.space_forbidden", 403, false),
    ("request.invalid_json", 400, false),
    ("request.unknown_field", 400, false),
    ("request.invalid_field", 400, false),
    ("request.invalid_id", 400, false),
    ("request.invalid_query", 400, false),
    ("request.invalid_header", 400, false),
    ("request.too_many_items", 400, false),
    ("request.unreadable", 400, true),
    ("request.too_large", 413, false),
    ("request.key_reused", 422, false),
    ("request.unknown_route", 404, false),
    ("request.wrong_method", 405, false),
    ("list.bad_cursor", 400, false),
    ("list.bad_limit", 400, false),
    ("search.query_empty", 400, false),
    ("search.query_too_long", 400, false),
    ("search.bad_limit", 400, false),
    ("search.bad_mode", 400, false),
    ("search.bad_filter", 400, false),
    ("search.bad_wait", 400, false),
    ("search.unavailable", 503, true),
    ("read.position_beyond_log", 400, false),
    ("read.not_yet_visible", 504, true),
    ("read.unavailable", 503, true),
    ("memory.invalid", 400, false),
    ("memory.content_empty", 400, false),
    ("memory.content_too_long", 400, false),
    ("memory.script_tag", 400, false),
    ("memory.type_unknown", 400, false),
    ("memory.metadata_too_deep", 400, false),
    ("memory.metadata_too_large", 400, false),
    ("memory.nul_character", 400, false),
    ("memory.too_many_tags", 400, false),
    ("memory.tag_empty", 400, false),
    ("memory.tag_too_long", 400, false),
    ("memory.importance_out_of_range", 400, false),
    ("memory.field_too_long", 400, false),
    ("memory.position_out_of_range", 400, false),
    ("memory.not_found", 404, false),
    ("memory.already_exists", 409, false),
    ("memory.deleted", 410, false),
    ("memory.deleted", 409, false),
    ("memory.revision_mismatch", 412, false),
    ("memory.contention", 409, true),
    ("memory.parked", 500, false),
    ("log.unavailable", 503, true),
    ("log.refused", 503, true),
    ("log.poison", 500, false),
    ("health.not_ready", 503, true),
    ("internal", 500, false),
];

/// One broken rule on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fault {
    pub code: String,
    pub field: String,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub limit: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub value: Option<Value>,
}

/// A refusal on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Problem {
    /// Always `about:blank`: the code says more than a link could.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub code: String,
    pub detail: String,
    pub retryable: bool,
    pub errors: Vec<Fault>,
}

impl Problem {
    /// The problem of a code in [`TABLE`]; a code that is missing there is our mistake and answers 500.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        let row = TABLE.iter().find(|row| row.0 == code);
        Self::of_row(row.unwrap_or(&("internal", 500, false)), detail)
    }

    /// As [`Problem::new`], for a code that has rows with several statuses.
    fn with_status(code: &str, status: u16, detail: impl Into<String>) -> Self {
        let row = TABLE.iter().find(|row| row.0 == code && row.1 == status);
        Self::of_row(row.unwrap_or(&("internal", 500, false)), detail)
    }

    fn of_row((code, status, retryable): &(&str, u16, bool), detail: impl Into<String>) -> Self {
        let title = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Problem");
        Self {
            kind: "about:blank".into(),
            title: title.into(),
            status: *status,
            code: (*code).into(),
            detail: detail.into(),
            retryable: *retryable,
            errors: vec![],
        }
    }

    /// Adds the field that the problem is about, under the problem's own code and detail.
    pub fn at(mut self, field: impl Into<String>, limit: Option<Value>, value: Option<Value>) -> Self {
        let (code, detail) = (self.code.clone(), self.detail.clone());
        self.errors.push(Fault { code, field: field.into(), detail, limit, value });
        self
    }

    fn logged(self, cause: &(dyn std::error::Error + 'static)) -> Self {
        let chain: Vec<String> = std::iter::successors(Some(cause), |error| error.source()).map(ToString::to_string).collect();
        tracing::error!(code = %self.code, cause = %chain.join(": "), "a request failed");
        self
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        if self.status == 401 {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if self.retryable && self.status == 503 {
            answer.insert_header((header::RETRY_AFTER, "1"));
        }
        let body = serde_json::to_string(self).expect("strings, numbers and JSON values always serialise");
        answer.content_type("application/problem+json").body(body)
    }
}

impl From<Violation> for Fault {
    fn from(broken: Violation) -> Self {
        let Violation { code, field, detail, limit, value } = broken;
        Self { code: code.into(), field, detail, limit, value }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            // Reading a tombstone says "gone"; changing one is a conflict that a restore solves.
            Rejection::Deleted => Self::with_status("memory.deleted", 409, detail),
            other => {
                let mut problem = Self::new(other.code(), detail);
                problem.errors = other.violations().iter().cloned().map(Fault::from).collect();
                problem
            }
        }
    }
}

impl From<commands::Error> for Problem {
    fn from(error: commands::Error) -> Self {
        use commands::Error as E;
        let detail = error.to_string();
        match error {
            E::Rejected(rejection) => rejection.into(),
            E::PreconditionFailed { expected, actual } => Self::new(
                "memory.revision_mismatch",
                format!("If-Match asks for revision {expected}, the memory has revision {actual}"),
            )
            .at("If-Match", Some(actual.0.into()), Some(expected.0.into())),
            E::KeyReused => Self::new("request.key_reused", "this Idempotency-Key was used for another wish").at(
                "Idempotency-Key",
                None,
                None,
            ),
            E::Contention => Self::new("memory.contention", detail),
            E::Unavailable { .. } => Self::new("log.unavailable", detail).logged(&error),
            E::Refused { .. } => Self::new("log.refused", detail).logged(&error),
            E::Poison { .. } => Self::new("log.poison", detail).logged(&error),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let code = match error {
            QueryError::Unavailable(_) => "read.unavailable",
            QueryError::Parked => "memory.parked",
        };
        Self::new(code, error.to_string()).logged(&error)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let code = match error {
            ReadError::Unavailable(_) => "log.unavailable",
            ReadError::Poison { .. } => "log.poison",
        };
        Self::new(code, error.to_string()).logged(&error)
    }
}

impl From<freshness::Error> for Problem {
    fn from(error: freshness::Error) -> Self {
        use freshness::Error as E;
        let detail = error.to_string();
        match error {
            E::NotYetVisible { position, .. } => {
                Self::new("read.not_yet_visible", detail).at("min_position", None, Some(position.0.into()))
            }
            E::BeyondLog { position, last_seq } => {
                Self::new("read.position_beyond_log", detail).at("min_position", Some(last_seq.0.into()), Some(position.0.into()))
            }
            E::Log(cause) => cause.into(),
            E::Position(cause) => cause.into(),
        }
    }
}

impl From<search::Error> for Problem {
    fn from(error: search::Error) -> Self {
        match error {
            search::Error::Query(cause) => cause.into(),
            search::Error::Embed(_) => Self::new("search.unavailable", error.to_string()).logged(&error),
        }
    }
}

impl From<status::Error> for Problem {
    fn from(error: status::Error) -> Self {
        match error {
            status::Error::Log(cause) => cause.into(),
            status::Error::Positions(cause) => cause.into(),
        }
    }
}

#[cfg(test)]
mod tests;
