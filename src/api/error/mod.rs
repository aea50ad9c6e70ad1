//! The body of every refusal: RFC 9457 `application/problem+json`; its status comes from the one table.
//!
//! Called by every handler through `?`. Never shows a cause to the client: causes are logged here, once.

mod causes;
mod table;

use actix_web::{HttpResponse, ResponseError, http::StatusCode, http::header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use table::TABLE;

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

    pub(super) fn logged(self, cause: &(dyn std::error::Error + 'static)) -> Self {
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
        match self.status {
            503 if self.retryable => drop(answer.insert_header((header::RETRY_AFTER, "1"))),
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
