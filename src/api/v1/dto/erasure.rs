//! What erasures and their receipts look like on the wire. Called by the handlers and, for reading answers, by the command line.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    domain::erasure::{Receipt, Remain},
    ports::erasure::Erasure,
};

/// An erased memory, or one that has become sensitive. Every reader sees that at once; `state` says whether what was kept of it is destroyed as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErasureView {
    /// The memory's.
    pub id: Uuid,
    /// `pending` until there is a receipt, then `completed`.
    pub state: String,
    pub erased_at: DateTime<Utc>,
    /// Position of the event that erased it.
    pub position: u64,
    pub actor: Uuid,
    pub reason: Option<String>,
    /// Whether the memory lives on: it has become sensitive, and what its past says in the clear is destroyed.
    #[serde(default)]
    pub sealing: bool,
    pub receipt: Option<ReceiptView>,
}

/// What was destroyed, counted, and what could not be reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReceiptView {
    pub begun_at: DateTime<Utc>,
    pub completed_at: DateTime<Utc>,
    /// Relationships that were erased with the memory.
    pub relationships: u64,
    /// Older events of the memory and of these relationships, overwritten in the log.
    pub events: u64,
    /// Its vectors, overwritten likewise.
    pub vectors: u64,
    /// Requests to webhooks whose answers were kept and are emptied, and deliveries that were given up.
    pub attempts: u64,
    pub deliveries: u64,
    /// Tables of read models that were cleared of what rows had left.
    pub tables: u64,
    /// Where something of it may still lie, and until when.
    pub not_reached: Vec<RemainView>,
}

/// A place that could not be cleared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RemainView {
    /// A word for programs: `postgres_wal`.
    pub place: String,
    pub why: String,
}

/// A page of erasures, newest first; `next_before` is what to send as `before` for older ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErasurePage {
    pub erasures: Vec<ErasureView>,
    pub next_before: Option<u64>,
}

impl From<Erasure> for ErasureView {
    fn from(found: Erasure) -> Self {
        Self {
            id: found.memory.0,
            state: if found.receipt.is_some() { "completed" } else { "pending" }.to_owned(),
            erased_at: found.erased_at,
            position: found.position.0,
            actor: found.actor.0,
            reason: found.reason,
            sealing: found.is_sealing,
            receipt: found.receipt.map(Into::into),
        }
    }
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        let remain = |Remain { place, why }| RemainView { place, why };
        Self {
            begun_at: receipt.begun_at,
            completed_at: receipt.completed_at,
            relationships: receipt.relationships,
            events: receipt.events,
            vectors: receipt.vectors,
            attempts: receipt.attempts,
            deliveries: receipt.deliveries,
            tables: receipt.tables,
            not_reached: receipt.not_reached.into_iter().map(remain).collect(),
        }
    }
}
