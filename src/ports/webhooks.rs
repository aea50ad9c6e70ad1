//! What the fan-out to webhooks needs: the state of deliveries, a way out to the endpoints, and the key of the secrets.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use url::Url;

use super::QueryError;
use crate::domain::{
    ids::{EventId, Revision, SpaceId, StreamSeq, Timestamp, WebhookId},
    webhook::Webhook,
};

/// A webhook as it stands at a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookRecord {
    pub id: WebhookId,
    pub revision: Revision,
    pub webhook: Webhook,
}

/// A webhook as the dispatcher knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    pub space: SpaceId,
    pub id: WebhookId,
    pub webhook: Webhook,
    /// Position of its last event.
    pub ver: StreamSeq,
}

/// One public event on its way to one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub webhook: WebhookId,
    pub seq: StreamSeq,
    pub space: SpaceId,
    pub event_id: EventId,
    pub kind: String,
    pub aggregate: String,
    pub aggregate_id: String,
    /// Attempts made in all.
    pub attempts: u32,
    /// Attempts made since it last became pending.
    pub round: u32,
}

/// What became of one HTTP request.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    pub at: Timestamp,
    pub duration: Duration,
    pub status: Option<u16>,
    /// Class and text of what went wrong, such as `timeout`, `connect`, `blocked`, `status`.
    pub error: Option<(String, String)>,
    /// The beginning of what was answered.
    pub response_head: String,
}

/// What a delivery is after an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    Delivered,
    Failed,
    PendingUntil(Timestamp),
}

/// An attempt with what follows from it; written down as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub delivery: Delivery,
    pub attempt: Attempt,
    pub standing: Standing,
}

/// How an endpoint fares, as its lane sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Breaker {
    #[default]
    Closed,
    Open,
    HalfOpen,
}

impl Breaker {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What is kept of an endpoint beside its definition.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Condition {
    pub breaker: Breaker,
    /// Nothing is sent before.
    pub paused_until: Option<Timestamp>,
    pub failing_since: Option<Timestamp>,
}

/// What the dispatcher has found between two positions; written down as one, with the new position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dispatched {
    pub endpoints: Vec<Endpoint>,
    pub deliveries: Vec<Delivery>,
}

/// A wish to deliver what an endpoint has missed: events in (`at`, `upto`] that it never had a delivery of.
#[derive(Clone, Debug, PartialEq)]
pub struct Redelivery {
    pub webhook: WebhookId,
    pub space: SpaceId,
    pub at: StreamSeq,
    pub upto: StreamSeq,
}

/// Where the dispatcher of this epoch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatchClaim {
    pub epoch: i64,
    pub applied_seq: StreamSeq,
}

/// Which of the pending deliveries are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    pub now: Timestamp,
    /// On their way already.
    pub without: Vec<StreamSeq>,
    /// Only those before which nothing of the same aggregate is pending.
    pub ordered: bool,
    pub limit: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Another process dispatches.
    #[error("another process dispatches webhooks")]
    Owned,
    /// Another process has taken over: stop at once.
    #[error("the dispatcher's epoch is over")]
    Lost,
    #[error("the state of the deliveries is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The durable state of webhooks, for the one process that dispatches.
/// Errors of each method: `Unavailable` while Postgres is away; `Lost`, once another process has taken over, of all but the first;
/// `Owned` of the first.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Becomes the dispatcher, from where the one before left off; `start` where there was none ever.
    async fn claim(&self, start: StreamSeq) -> Result<DispatchClaim, DeliveryError>;
    async fn release(&self);
    /// Up to where nothing is pending any more.
    async fn settled(&self) -> Result<StreamSeq, DeliveryError>;
    async fn endpoints(&self) -> Result<Vec<(Endpoint, Condition)>, DeliveryError>;
    /// Writes what was found in (`from`, `upto`] and moves the position there, or does nothing. A delivery that exists is left as it is. An endpoint that cannot be held is told of and
    /// left out, so that it keeps nothing from the others.
    /// Errors: `Lost` when the position is not `from`, because another process dispatches or the store lost a commit.
    async fn dispatch(&self, epoch: i64, span: (StreamSeq, StreamSeq), found: &Dispatched) -> Result<(), DeliveryError>;
    /// Whether the position still is where this owner left it.
    async fn stands_at(&self, epoch: i64, position: StreamSeq) -> Result<bool, DeliveryError>;
    /// Pending deliveries of an endpoint that are due, oldest first.
    async fn due(&self, webhook: WebhookId, wanted: &Due) -> Result<Vec<Delivery>, DeliveryError>;
    /// When the next pending delivery becomes due that is not yet.
    async fn next_due(&self, webhook: WebhookId, now: Timestamp) -> Result<Option<Timestamp>, DeliveryError>;
    async fn record(&self, outcomes: &[Outcome]) -> Result<(), DeliveryError>;
    async fn set_condition(&self, webhook: WebhookId, condition: Condition) -> Result<(), DeliveryError>;
    /// Endpoints whose deliveries somebody else has changed since it was asked last.
    async fn nudged(&self) -> Result<Vec<WebhookId>, DeliveryError>;
    async fn redeliveries(&self) -> Result<Vec<Redelivery>, DeliveryError>;
    /// Writes down what was found for a redelivery up to `at`, and its end when that is all.
    async fn redeliver(&self, wish: &Redelivery, found: &[Delivery]) -> Result<(), DeliveryError>;
    /// Forgets finished deliveries and their attempts from before; answers how many.
    async fn prune(&self, before: Timestamp) -> Result<u64, DeliveryError>;
}

/// A delivery as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRecord {
    pub delivery: Delivery,
    pub state: String,
    pub due_at: Timestamp,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// Which deliveries a client wants to see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryQuery {
    pub state: Option<String>,
    pub kind: Option<String>,
    pub before: Option<StreamSeq>,
    pub limit: u32,
}

/// How an endpoint has fared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    pub condition: Condition,
    pub attempts: u64,
    pub succeeded: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub pending: u64,
    pub failed: u64,
    pub oldest_pending_at: Option<Timestamp>,
    pub redelivering: bool,
}

/// Webhooks and their deliveries as clients read and move them.
/// Errors of each method: `Unavailable` while Postgres is away, `Unreadable` where a row cannot be understood, `Parked` where what was
/// asked for has changes put aside.
#[async_trait]
pub trait WebhookReads: Send + Sync {
    async fn list(&self, space: &SpaceId, limit: u32, after: Option<WebhookId>) -> Result<Vec<WebhookRecord>, QueryError>;
    async fn get(&self, space: &SpaceId, id: WebhookId) -> Result<Option<WebhookRecord>, QueryError>;
    async fn deliveries(&self, space: &SpaceId, id: WebhookId, query: &DeliveryQuery) -> Result<Vec<DeliveryRecord>, QueryError>;
    async fn attempts(&self, space: &SpaceId, id: WebhookId, seq: StreamSeq) -> Result<Vec<Attempt>, QueryError>;
    async fn health(&self, space: &SpaceId, id: WebhookId, since: Timestamp) -> Result<Health, QueryError>;
    /// Makes one delivery pending again; `false` when there is none.
    async fn resend(&self, space: &SpaceId, id: WebhookId, seq: StreamSeq, now: Timestamp) -> Result<bool, QueryError>;
    /// Makes all failed deliveries of events since then pending again; answers how many.
    async fn recover(&self, space: &SpaceId, id: WebhookId, since: Timestamp, now: Timestamp) -> Result<u64, QueryError>;
    /// Asks for what was missed in (`after`, `upto`].
    async fn redeliver(&self, space: &SpaceId, id: WebhookId, after: StreamSeq, upto: StreamSeq) -> Result<(), QueryError>;
}

/// One HTTP request to an endpoint.
#[derive(Clone, Debug)]
pub struct Post {
    pub url: Url,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// For the whole request, answer included.
    pub timeout: Duration,
}

/// What an endpoint answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<String>,
    /// The beginning of the body, as text.
    pub head: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The address is one that nobody may be sent to.
    #[error("{0}")]
    Blocked(String),
    #[error("the endpoint did not answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    #[error("no connection: {0}")]
    Connect(String),
    #[error("the answer broke off: {0}")]
    Broken(String),
}

impl SendError {
    /// A word for the class, as attempts show it.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Blocked(_) => "blocked",
            Self::Timeout(_) => "timeout",
            Self::Connect(_) => "connect",
            Self::Broken(_) => "broken",
        }
    }
}

/// The way out. Never follows a redirect, never goes where [`HttpSender::admits`] says no.
/// Errors of each method: see [`SendError`].
#[async_trait]
pub trait HttpSender: Send + Sync {
    /// Whether the address may be sent to, as far as its text tells.
    fn admits(&self, url: &Url) -> Result<(), SendError>;
    async fn post(&self, post: Post) -> Result<Reply, SendError>;
}

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("there is no master key; set BRAIN_MASTER_KEY_FILE or BRAIN_MASTER_KEY to the one that all processes share")]
    NoKey,
    #[error("it was sealed under version {0} of the master key, which this process does not hold")]
    NoSuchVersion(u32),
    #[error("it was sealed under another master key or for another place")]
    Unsealable,
}

/// Seals what must not stand in the log as it is. The same text with the same associated data is sealed to the same words.
/// Errors of each method: `NoKey` without a master key; of opening, `Unsealable` under another key or other associated data,
/// `NoSuchVersion` under a version that is not held.
pub trait Vault: Send + Sync {
    /// `associated_data` is bound to the sealed text: it opens nowhere else.
    fn seal(&self, associated_data: &str, text: &[u8]) -> Result<String, VaultError>;
    fn unseal(&self, associated_data: &str, sealed: &str) -> Result<Vec<u8>, VaultError>;
    /// A key for one purpose, that follows from the master key and tells nothing of it.
    fn derive(&self, purpose: &str) -> Result<[u8; 32], VaultError>;
    /// The same from every version of the master key that is held, the newest first: what was made before a rotation is still known.
    fn derive_all(&self, purpose: &str) -> Result<Vec<[u8; 32]>, VaultError> {
        Ok(vec![self.derive(purpose)?])
    }
    /// A new ed25519 key: its seed and its public half.
    fn key_pair(&self) -> ([u8; 32], [u8; 32]);
    /// Random bytes for a new secret.
    fn random(&self, bytes: usize) -> Vec<u8>;
}

/// Sends one request to an endpoint on the spot, with nothing written down.
#[async_trait]
pub trait Prober: Send + Sync {
    /// `event` is an id and a body. Errors: in words, why the endpoint cannot be sent to at all.
    async fn probe(&self, space: &SpaceId, record: WebhookRecord, event: (&str, String)) -> Result<Attempt, String>;
}
