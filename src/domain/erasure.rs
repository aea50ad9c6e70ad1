//! The aggregate `erasure`: the receipt for what was destroyed when a memory was erased. Its id is the memory's.
//!
//! Called by the write path for the worker that destroys; knows no content. The wish itself is the memory's event.

use serde::{Deserialize, Serialize};

use super::{
    decider::Decider,
    ids::{MemoryId, StreamSeq, Timestamp},
    violation::Violation,
};

/// Longest reason that may be given for an erasure, in characters.
pub const REASON_CHARS_MAX: usize = 200;
/// Most places of one aggregate that its erasing event lists, the newest first to be kept: more would not fit into a message.
pub const TRACES_MAX: usize = 8_000;

/// Where an event stood that is to be destroyed, and when it happened: the log's clock goes on without its text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Trace {
    pub position: StreamSeq,
    pub at: Timestamp,
}

/// A place that an erasure cannot clear, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Remain {
    /// A word for programs: `postgres_wal`.
    pub place: String,
    /// A sentence for people.
    pub why: String,
}

/// What was destroyed, counted, and what could not be reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    pub memory: MemoryId,
    /// Of the event that erased it.
    pub erased_position: StreamSeq,
    pub begun_at: Timestamp,
    pub completed_at: Timestamp,
    /// Relationships that were erased with it.
    pub relationships: u64,
    /// Messages that were overwritten: older events of the memory and its relationships, and vectors.
    pub events: u64,
    pub vectors: u64,
    /// Requests of webhooks whose answers were kept, and deliveries that will not be made any more.
    pub attempts: u64,
    pub deliveries: u64,
    /// Tables of the read models that were cleared.
    pub tables: u64,
    pub not_reached: Vec<Remain>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Completed(pub Receipt);

/// Receipts: one per memory, for ever.
pub struct ErasureDecider;

impl Decider for ErasureDecider {
    type Command = Receipt;
    type Event = Completed;
    type State = Option<Receipt>;
    type Rejection = std::convert::Infallible;

    fn decide(command: Receipt, state: &Option<Receipt>) -> Result<Vec<Completed>, Self::Rejection> {
        Ok(match state {
            // A log that was put back and erased again has another place to tell of.
            Some(known) if known.erased_position == command.erased_position => vec![],
            _ => vec![Completed(command)],
        })
    }

    fn evolve(_: Option<Receipt>, event: &Completed) -> Option<Receipt> {
        Some(event.0.clone())
    }
}

/// The reason without what surrounds it; `None` when nothing is left.
/// Errors: it is longer than [`REASON_CHARS_MAX`], or holds U+0000.
pub fn reason(given: Option<String>) -> Result<Option<String>, Violation> {
    let Some(reason) = given.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty()) else { return Ok(None) };
    let chars = reason.chars().count();
    if chars > REASON_CHARS_MAX {
        let detail = format!("a reason has at most {REASON_CHARS_MAX} characters, this one has {chars}");
        return Err(Violation::new("erasure.reason_too_long", "reason", detail).limit(REASON_CHARS_MAX).value(chars));
    }
    if reason.contains('\0') {
        return Err(Violation::new("memory.nul_character", "reason", "a reason cannot hold the character U+0000"));
    }
    Ok(Some(reason))
}

/// What an erasing event lists of an aggregate's past: the newest [`TRACES_MAX`] places.
pub fn traces(mut all: Vec<Trace>) -> Vec<Trace> {
    all.drain(..all.len().saturating_sub(TRACES_MAX));
    all
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::decider::kit::given;

    #[test]
    fn a_memory_has_one_receipt_per_erasing_event() {
        let receipt = |position| Receipt {
            memory: MemoryId(Uuid::nil()),
            erased_position: StreamSeq(position),
            begun_at: DateTime::UNIX_EPOCH,
            completed_at: DateTime::UNIX_EPOCH,
            relationships: 0,
            events: 1,
            vectors: 1,
            attempts: 0,
            deliveries: 0,
            tables: 9,
            not_reached: vec![],
        };
        given::<ErasureDecider>([]).when(receipt(3)).then([Completed(receipt(3))]);
        given::<ErasureDecider>([Completed(receipt(3))]).when(receipt(3)).then([]);
        given::<ErasureDecider>([Completed(receipt(3))]).when(receipt(9)).then([Completed(receipt(9))]);
    }

    #[test]
    fn a_reason_is_short_or_none() {
        assert_eq!(reason(Some("  ".into())), Ok(None));
        assert_eq!(reason(Some(" asked ".into())), Ok(Some("asked".into())));
        assert_eq!(reason(Some("x".repeat(REASON_CHARS_MAX + 1))).unwrap_err().code, "erasure.reason_too_long");
        assert!(reason(Some("a\0b".into())).is_err());
    }
}
