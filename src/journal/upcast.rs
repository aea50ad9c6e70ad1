//! Old events become new ones here, one total function per (type, version). Called by the codec on every read; never writes.
//!
//! To change a stored shape, add the new struct to `events/`, raise the version in [`KNOWN`], and add a step to [`lift`]; the frozen
//! examples prove that old bytes still read. Keys are at version 2, of which every key of version 1 is one.

use super::envelope::Envelope;

/// Every event that may stand in the log or among the derived facts, with the newest version of its data.
pub const KNOWN: [(&str, u16); 20] = [
    ("memory.created", 1),
    ("memory.updated", 1),
    ("memory.deleted", 1),
    ("memory.restored", 1),
    ("relationship.created", 1),
    ("relationship.updated", 1),
    ("relationship.deleted", 1),
    ("webhook.registered", 1),
    ("webhook.updated", 1),
    ("webhook.enabled", 1),
    ("webhook.disabled", 1),
    ("webhook.secret_rotated", 1),
    ("webhook.secret_revoked", 1),
    ("webhook.deleted", 1),
    ("space.created", 1),
    ("key.issued", 2),
    ("key.revoked", 2),
    ("embedding.computed", 1),
    ("embedder.advanced", 1),
    ("dispatcher.settled", 1),
];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("event type {0:?} is not known to this version of brain")]
    UnknownType(String),
    #[error("event {kind} has version {found}; this version of brain knows up to {known}")]
    TooNew { kind: String, found: u16, known: u16 },
}

/// The newest version of an event type.
pub fn newest(kind: &str) -> Option<u16> {
    KNOWN.iter().find(|(known, _)| *known == kind).map(|(_, version)| *version)
}

/// Lifts an event to the newest version of its type.
pub fn lift(event: Envelope) -> Result<Envelope, Error> {
    let known = newest(&event.kind).ok_or_else(|| Error::UnknownType(event.kind.clone()))?;
    if event.version > known {
        return Err(Error::TooNew { kind: event.kind, found: event.version, known });
    }
    Ok(Envelope { version: known, ..event })
}
