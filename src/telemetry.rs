//! What brain tells of itself: the set-up of logs and metrics, and the list of every metric. Called by `brain up` and wiring;
//! never decides what is worth telling.

use std::{io::IsTerminal, sync::OnceLock, time::Duration};

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// How much is logged where no setting says it. `actix_http` calls each malformed request an error, so that anybody could fill the log;
/// what an operator needs of the server (no workers, no descriptors) is `actix_server`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Only what somebody should look at, and what is fetched: for those who started it by hand and want to work.
    Troubles,
    /// Each step as well: for services, whose log is looked at when something has gone wrong.
    Steps,
    Details,
}

impl Telling {
    fn filter(self) -> &'static str {
        match self {
            Self::Troubles => "warn,second_brain::fetching=info,actix_http=off",
            Self::Steps => "warn,second_brain=info,actix_http=off",
            Self::Details => "info,second_brain=debug,actix_http=off",
        }
    }
}

/// How often times are summed up.
const SUM_UP_EVERY: Duration = Duration::from_secs(5);

enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Every metric by name, with its meaning. A test finds one that is recorded and does not stand here.
const METRICS: &[(&str, Kind, &str)] = &[
    ("brain_log_last_seq", Kind::Gauge, "position of the newest event"),
    ("brain_projection_applied_seq", Kind::Gauge, "last position that the projection shows"),
    ("brain_projection_lag_events", Kind::Gauge, "events of the projection's stream that it does not show yet"),
    ("brain_projection_lag_seconds", Kind::Gauge, "how long a projection that is behind has applied nothing; 0 when it is not"),
    ("brain_projection_parked_aggregates", Kind::Gauge, "aggregates whose events could not be applied"),
    ("brain_projection_parked_seconds", Kind::Gauge, "age of the oldest parked event"),
    ("brain_projection_epoch", Kind::Gauge, "how often the projection has changed its owner"),
    ("brain_projection_stopped", Kind::Gauge, "1 while the projection needs an operator"),
    ("brain_projection_commit_seconds", Kind::Histogram, "time from a batch to its commit"),
    ("brain_projection_batch_rows", Kind::Histogram, "events of a batch"),
    (
        "brain_rows_unreadable",
        Kind::Counter,
        "rows of read models that did not say what they must and were left out of an answer",
    ),
    ("brain_projection_parked", Kind::Counter, "events put aside by this process"),
    ("brain_rows_unreadable", Kind::Counter, "rows of read models left out of an answer because they cannot be read"),
    ("brain_embedder_position", Kind::Gauge, "everything up to here has its vector"),
    ("brain_embedder_batch_seconds", Kind::Histogram, "time of the model for a batch of texts"),
    ("brain_erasures_completed", Kind::Counter, "erased memories of which this process has destroyed what was left"),
    ("brain_embedder_texts", Kind::Counter, "texts embedded by this process"),
    ("brain_model_bytes", Kind::Gauge, "memory of a model that is loaded, by kind; 0 when it is not"),
    ("brain_model_load_seconds", Kind::Histogram, "time until a model was loaded, by kind"),
    ("brain_embeddings_pending", Kind::Gauge, "memories that wait for their vector"),
    ("brain_cache_hits", Kind::Counter, "answers that were kept, by kind of question"),
    ("brain_cache_misses", Kind::Counter, "answers that had to be asked for"),
    ("brain_cache_collapsed", Kind::Counter, "answers that somebody else was just asking for"),
    ("brain_cache_bypasses", Kind::Counter, "answers while nothing is kept"),
    ("brain_cache_refused", Kind::Counter, "answers that were over before they could be kept, by cause"),
    ("brain_cache_invalidations", Kind::Counter, "kept answers that were ended, by cause"),
    ("brain_cache_changes_unknown", Kind::Counter, "changes that could not be held against kept answers one by one, by reason"),
    ("brain_cache_fill_seconds", Kind::Histogram, "time of asking for an answer"),
    ("brain_cache_audited", Kind::Counter, "kept answers that were asked for again"),
    ("brain_cache_stale", Kind::Counter, "of these, those that were not true any more: a bug"),
    ("brain_cache_entries", Kind::Gauge, "kept answers"),
    ("brain_cache_bytes", Kind::Gauge, "bytes of kept answers, of the same as they are held, and of what is held beside them"),
    ("brain_vectors_held", Kind::Gauge, "vectors that this process searches in its own memory"),
    ("brain_vectors_bytes", Kind::Gauge, "bytes of them, with what stands beside"),
    ("brain_vectors_spaces_left_out", Kind::Gauge, "spaces whose vectors have no room in memory, so that Postgres searches them"),
    ("brain_search_seconds", Kind::Histogram, "time of a search that nothing kept answers, by stage"),
    ("brain_queue_seconds", Kind::Histogram, "time in the queue before a question or a command, by what waits"),
    ("brain_overloaded", Kind::Counter, "requests refused because the queue was too long"),
    ("brain_storage_free_bytes", Kind::Gauge, "room on the disk of the data folder, without what is kept in reserve"),
    ("brain_webhooks_dispatched_seq", Kind::Gauge, "every endpoint has its deliveries of everything up to here"),
    ("brain_webhook_attempt_seconds", Kind::Histogram, "time of one request to an endpoint"),
    ("brain_webhook_attempts", Kind::Counter, "requests to endpoints, by what came of them"),
];

/// Logs to standard error as the filter says that somebody has set, with the place where, else as `telling` says. Once per process.
pub fn log_to_stderr(telling: Telling, set: Option<(String, String)>) {
    let parsed = set.as_ref().map(|(text, _)| EnvFilter::try_new(without_payloads(text)));
    let (filter, refused) = match parsed {
        Some(Ok(filter)) => (filter, None),
        Some(Err(cause)) => (EnvFilter::new(telling.filter()), Some(cause)),
        None => (EnvFilter::new(telling.filter()), None),
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter)
        // Whoever read standard error may have gone. That is told to nobody, and ends nothing.
        .log_internal_errors(false)
        .init();
    if let (Some((text, origin)), Some(cause)) = (set, refused) {
        tracing::warn!(origin, text, %cause, "this is no filter of logs and is passed over");
    }
}

/// The filter, without what the NATS client says at its lowest level: every message that it sends or gets, and so every memory. Whoever
/// names `async_nats` wants to see them.
fn without_payloads(filter: &str) -> String {
    let says_all = filter.split(',').any(|part| part.trim().eq_ignore_ascii_case("trace"));
    if says_all && !filter.contains("async_nats") { format!("{filter},async_nats=debug") } else { filter.to_owned() }
}

/// Renders the process's metrics in Prometheus' text format.
pub fn metrics() -> impl Fn() -> String + Send + Sync + 'static {
    let handle = recorder();
    move || handle.render()
}

/// Sums up what histograms were told, until told to stop: otherwise every single time stays in memory until somebody reads the metrics.
pub async fn sum_up(stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(SUM_UP_EVERY)).await.is_some() {
        recorder().run_upkeep();
    }
}

/// One recorder, however many brains a process holds.
fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // Another recorder can only have been set by the program that embeds us; ours then stays empty.
    let _ = metrics::set_global_recorder(recorder);
    for (name, kind, meaning) in METRICS {
        match kind {
            Kind::Counter => describe_counter!(*name, *meaning),
            Kind::Gauge => describe_gauge!(*name, *meaning),
            Kind::Histogram => describe_histogram!(*name, *meaning),
        }
    }
    handle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_logged_only_for_who_asks_for_them() {
        for (given, used) in [
            ("trace", "trace,async_nats=debug"),
            ("warn, TRACE", "warn, TRACE,async_nats=debug"),
            ("debug", "debug"),
            ("second_brain=trace", "second_brain=trace"),
            ("trace,async_nats=trace", "trace,async_nats=trace"),
        ] {
            assert_eq!(without_payloads(given), used);
        }
    }
}
