//! The eraser: what an erased memory has left is destroyed in each place where it was kept, and a receipt says so. Started by wiring.
//!
//! A memory is erased by its event, for every reader at once; this is about bytes. The order is fixed, and each step may be done again, so
//! that a kill at any place costs nothing but time: the open erasures are those without a receipt.
//! 1. The ledger, which is no part of the log and so outlives a log that is put back from a copy.
//! 2. The data key of a sensitive memory, after which nothing that was sealed can be read, wherever it lies.
//! 3. Its relationships, each by an event of its own.
//! 4. The older events of all these in EVENTS, and its vectors in DERIVED, message by message.
//! 5. What webhooks' endpoints have answered.
//! 6. What is left of rows in the files of Postgres, once the projections have taken the rows away; and of documents in the keyword index.
//! 7. The receipt, unless a relationship has come meanwhile: whoever made it may have looked before the memory was erased.
//!
//! A memory that has become sensitive lives on; of it the fourth step and those after it destroy what its past says in the clear.
//!
//! It appends nothing itself: [`Hands`] are the write path's. Kept answers are ended by the event, like any.

mod worker;

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use self::worker::again;
use crate::{
    domain::{
        erasure::{Receipt, Remain},
        ids::{MemoryId, RelationshipId, SpaceId, StreamSeq},
    },
    ports::{
        Clock, EventLog, KeywordIndex, Positions,
        data_keys::DataKeys,
        erasure::{EraseError, Ledger, LogEraser, RowEraser},
    },
};

/// The write path, as far as the eraser needs it. Each may be called again.
#[async_trait]
pub trait Hands: Send + Sync {
    /// Erases a relationship; `None` when it is erased already. The position is that of its erasing event.
    async fn erase_relationship(&self, space: &SpaceId, id: RelationshipId) -> Result<Option<StreamSeq>, EraseError>;
    /// Erases a memory, if there is one; the position is that of its erasing event.
    async fn erase_memory(&self, space: &SpaceId, id: MemoryId) -> Result<Option<StreamSeq>, EraseError>;
    async fn complete(&self, space: &SpaceId, receipt: Receipt) -> Result<StreamSeq, EraseError>;
}

/// Everything that the eraser works with.
pub struct Parts {
    pub log: Arc<dyn EventLog>,
    pub messages: Arc<dyn LogEraser>,
    pub rows: Arc<dyn RowEraser>,
    /// Of this process, if it has one.
    pub keyword: Option<Arc<dyn KeywordIndex>>,
    pub positions: Arc<dyn Positions>,
    pub data_keys: Arc<dyn DataKeys>,
    pub ledger: Arc<dyn Ledger>,
    pub hands: Arc<dyn Hands>,
    pub clock: Arc<dyn Clock>,
    /// Of the embedder whose vectors are made now.
    pub model: String,
    /// What is out of reach of every erasure here.
    pub not_reached: Vec<Remain>,
}

/// Destroys until told to stop; outages are waited out.
pub async fn run(parts: Parts, stop: CancellationToken) {
    worker::run(&parts, stop).await;
}
