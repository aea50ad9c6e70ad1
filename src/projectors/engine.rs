//! The loop of one projection: claim, read from the checkpoint, batch, apply, again. Started by `wiring`, one task each.
//! Never writes outside its store and never causes an effect, so the same log may be read any number of times.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    batch::{self, Batch},
    definition::Definition,
    mend,
    store::{self, Claim, Store},
};
use crate::{
    causes::chain,
    domain::ids::StreamSeq,
    ports::{EventReader, log::ReadError},
    retry::Backoff,
};

const PAUSE_MS_MAX: u64 = 2_000;
/// Most aggregates that are tried once more when a projection is taken over.
const MENDED_MAX: u32 = 10_000;
/// Up to this many rows a batch may wait for more, see [`Definition::linger_ms`].
const SMALL_BATCH_ROWS: usize = 64;

/// Called after each commit of a live version with the position that is now visible. Must not block.
pub type OnApplied = Arc<dyn Fn(StreamSeq) + Send + Sync>;

/// How far an engine has come, and a way to have it look again.
#[derive(Default)]
pub struct Progress {
    committed: AtomicU64,
    again: Notify,
}

impl Progress {
    /// The last position that it has committed.
    pub fn committed(&self) -> StreamSeq {
        StreamSeq(self.committed.load(Ordering::SeqCst))
    }

    /// Has it begin again from where the store says that it is: the store has lost a commit.
    pub fn look_again(&self) {
        self.committed.store(0, Ordering::SeqCst);
        self.again.notify_one();
    }

    fn note(&self, seq: StreamSeq) {
        self.committed.store(seq.0, Ordering::SeqCst);
    }
}

/// The projection stands still until an operator helps; readiness must show it.
#[derive(Debug, thiserror::Error)]
#[error("the projection {projection} has stopped")]
pub struct Stopped {
    pub projection: String,
    #[source]
    pub cause: store::Error,
}

/// Why one round from claim to failure ended.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("the projection cannot be stored")]
    Store(#[source] store::Error),
    #[error("the log cannot be read")]
    Log(#[source] ReadError),
    #[error("the log's reader ended")]
    FeedEnded,
    #[error("the store has come back without the last commits")]
    Regressed,
}

impl From<mend::Error> for Interrupted {
    fn from(error: mend::Error) -> Self {
        match error {
            mend::Error::Log(cause) => Self::Log(cause),
            mend::Error::Store(cause) => Self::Store(cause),
        }
    }
}

/// Keeps a projection up to date until `shutdown`; outages of the log or the store are waited out, however long.
///
/// Errors: `Stopped` when waiting cannot help: the program's own SQL is wrong. No event stops a projection.
pub async fn run(
    definition: Definition,
    log: Arc<dyn EventReader>,
    store: Arc<dyn Store>,
    on_applied: OnApplied,
    progress: Arc<Progress>,
    shutdown: CancellationToken,
) -> Result<(), Stopped> {
    let projection = Projection { definition, log, store, on_applied, progress };
    let ended = shutdown.run_until_cancelled(projection.keep_up()).await;
    projection.store.release(&projection.definition).await;
    let Some(cause) = ended else { return Ok(()) };
    let error = chain(&cause);
    if let Err(away) = projection.store.stopped(&projection.definition, &error).await {
        tracing::warn!(projection = projection.definition.name, %away, "that it has stopped cannot be noted");
    }
    let projection = projection.definition.name;
    metrics::gauge!("brain_projection_stopped", "projection" => projection.clone()).set(1.0);
    tracing::error!(projection, error, "the projection has stopped and needs an operator");
    Err(Stopped { projection, cause })
}

struct Projection {
    definition: Definition,
    log: Arc<dyn EventReader>,
    store: Arc<dyn Store>,
    on_applied: OnApplied,
    progress: Arc<Progress>,
}

impl Projection {
    /// Goes round until a failure that is for good.
    async fn keep_up(&self) -> store::Error {
        let name = &self.definition.name;
        metrics::gauge!("brain_projection_stopped", "projection" => name.clone()).set(0.0);
        let mut pause = Backoff::new(PAUSE_MS_MAX);
        loop {
            let interrupted = match self.round(&mut pause).await {
                Interrupted::Store(cause) if !cause.is_transient() => return cause,
                other => other,
            };
            let wait = pause.next_pause();
            let error = chain(&interrupted);
            if matches!(interrupted, Interrupted::Store(store::Error::Owned)) {
                tracing::debug!(projection = name, error, "waiting for the projection");
            } else {
                tracing::warn!(projection = name, error, wait_ms = wait.as_millis(), "the projection was interrupted");
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn round(&self, pause: &mut Backoff) -> Interrupted {
        match self.claim_and_follow(pause).await {
            Ok(never) => match never {},
            Err(interrupted) => interrupted,
        }
    }

    async fn claim_and_follow(&self, pause: &mut Backoff) -> Result<std::convert::Infallible, Interrupted> {
        let Claim { epoch, applied_seq, live } = self.store.claim(&self.definition).await.map_err(Interrupted::Store)?;
        tracing::info!(projection = self.definition.name, epoch, %applied_seq, "the projection is ours");
        // The commit of an earlier owner may not have been told to anybody here.
        self.tell(applied_seq, live);
        self.progress.note(applied_seq);
        self.mend().await?;
        let mut feed = self.log.read(applied_seq, None).await.map_err(Interrupted::Log)?;
        let mut batch = Batch::new(applied_seq);
        loop {
            if batch.is_empty() {
                tokio::select! {
                    begun = batch::first(&mut feed, &self.definition, &mut batch) => match begun.map_err(Interrupted::Log)? {
                        true => {}
                        false => return Err(Interrupted::FeedEnded),
                    },
                    () = self.progress.again.notified() => return Err(Interrupted::Regressed),
                }
            }
            batch::top_up(&mut feed, &self.definition, &mut batch).await;
            if self.definition.linger_ms > 0 && batch.items.len() < SMALL_BATCH_ROWS {
                let linger = tokio::time::sleep(Duration::from_millis(self.definition.linger_ms));
                batch::gather_while(&mut feed, &self.definition, &mut batch, linger).await;
            }
            let mut following = Batch::new(batch.upto);
            let applying = self.apply(epoch, &batch);
            batch::gather_while(&mut feed, &self.definition, &mut following, applying).await.map_err(Interrupted::Store)?;
            batch = following;
            pause.reset();
        }
    }

    /// Tries what is parked once more: this program may know what an earlier one did not.
    async fn mend(&self) -> Result<(), Interrupted> {
        let (name, store) = (&self.definition.name, &self.store);
        let parked = store.parked_aggregates(&self.definition, MENDED_MAX).await.map_err(Interrupted::Store)?;
        for aggregate in parked {
            let done = mend::aggregate(&self.definition, &*self.log, &**store, &aggregate).await?;
            let (kind, id) = (&aggregate.kind, &aggregate.id);
            tracing::info!(projection = name, aggregate = kind, id, done.applied, done.parked, "what was parked is tried again");
        }
        Ok(())
    }

    async fn apply(&self, epoch: i64, batch: &Batch) -> Result<(), store::Error> {
        let name = &self.definition.name;
        let started = Instant::now();
        let applied = self.store.apply(&self.definition, epoch, batch).await?;
        metrics::histogram!("brain_projection_commit_seconds", "projection" => name.clone()).record(started.elapsed());
        metrics::histogram!("brain_projection_batch_rows", "projection" => name.clone()).record(batch.items.len() as f64);
        if applied.parked > 0 {
            metrics::counter!("brain_projection_parked", "projection" => name.clone()).increment(applied.parked as u64);
            tracing::error!(projection = name, parked = applied.parked, upto = %batch.upto, "events could not be applied and are parked");
        }
        self.progress.note(batch.upto);
        self.tell(batch.upto, applied.live);
        Ok(())
    }

    /// Tells of a commit, if readers see it.
    fn tell(&self, applied_seq: StreamSeq, live: bool) {
        if live {
            metrics::gauge!("brain_projection_applied_seq", "projection" => self.definition.name.clone())
                .set(applied_seq.0 as f64);
            (self.on_applied)(applied_seq);
        }
    }
}
