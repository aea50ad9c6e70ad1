//! The headers that make a write conditional or repeatable, and the id in the path.
//!
//! Called by the handlers that write, and by those that show one thing with its revision. Never guesses: a header that does not parse is refused.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Bytes};
use uuid::Uuid;

use super::error::Problem;
use crate::{
    app::{WriteOptions, error::short},
    commands::IfMatch,
    domain::ids::{MemoryId, RelationshipId, Revision, StreamSeq, WebhookId},
};

const KEY_HEADER: &str = "Idempotency-Key";
/// Longest Idempotency-Key, in characters.
const KEY_CHARS_MAX: usize = 255;

/// How the request makes its write repeatable and conditional.
pub fn write_options(request: &HttpRequest) -> Result<WriteOptions, Problem> {
    Ok(WriteOptions { idempotency_key: idempotency_key(request)?.map(str::to_owned), if_match: if_match(request)? })
}

/// The client's own name for what it wants. Errors: `request.invalid_header`.
pub fn idempotency_key(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let Some(value) = request.headers().get(KEY_HEADER) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()));
    key.map(Some).ok_or_else(|| {
        let detail = format!("Idempotency-Key has 1 to {KEY_CHARS_MAX} visible ASCII characters");
        Problem::new("request.invalid_header", detail).at(KEY_HEADER, Some(KEY_CHARS_MAX.into()), Some(value.len().into()))
    })
}

/// The states that `If-Match` asks for (RFC 9110, section 13.1.1): `*`, or tags with commas, of which only strong ones of ours can match.
/// A bare number is taken for the tag that it means.
fn if_match(request: &HttpRequest) -> Result<Option<IfMatch>, Problem> {
    let lines: Vec<&[u8]> = request.headers().get_all(header::IF_MATCH).map(|value| value.as_bytes().trim_ascii()).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let read = if lines == [b"*"] { Some(IfMatch::Any) } else { tags(&lines.join(&b", "[..])).map(IfMatch::OneOf) };
    read.map(Some).ok_or_else(|| {
        let shown = short(&String::from_utf8_lossy(lines[0]));
        let detail = "If-Match is *, or tags with commas as ETag gives them";
        Problem::new("request.invalid_header", detail).at("If-Match", None, Some(shown.into()))
    })
}

/// The revisions that a list of entity tags names; `None` when it is no such list.
fn tags(mut text: &[u8]) -> Option<Vec<Revision>> {
    let (mut revisions, mut count) = (vec![], 0);
    loop {
        text = text.trim_ascii_start();
        match text {
            [] => return (count > 0).then_some(revisions),
            // A list may have empty places.
            [b',', rest @ ..] => {
                text = rest;
                continue;
            }
            _ => count += 1,
        }
        let (is_weak, rest) = text.strip_prefix(b"W/").map_or((false, text), |rest| (true, rest));
        let opaque = match rest.strip_prefix(b"\"") {
            Some(rest) => {
                let (tag, after) = rest.split_at(rest.iter().position(|byte| *byte == b'"')?);
                let is_tag = tag.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7E | 0x80..));
                text = &after[1..];
                is_tag.then_some(tag)?
            }
            None => {
                let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
                let number = &rest[..digits];
                text = &rest[digits..];
                (!is_weak && revision(number).is_some()).then_some(number)?
            }
        };
        revisions.extend(revision(opaque).filter(|_| !is_weak));
        if !matches!(text.trim_ascii_start(), [] | [b',', ..]) {
            return None;
        }
    }
}

/// Tags are compared letter by letter, so only what [`etag`] writes is one of ours.
fn revision(tag: &[u8]) -> Option<Revision> {
    let revision = Revision(std::str::from_utf8(tag).ok()?.parse().ok()?);
    (revision.to_string().as_bytes() == tag).then_some(revision)
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

/// The position that the path names.
pub fn position(text: &str) -> Result<StreamSeq, Problem> {
    let bad = || Problem::new("request.invalid_id", "position is no whole number").at("position", None, Some(short(text).into()));
    text.parse().map(StreamSeq).map_err(|_| bad())
}

/// An id in the path or the query.
pub fn uuid(field: &str, text: &str) -> Result<Uuid, Problem> {
    let bad = || Problem::new("request.invalid_id", format!("{field} is not a UUID")).at(field, None, Some(short(text).into()));
    Uuid::try_parse(text).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn if_match_is_read_as_http_says() {
        let read = |lines: &[&str]| {
            let request = lines.iter().fold(TestRequest::default(), |request, line| request.append_header(("If-Match", *line)));
            if_match(&request.to_http_request()).map_err(|problem| problem.code)
        };
        let of = |revisions: &[u64]| Ok(Some(IfMatch::OneOf(revisions.iter().copied().map(Revision).collect())));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(Some(IfMatch::Any)));
        for (lines, revisions) in [
            (&["\"1\""][..], &[1][..]),
            (&["7"], &[7]),
            (&["\"1\",\"2\" , \"3\""], &[1, 2, 3]),
            (&["\"1\"", "\"2\""], &[1, 2]),
            (&[", \"1\",,"], &[1]),
            (&["W/\"1\""], &[]),
            (&["W/\"1\", \"2\""], &[2]),
            (&["\"\"", "\"a,b\", \"01\", \"+1\", \"99999999999999999999\""], &[]),
        ] {
            assert_eq!(read(lines), of(revisions), "{lines:?}");
        }
        for rubbish in
            ["", ",", "one", "-1", "01", "\"1", "1\"", "*, \"1\"", "\"1\" \"2\"", "\"a b\"", "W/1", "99999999999999999999"]
        {
            assert_eq!(read(&[rubbish]), Err("request.invalid_header".to_owned()), "{rubbish}");
        }
    }
}
