//! Old events become new ones here, one total function per (type, version). Called by the codec on every read; never writes.
//!
//! To change a stored shape, add the new struct to `events/`, raise the version in [`super::catalog`], and add a step to [`lift`]; the frozen
//! examples prove that old bytes still read. Keys are at version 3; every key of version 1 is one of version 2.

use serde_json::Value;

use super::{
    catalog::{self, KEY, MEMORY, PRINCIPAL, RELATIONSHIP, SPACE, WEBHOOK},
    envelope::Envelope,
};
use crate::domain::{ids::Timestamp, limits};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("event type {0:?} is not known to this version of brain")]
    UnknownType(String),
    #[error("event {kind} has version {found}; this version of brain knows up to {known}")]
    TooNew { kind: String, found: u16, known: u16 },
}

/// The newest version of an event type.
pub fn newest(kind: &str) -> Option<u16> {
    catalog::find(kind).filter(|event| event.is_stored()).map(|event| event.version)
}

/// Lifts an event to the newest version of its type.
pub fn lift(event: Envelope) -> Result<Envelope, Error> {
    let known = newest(&event.kind).ok_or_else(|| Error::UnknownType(event.kind.clone()))?;
    if event.version > known {
        return Err(Error::TooNew { kind: event.kind, found: event.version, known });
    }
    let event = match (event.aggregate.as_str(), event.version) {
        (MEMORY, 1) if known > 1 => not_sensitive(with_no_title(event)),
        (MEMORY, 2) => not_sensitive(event),
        (SPACE, 1) => not_sensitive(with_no_members(event)),
        (SPACE, 2) => not_sensitive(event),
        (PRINCIPAL, 1) => with_no_passkeys(event),
        (KEY, 1 | 2) => with_scopes_told_apart(event),
        _ => event,
    };
    let at = limits::time(event.at).unwrap_or_else(|nearest| nearest);
    Ok(storable(Envelope { version: known, at, ..event }))
}

/// Memories had no title in version 1. One is not guessed from their metadata: their vectors stand for the content alone.
fn with_no_title(mut event: Envelope) -> Envelope {
    if let Some(memory) = event.data.as_object_mut() {
        memory.insert("title".into(), Value::Null);
    }
    event
}

/// Nothing was sensitive until version 2 of memories and of spaces, whatever a memory's metadata say.
fn not_sensitive(mut event: Envelope) -> Envelope {
    if let Some(it) = event.data.as_object_mut() {
        it.insert("sensitive".into(), false.into());
    }
    event
}

/// Spaces had neither name nor members in version 1; whoever had a key to one becomes a member when their brain starts.
fn with_no_members(mut event: Envelope) -> Envelope {
    if let Some(space) = event.data.as_object_mut() {
        let name = space.get("id").cloned().unwrap_or_default();
        space.insert("name".into(), name);
        space.insert("grants".into(), Value::Array(vec![]));
    }
    event
}

/// Principals had no passkeys in version 1, and nobody noted whether their provider vouched for the address.
fn with_no_passkeys(mut event: Envelope) -> Envelope {
    if let Some(principal) = event.data.as_object_mut() {
        principal.insert("passkeys".into(), Value::Array(vec![]));
        principal.insert("email_verified".into(), Value::Bool(false));
    }
    event
}

/// Until version 2 those who might read and write memories might do so with relationships, and those who might set times operated the
/// instance. A key keeps what it could do.
fn with_scopes_told_apart(mut event: Envelope) -> Envelope {
    const IMPLIED: [(&str, &[&str]); 3] = [
        ("memory:read", &["graph:read"]),
        ("memory:write", &["graph:write"]),
        ("memory:import", &["replay:admin", "audit:read", "space:admin", "task:run"]),
    ];
    let Some(key) = event.data.as_object_mut() else { return event };
    if let Some(Value::Array(scopes)) = key.get_mut("scopes") {
        for (scope, implied) in IMPLIED {
            if scopes.iter().any(|known| known == scope) {
                scopes.extend(implied.iter().map(|scope| Value::from(*scope)));
            }
        }
    }
    for (field, value) in [("prefix", Value::from("")), ("rotated_at", Value::Null), ("old_secret", Value::Null)] {
        key.insert(field.into(), value);
    }
    event
}

/// The event with nothing in it that a read model cannot hold.
///
/// Decision 2026-11-27: the first release let times outside the years 1 to 9999 into the log, and U+0000 into the address of a webhook.
/// They are read as the nearest time that can be held, and as U+FFFD, so that such a log can be replayed and such an aggregate
/// changed; the log itself keeps what was said.
fn storable(mut event: Envelope) -> Envelope {
    match event.aggregate.as_str() {
        MEMORY | RELATIONSHIP => {
            for field in ["occurred_at", "created_at", "updated_at", "deleted_at", "erased_at"] {
                if let Some(Value::String(text)) = event.data.get_mut(field) {
                    hold_time(text);
                }
            }
        }
        WEBHOOK => {
            if let Some(Value::String(url)) =
                event.data.get_mut("url").filter(|url| url.as_str().is_some_and(|url| url.contains('\0')))
            {
                *url = url.replace('\0', "\u{fffd}");
            }
        }
        _ => {}
    }
    event
}

/// Times are stored in UTC; four digits of which one is not 0 are a year that can be held.
fn hold_time(text: &mut String) {
    let year = text.as_bytes().get(..5).unwrap_or_default();
    let is_held = year.ends_with(b"-") && year[..4].iter().all(u8::is_ascii_digit) && year != b"0000-";
    if !is_held
        && let Ok(at) = text.parse::<Timestamp>()
        && let Err(nearest) = limits::time(at)
    {
        *text = nearest.to_rfc3339();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_no_row_holds_are_read_as_the_nearest_one() {
        for (stored, read) in [
            ("2026-11-27T10:00:00.5Z", "2026-11-27T10:00:00.5Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("0000-12-24T00:00:00Z", "0001-01-01T00:00:00+00:00"),
            ("-0300-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
            ("+10000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+00:00"),
            ("", ""),
            ("yesterday", "yesterday"),
        ] {
            let mut text = stored.to_owned();
            hold_time(&mut text);
            assert_eq!(text, read, "{stored}");
        }
    }
}
