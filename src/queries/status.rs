//! How the whole stands: the log, the projections and the parts that run. Called by `GET /api/v1/status`; shows no content.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        access::Key,
        ids::{KeyId, SpaceId, StreamSeq, Timestamp},
    },
    ports::{DerivedLog, EventLog, Positions, ProjectionStatus, QueryError, SearchReads, log::ReadError},
};

/// A program or role that the product consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Part {
    pub name: String,
    pub version: String,
    /// A word for people: `running`, `starting`, `down`.
    pub state: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogView {
    /// Position of the newest event.
    pub last_seq: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProjectionView {
    pub name: String,
    pub version: u32,
    /// What the version is there for: `live` is shown, `filling` will be, `retired` was, `scratch` is of a verification.
    pub state: String,
    pub applied_seq: u64,
    /// The stream that feeds it, in whose positions `applied_seq` counts.
    pub stream: String,
    /// Events of that stream that are not applied yet; 0 for a retired version, which nobody follows.
    pub lag: u64,
    /// Seconds for which it has applied nothing while events wait; 0 when none do.
    pub lag_s: f64,
    /// How often it has changed its owner.
    pub epoch: u64,
    /// Aggregates that wait for an operator because their events could not be applied.
    pub parked: u64,
    /// Age of the oldest of these in seconds.
    pub parked_for_s: f64,
    /// Why it stands still until an operator helps; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Status {
    pub log: LogView,
    pub projections: Vec<ProjectionView>,
    /// Memories that wait for the embedder.
    pub embeddings_pending: u64,
    pub parts: Vec<Part>,
    /// Keys that open something now: of the caller's space, or for the instance's own space of all.
    #[serde(default)]
    pub keys: Vec<KeyView>,
}

/// A key that opens something; never its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyView {
    pub id: uuid::Uuid,
    pub label: String,
    pub space: String,
    pub scopes: Vec<String>,
    #[schema(value_type = String)]
    pub issued_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// Whether it is the one in credentials.json of the process that answers. One that stands in no file anybody knows of opens all the same.
    pub in_credentials_file: bool,
}

/// The keys that open something at `now`, of one space or of all.
pub fn living_keys(all: Vec<Arc<Key>>, now: Timestamp, space: Option<&SpaceId>, of_file: KeyId) -> Vec<KeyView> {
    let living = all.into_iter().filter(|key| key.is_valid_at(now) && space.is_none_or(|space| key.space == *space));
    let view = |key: Arc<Key>| KeyView {
        id: key.id.0,
        label: key.label.clone(),
        space: key.space.to_string(),
        scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        issued_at: key.issued_at,
        expires_at: key.expires_at,
        in_credentials_file: key.id == of_file,
    };
    living.map(view).collect()
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the end of the log cannot be learned")]
    Log(#[source] ReadError),
    #[error("the positions of the projections cannot be learned")]
    Positions(#[source] QueryError),
}

/// Collects the status.
pub async fn ask(
    log: &dyn EventLog,
    derived: &dyn DerivedLog,
    positions: &dyn Positions,
    search: &dyn SearchReads,
    parts: Vec<Part>,
) -> Result<Status, Error> {
    let (log, projections) = projections(log, derived, positions).await?;
    let embeddings_pending = search.embeddings_pending().await.map_err(Error::Positions)?;
    Ok(Status { log, projections, embeddings_pending, parts, keys: vec![] })
}

/// Where every version of every projection stands: cheap enough to ask many times a second.
/// The ends of the streams are read first, so that a lag is never too small by a race.
pub async fn projections(
    log: &dyn EventLog,
    derived: &dyn DerivedLog,
    positions: &dyn Positions,
) -> Result<(LogView, Vec<ProjectionView>), Error> {
    let StreamSeq(last_seq) = log.last_seq().await.map_err(Error::Log)?;
    let StreamSeq(derived_seq) = derived.last_seq().await.map_err(Error::Log)?;
    let view = |row: ProjectionStatus| {
        let end = if row.stream == "EVENTS" { last_seq } else { derived_seq };
        // Nobody is behind with what nobody follows.
        let lag = if row.state == "retired" { 0 } else { end.saturating_sub(row.applied_seq.0) };
        ProjectionView {
            lag,
            lag_s: if lag == 0 { 0.0 } else { row.applied_ago_s },
            epoch: row.epoch,
            parked_for_s: row.parked_for_s,
            name: row.name,
            version: row.version,
            state: row.state,
            stream: row.stream,
            applied_seq: row.applied_seq.0,
            parked: row.parked,
            stopped: row.stopped,
        }
    };
    let projections = positions.all().await.map_err(Error::Positions)?.into_iter().map(view).collect();
    Ok((LogView { last_seq }, projections))
}
