//! What supervisors and scrapers ask without a key: alive, ready, metrics. Called by the routes; shows numbers only.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, web};
use serde_json::json;
use tokio::time::timeout;

use super::{ApiState, error::Problem};
use crate::queries::status::Status;

/// How long a part may take to answer before it counts as away.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// How old what the metrics tell of projections may be.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);

/// When the numbers of the metrics were last asked for.
#[derive(Default)]
pub struct Scrapes(Mutex<Option<Instant>>);

impl Scrapes {
    fn is_due(&self) -> bool {
        let (mut last, now) = (self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        let is_due = last.is_none_or(|last| now - last >= SCRAPE_EVERY);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

pub async fn ready(state: web::Data<ApiState>) -> Result<HttpResponse, Problem> {
    let not_ready = |reason: String| Problem::new("health.not_ready", reason);
    (state.ready)().map_err(not_ready)?;
    let (log, positions) = tokio::join!(timeout(ANSWER_WAIT, state.log.last_seq()), timeout(ANSWER_WAIT, state.positions.all()));
    if !matches!(log, Ok(Ok(_))) {
        return Err(not_ready("nats does not answer: writes are refused until it does".into()));
    }
    if !matches!(positions, Ok(Ok(_))) {
        return Err(not_ready("postgres does not answer: writes are accepted, reads are refused until it does".into()));
    }
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}

pub async fn metrics(state: web::Data<ApiState>, scrapes: web::Data<Scrapes>) -> HttpResponse {
    // While the log or Postgres is away the last known numbers stand, and readiness says why. Nobody needs a key to come here, so what
    // has to be asked for is asked at most once a second, however many scrapers there are.
    if scrapes.is_due()
        && let Ok(status) = super::status::of(&state).await
    {
        record(&status);
    }
    let totals = state.caches.store.totals();
    metrics::gauge!("brain_cache_entries").set(totals.entries as f64);
    metrics::gauge!("brain_cache_bytes", "of" => "content").set(totals.content_bytes as f64);
    metrics::gauge!("brain_cache_bytes", "of" => "packed").set(totals.packed_bytes as f64);
    metrics::gauge!("brain_cache_bytes", "of" => "overhead").set(totals.overhead_bytes as f64);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body((state.metrics)())
}

/// What is only known by asking, as gauges.
fn record(status: &Status) {
    metrics::gauge!("brain_log_last_seq").set(status.log.last_seq as f64);
    metrics::gauge!("brain_embeddings_pending").set(status.embeddings_pending as f64);
    for row in &status.projections {
        let labels = [("projection", row.name.clone()), ("version", row.version.to_string())];
        metrics::gauge!("brain_projection_lag_events", &labels).set(row.lag as f64);
        metrics::gauge!("brain_projection_lag_seconds", &labels).set(row.lag_s);
        metrics::gauge!("brain_projection_epoch", &labels).set(row.epoch as f64);
        metrics::gauge!("brain_projection_parked_aggregates", &labels).set(row.parked as f64);
        metrics::gauge!("brain_projection_parked_seconds", &labels).set(row.parked_for_s);
    }
}
