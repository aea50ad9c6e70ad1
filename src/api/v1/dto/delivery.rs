//! What deliveries, their attempts and an endpoint's health look like on the wire. Called by the handlers and, for reading answers, by the
//! command line.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::webhooks::Standing,
    ports::webhooks::{Attempt, DeliveryRecord},
};

/// One event on its way to the endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryView {
    /// Position of the event.
    pub position: u64,
    /// The `webhook-id` of every attempt.
    pub event_id: Uuid,
    #[serde(rename = "type")]
    pub kind: String,
    /// `memory/<id>`.
    pub subject: String,
    /// pending, delivered, failed or discarded.
    pub state: String,
    pub attempts: u32,
    /// When it is tried next, while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<DeliveryRecord> for DeliveryView {
    fn from(record: DeliveryRecord) -> Self {
        let DeliveryRecord { delivery, state, due_at, created_at, finished_at } = record;
        Self {
            position: delivery.seq.0,
            event_id: delivery.event_id.0,
            kind: delivery.kind,
            subject: format!("{}/{}", delivery.aggregate, delivery.aggregate_id),
            due_at: (state == "pending").then_some(due_at),
            state,
            attempts: delivery.attempts,
            created_at,
            finished_at,
        }
    }
}

/// A page of deliveries, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryPage {
    pub deliveries: Vec<DeliveryView>,
    /// Where to go on, as `before`.
    pub next_before: Option<u64>,
}

/// One HTTP request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttemptView {
    /// From 1.
    pub number: u32,
    pub at: DateTime<Utc>,
    pub duration_ms: f64,
    /// Absent when there was no answer.
    pub status: Option<u16>,
    /// Class of what went wrong: blocked, timeout, connect, broken, redirect, status, erased.
    pub error: Option<String>,
    pub detail: Option<String>,
    /// The first 512 characters of the answer.
    pub response_head: String,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let Attempt { number, at, duration, status, error, response_head } = attempt;
        let (error, detail) = error.unzip();
        Self { number, at, duration_ms: duration.as_secs_f64() * 1_000.0, status, error, detail, response_head }
    }
}

/// A delivery with every attempt at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryAnswer {
    pub delivery: DeliveryView,
    pub attempts: Vec<AttemptView>,
}

/// Since when failed deliveries are to be tried again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecoverInput {
    #[schema(required = true)]
    pub since: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecoverAnswer {
    /// Deliveries that are pending again.
    pub recovered: u64,
}

/// From which position on missed events are to be delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedeliverInput {
    #[schema(required = true)]
    pub after: Option<u64>,
}

/// Events in (`after`, `upto`] that the endpoint never had are being looked for; its health says when that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RedeliverAnswer {
    pub after: u64,
    pub upto: u64,
}

/// How an endpoint has fared in the last 24 hours, and what waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HealthAnswer {
    pub active: bool,
    /// closed, open or half_open.
    pub breaker: String,
    /// Nothing is sent before.
    pub paused_until: Option<DateTime<Utc>>,
    pub failing_since: Option<DateTime<Utc>>,
    pub attempts: u64,
    /// 0 to 1; absent without attempts.
    pub success_rate: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub pending: u64,
    pub failed: u64,
    /// Age of the oldest pending delivery in seconds.
    pub backlog_s: f64,
    /// Missed events are being looked for.
    pub redelivering: bool,
}

impl From<Standing> for HealthAnswer {
    fn from(standing: Standing) -> Self {
        let Standing { is_active, health, at } = standing;
        let age = health.oldest_pending_at.map(|since| (at - since).as_seconds_f64().max(0.0));
        Self {
            active: is_active,
            breaker: health.condition.breaker.as_str().to_owned(),
            paused_until: health.condition.paused_until,
            failing_since: health.condition.failing_since,
            attempts: health.attempts,
            success_rate: (health.attempts > 0).then(|| health.succeeded as f64 / health.attempts as f64),
            p50_ms: health.p50_ms,
            p95_ms: health.p95_ms,
            pending: health.pending,
            failed: health.failed,
            backlog_s: age.unwrap_or(0.0),
            redelivering: health.redelivering,
        }
    }
}
