//! The headers that make a write conditional or repeatable, and the id in the path.
//!
//! Called by the handlers of memories. Never guesses: a header that does not parse is refused.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Bytes};
use uuid::Uuid;

use super::{auth::Identity, body::short, error::Problem};
use crate::{
    commands,
    domain::ids::{CommandId, MemoryId, RelationshipId, Revision, WebhookId},
    ports::IdSource,
};

const KEY_HEADER: &str = "Idempotency-Key";
/// Longest Idempotency-Key, in characters.
const KEY_CHARS_MAX: usize = 255;

/// The command's identity: made here, or derived from an Idempotency-Key that may have come before.
pub fn command(request: &HttpRequest, identity: &Identity, ids: &dyn IdSource) -> Result<commands::Identity, Problem> {
    let Some(value) = request.headers().get(KEY_HEADER) else {
        return Ok(commands::Identity { seed: ids.command_id(), fresh: true });
    };
    let key = value.to_str().ok().filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| {
        let detail = format!("Idempotency-Key has 1 to {KEY_CHARS_MAX} visible ASCII characters");
        Problem::new("request.invalid_header", detail).at(KEY_HEADER, Some(KEY_CHARS_MAX.into()), Some(value.len().into()))
    })?;
    let seed = CommandId::keyed(&identity.0.space, identity.0.principal, key);
    Ok(commands::Identity { seed, fresh: false })
}

/// The revision that `If-Match` asks for, with or without quotes.
pub fn if_match(request: &HttpRequest) -> Result<Option<Revision>, Problem> {
    let Some(value) = request.headers().get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    bare.parse().map(|revision| Some(Revision(revision))).map_err(|_| {
        Problem::new("request.invalid_header", "If-Match is one revision, as the ETag gives it").at(
            "If-Match",
            None,
            Some(short(text).into()),
        )
    })
}

pub fn etag(revision: Revision) -> String {
    format!("\"{revision}\"")
}

/// Whether `If-None-Match` names this revision, so that the client has it already.
fn is_known(request: &HttpRequest, revision: Revision) -> bool {
    let values = request.headers().get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let tag = etag(revision);
    values.flat_map(|value| value.split(',')).map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// The JSON of a view, with the ETag of its revision if it has one; 304 without a body when the client has that already.
pub fn unless_known(
    request: &HttpRequest,
    revision: Option<Revision>,
    json: impl FnOnce() -> Result<Bytes, Problem>,
) -> Result<HttpResponse, Problem> {
    let is_known = revision.is_some_and(|revision| is_known(request, revision));
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    if let Some(revision) = revision {
        answer.insert_header((header::ETAG, etag(revision)));
    }
    Ok(if is_known { answer.finish() } else { answer.content_type("application/json").body(json()?) })
}

/// The memory that the path names.
pub fn memory_id(text: &str) -> Result<MemoryId, Problem> {
    uuid("id", text).map(MemoryId)
}

/// The relationship that the path names.
pub fn relationship_id(text: &str) -> Result<RelationshipId, Problem> {
    uuid("id", text).map(RelationshipId)
}

/// The webhook that the path names.
pub fn webhook_id(text: &str) -> Result<WebhookId, Problem> {
    uuid("id", text).map(WebhookId)
}

/// An id in the path or the query.
pub fn uuid(field: &str, text: &str) -> Result<Uuid, Problem> {
    let bad = || Problem::new("request.invalid_id", format!("{field} is not a UUID")).at(field, None, Some(short(text).into()));
    Uuid::try_parse(text).map_err(|_| bad())
}
