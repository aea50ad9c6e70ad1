//! What an operator may do with projections. Implemented by `crate::replay`, asked by the use cases of operators.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::log::ReadError;
use crate::domain::ids::{StreamSeq, Timestamp};

/// The first row of which the read model and the log say different things.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Difference {
    pub table: String,
    /// The row's key as a JSON array.
    pub key: String,
    /// What the table says; null when the row is missing.
    pub found: Option<Value>,
    /// What the log says; null when there should be no such row.
    pub expected: Option<Value>,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Up to here rows and log were compared.
    pub position: StreamSeq,
    /// Rows that the log says there are.
    pub rows: u64,
    /// Of 64 per table.
    pub unequal_partitions: u64,
    pub difference: Option<Difference>,
    /// Events that are put aside: so many things the log says and the rows do not.
    pub parked: u64,
    /// Events that an operator has let go.
    pub skipped: u64,
}

impl Verified {
    /// Whether the rows say what the log says, but for what an operator has let go.
    pub fn is_equal(&self) -> bool {
        self.unequal_partitions == 0 && self.parked == 0
    }
}

/// What of the parked is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Everything of one aggregate.
    Aggregate { space: String, kind: String, id: String },
    /// One message by its position.
    Position(StreamSeq),
}

/// What came of trying it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// Events of the aggregate that are applied now.
    pub applied: usize,
    /// Events that could not be applied again.
    pub parked: usize,
}

/// An event that was put aside because it could not be applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParkedEvent {
    pub projection: String,
    pub version: u32,
    pub space: String,
    pub aggregate: String,
    /// Empty for a message that is no known event.
    pub id: String,
    pub seq: u64,
    pub error: String,
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub parked_at: Timestamp,
    /// When an operator let it go; absent while it stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub skipped_at: Option<Timestamp>,
    /// The event as it stands in the log; null for a message that is no known event.
    pub event: Option<Value>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no such projection; there are {}", known.join(", "))]
    Unknown { known: Vec<String> },
    #[error("version {version} is being filled already")]
    Busy { version: u32 },
    #[error("no earlier version is kept")]
    NothingRetired,
    #[error("no version is live yet")]
    NothingLive,
    #[error("the read models cannot be reached now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the log cannot be read")]
    Log(#[source] ReadError),
    #[error("it failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An operator's wishes. Projections are named as in `status`.
/// Errors of each method: see [`Error`]; nothing is begun where one is given.
#[async_trait]
pub trait Replay: Send + Sync {
    /// Begins to fill a new version beside the live one, which it replaces once it has caught up; answers its number.
    async fn rebuild(&self, projection: &str) -> Result<u32, Error>;
    /// Stops a rebuild, or brings the version back that was live before; answers the number that is or will be live.
    async fn rollback(&self, projection: &str) -> Result<u32, Error>;
    /// Compares all rows with the log.
    async fn verify(&self, projection: &str) -> Result<Verified, Error>;
    /// What is put aside, oldest first.
    async fn parked(&self, projection: Option<&str>) -> Result<Vec<ParkedEvent>, Error>;
    /// Makes the rows of the aggregate anew from the log, or applies the one message once more. Nothing is done when nothing is parked.
    async fn retry(&self, projection: &str, target: &Target) -> Result<Retried, Error>;
    /// Lets what is parked go: reads answer without it, and a verification does not count it; how many events that were.
    async fn skip(&self, projection: &str, target: &Target) -> Result<u64, Error>;
}
