//! The body of every refusal: RFC 9457 `application/problem+json`. What the use cases refuse is an [`app::Error`]; what is wrong with a
//! request before that has codes of HTTP's own.
//!
//! Called by every handler through `?`. Never shows a cause to the client.

mod table;

use actix_web::{HttpResponse, ResponseError, http::StatusCode, http::header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::table::{OF_HTTP, status};
use crate::{app, domain::violation::Violation};

/// One broken rule on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fault {
    pub code: String,
    pub field: String,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// The problem of a code of HTTP or of [`app::error::TABLE`]; a code that is in neither is our mistake and answers 500.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        match OF_HTTP.iter().find(|row| row.0 == code) {
            Some((code, status, retryable)) => Self::of(code, *status, *retryable, detail.into()),
            None => app::Error::new(code, detail).into(),
        }
    }

    fn of(code: &str, status: u16, retryable: bool, detail: String) -> Self {
        let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Problem");
        let (kind, title, code) = ("about:blank".into(), title.into(), code.into());
        Self { kind, title, status, code, detail, retryable, errors: vec![] }
    }

    /// Adds the field that the problem is about, under the problem's own code and detail.
    pub fn at(mut self, field: impl Into<String>, limit: Option<Value>, value: Option<Value>) -> Self {
        let (code, detail) = (self.code.clone(), self.detail.clone());
        self.errors.push(Fault { code, field: field.into(), detail, limit, value });
        self
    }
}

impl From<Violation> for Fault {
    fn from(broken: Violation) -> Self {
        let Violation { code, field, detail, limit, value } = broken;
        Self { code: code.into(), field, detail, limit, value }
    }
}

impl From<app::Error> for Problem {
    fn from(error: app::Error) -> Self {
        let app::Error { code, kind, retryable, detail, violations } = error;
        let errors = violations.into_iter().map(Fault::from).collect();
        Self { errors, ..Self::of(code, status(kind), retryable, detail) }
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
        match self.status {
            429 | 503 if self.retryable => drop(answer.insert_header((header::RETRY_AFTER, "1"))),
            // Somebody has to make room.
            507 => drop(answer.insert_header((header::RETRY_AFTER, "10"))),
            _ => {}
        }
        if self.status == 426 {
            answer.insert_header((header::UPGRADE, "websocket")).insert_header((header::SEC_WEBSOCKET_VERSION, "13"));
        }
        if self.status == 408 {
            // What is still to come of the body is nobody's any more.
            answer.force_close();
        }
        let body = serde_json::to_string(self).expect("strings, numbers and JSON values always serialise");
        answer.content_type("application/problem+json").body(body)
    }
}

#[cfg(test)]
mod tests;
