//! What the core needs from the world, as traits. Implemented in `adapters/`, handed out by `wiring`; no implementation here.

mod access;
pub mod cache;
pub mod data_keys;
pub mod delegations;
pub mod erasure;
mod feed;
mod graph;
mod history;
pub mod identity;
mod keyword;
pub mod log;
pub mod marks;
pub mod master_keys;
pub mod passkeys;
mod reads;
pub mod replay;
mod search;
mod selection;
pub mod sessions;
pub mod storage;
mod vector_index;
mod vectors;
pub mod webhooks;

pub use self::{
    access::AccessDirectory,
    feed::{Feed, Follow, Next, Recent},
    graph::{Direction, GraphReads, Hop, Node, RelationshipQuery, RelationshipRecord, Stats, Step},
    history::{HistoryReads, MemoryRevision},
    keyword::{
        KeywordChange, KeywordHits, KeywordIndex, KeywordText, KeywordWeights, PhraseWeight, Places, Statistics, WordPlace,
        WordWeight, Words,
    },
    log::{DerivedLog, EventAppender, EventLog, EventReader, FactAppender, Readable, VectorOf},
    reads::{CommandLog, ListQuery, MemoryReads, MemoryRecord, Positions, ProjectionStatus, QueryError},
    search::{Bound, EXACT_ROWS_MAX, End, Filter, Hit, Optional, SearchReads, Test, ValueTest},
    selection::{SelectionReads, Which},
    vector_index::{Holding, Neighbour, TextHash, VectorChange, VectorIndex, VectorSearch, VectorSource, Vectors},
    vectors::{Cosines, DIMENSIONS, EmbedError, Embedder, Reranker, TokenMatch, Urgency, unit},
};

use crate::domain::ids::{CommandId, Timestamp};

/// The time, so that tests can move it by hand.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// Fresh ids (UUID v7) for commands without an Idempotency-Key.
pub trait IdSource: Send + Sync {
    fn command_id(&self) -> CommandId;
}
