//! The statuses of refusals, and the codes that only HTTP has. Used by [`super::Problem`]; a changed line is a changed contract.

use crate::app::Kind;

/// (code, status, worth trying again as it is): what is wrong with a request before anybody looks at what it asks for.
pub const OF_HTTP: &[(&str, u16, bool)] = &[
    ("request.invalid_json", 400, false),
    ("request.unknown_field", 400, false),
    ("request.invalid_id", 400, false),
    ("request.invalid_query", 400, false),
    ("request.invalid_header", 400, false),
    ("request.number_not_exact", 400, false),
    ("request.unreadable", 400, true),
    ("request.too_large", 413, false),
    ("request.too_many_values", 413, false),
    ("request.timeout", 408, true),
    ("request.unsupported_encoding", 415, false),
    ("request.unsupported_media_type", 415, false),
    ("request.upgrade_required", 426, false),
    ("request.unknown_route", 404, false),
    ("request.wrong_method", 405, false),
    ("request.wrong_host", 421, false),
    ("request.too_many", 429, true),
    ("auth.too_many_failures", 429, true),
    ("live.bad_parameter", 400, false),
    ("live.origin_forbidden", 403, false),
    ("live.too_many_connections", 503, true),
    ("health.not_ready", 503, true),
];

/// The status of a kind of refusal.
pub fn status(kind: Kind) -> u16 {
    match kind {
        Kind::Invalid => 400,
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::NotFound => 404,
        Kind::Conflict => 409,
        Kind::Gone => 410,
        Kind::PreconditionFailed => 412,
        Kind::TooLarge => 413,
        Kind::Unprocessable => 422,
        Kind::Internal => 500,
        Kind::Unavailable => 503,
        Kind::NotYet => 504,
        Kind::NoRoom => 507,
    }
}
