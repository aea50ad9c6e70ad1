//! What a client of the token endpoint is refused with: the words of RFC 6749 (5.2), RFC 8628 (3.5) and RFC 8707. Surfaces write them as they
//! are; no cause is shown.

use super::super::Error;

/// The names are those of the standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidScope,
    InvalidTarget,
    AccessDenied,
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    TemporarilyUnavailable,
    ServerError,
}

impl Fault {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", fault.as_str())]
pub struct Refusal {
    pub fault: Fault,
    /// A sentence for people.
    pub description: String,
}

impl Refusal {
    pub fn new(fault: Fault, description: impl Into<String>) -> Self {
        Self { fault, description: description.into() }
    }
}

/// What went wrong on our side was logged where it was made.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let fault = if error.retryable { Fault::TemporarilyUnavailable } else { Fault::ServerError };
        Self::new(fault, error.detail)
    }
}
