//! What supervisors and scrapers ask: alive, ready, and from this machine without a key the metrics. Called by the routes; shows numbers
//! only.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, http::Method, web};
use serde_json::json;

use super::http::{
    error::Problem,
    route::{Route, Who},
};
use crate::{app::status::Overview, queries::status::Status};

/// How old what the metrics tell of projections may be.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);

/// The metrics, and when those of their numbers that have to be asked for were last asked for.
pub struct Scrapes {
    /// In Prometheus' text format.
    text: MetricsText,
    last: Mutex<Option<Instant>>,
}

/// Writes all metrics as Prometheus reads them.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

impl Scrapes {
    pub fn new(text: MetricsText) -> Self {
        Self { text, last: Mutex::default() }
    }

    fn is_due(&self) -> bool {
        let (mut last, now) = (self.last.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        let is_due = last.is_none_or(|last| now - last >= SCRAPE_EVERY);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

/// What every process serves, whatever its roles.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/health/live", || web::to(live), "Whether the process answers"),
        Route::new(Method::GET, "/health/ready", || web::to(ready), "Whether it can serve requests"),
        Route {
            who: Who::Local,
            ..Route::new(Method::GET, "/metrics", || web::to(metrics), "Metrics for Prometheus; from other machines with a key")
        },
    ]
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

async fn ready(overview: web::Data<Overview>) -> Result<HttpResponse, Problem> {
    overview.ready().await.map_err(|reason| Problem::new("health.not_ready", reason))?;
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}

async fn metrics(overview: web::Data<Overview>, scrapes: web::Data<Scrapes>) -> HttpResponse {
    // While the log or Postgres is away the last known numbers stand, and readiness says why. Nobody needs a key to come here, so what
    // has to be asked for is asked at most once a second, however many scrapers there are.
    if scrapes.is_due()
        && let Ok(status) = overview.figures().await
    {
        record(&status);
    }
    let totals = overview.cache_totals();
    metrics::gauge!("brain_cache_entries").set(totals.entries as f64);
    metrics::gauge!("brain_cache_bytes", "of" => "content").set(totals.content_bytes as f64);
    metrics::gauge!("brain_cache_bytes", "of" => "packed").set(totals.packed_bytes as f64);
    metrics::gauge!("brain_cache_bytes", "of" => "overhead").set(totals.overhead_bytes as f64);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body((scrapes.text)())
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
