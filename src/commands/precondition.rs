//! What a client says the aggregate must be for its command to be carried out: `If-Match` (RFC 9110, section 13.1.1). Built by the API,
//! looked at by the write path with the aggregate's newest event in hand.

use std::fmt;

use crate::{domain::ids::Revision, journal::Recorded};

/// The states in which a command is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum IfMatch {
    /// `*`: whatever it is, as long as a read would show it.
    Any,
    /// As [`IfMatch::Any`], for commands that are about deleted things: bringing one back, taking a deletion back.
    AnyOrDeleted,
    /// At one of these revisions. Without any, it is never wanted: the client named states that this server never had.
    OneOf(Vec<Revision>),
}

impl IfMatch {
    /// The same wish where the command is about deleted things.
    pub fn or_deleted(self) -> Self {
        if self == Self::Any { Self::AnyOrDeleted } else { self }
    }

    /// Whether the aggregate, by its newest event, is in a wanted state.
    pub fn admits(&self, newest: Option<&Recorded>) -> bool {
        let Some(Recorded { event, .. }) = newest else { return false };
        match self {
            // Every aggregate that can be deleted says so by an event of this name.
            Self::Any => !matches!(event.kind.strip_prefix(event.aggregate.as_str()), Some(".deleted" | ".erased")),
            Self::AnyOrDeleted => true,
            Self::OneOf(revisions) => revisions.contains(&event.revision),
        }
    }

    /// Whether it says which state it was that the client has seen.
    pub fn names_a_state(&self) -> bool {
        matches!(self, Self::OneOf(_))
    }
}

impl fmt::Display for IfMatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any | Self::AnyOrDeleted => out.write_str("any that there is"),
            Self::OneOf(revisions) if revisions.is_empty() => out.write_str("one that this server never had"),
            Self::OneOf(revisions) => out.write_str(&revisions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")),
        }
    }
}
