//! The loop of the keyword index, which is a projection like the others but keeps its own checkpoint. Started by `wiring`.
//!
//! Commits cost milliseconds each, so they are shared: every [`COMMIT_MS_MAX`] while there is something to show, and at once when
//! somebody waits and nothing else is on its way.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, StreamExt};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    causes::chain,
    domain::{
        ids::{MemoryId, StreamSeq},
        memory::Event,
    },
    journal::{Recorded, events::Storable},
    ports::{
        EventReader, KeywordChange, KeywordIndex, KeywordText, ProjectionStatus, QueryError,
        log::{Events, ReadError},
    },
    retry::Backoff,
};

/// The projection's name, as `min_position` waits for it and status shows it.
pub const NAME: &str = "keyword";
const VERSION: u32 = 1;
const PAUSE_MS_MAX: u64 = 2_000;
/// Longest time that a change stays unsearchable while nobody waits for it.
const COMMIT_MS_MAX: u64 = 200;
/// Changes handed to the index at once.
const CHANGES_MAX: usize = 2_000;
/// Events without a change after which the checkpoint is written all the same.
const SILENT_EVENTS_MAX: u64 = 10_000;

/// The keyword projection of this process: where it stands, and waiting for it.
pub struct Keyword {
    index: Arc<dyn KeywordIndex>,
    /// Everything up to here shows, or changes nothing that could.
    shown: watch::Sender<StreamSeq>,
    shown_at: Mutex<Instant>,
    waiters: AtomicUsize,
    asked: Notify,
    /// The index is to be filled anew; what it shows stays until that is done.
    fills_asked: AtomicU64,
    /// Of these, those that were done: a request that comes amid a commit is not lost.
    fills_done: AtomicU64,
}

/// Why one pass from checkpoint to failure ended.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("the keyword index failed")]
    Index(#[source] QueryError),
    #[error("the log cannot be read")]
    Log(#[source] ReadError),
    #[error("the log's reader ended")]
    FeedEnded,
    #[error("a rebuild was asked for")]
    Rebuild,
    #[error("the keyword index may be damaged")]
    Suspect,
}

/// What has been read and not been committed.
struct Open {
    changes: Vec<KeywordChange>,
    /// Changes are with the index, which commits them.
    staged: bool,
    read_seq: StreamSeq,
    committed_seq: StreamSeq,
    due: Option<Instant>,
    /// The request to fill it anew that this does.
    fill: Option<u64>,
    /// Nothing is committed before this position is read: a rebuild shows all at once.
    hold_until: StreamSeq,
}

impl Keyword {
    pub fn new(index: Arc<dyn KeywordIndex>) -> Arc<Self> {
        let shown = watch::channel(index.applied_seq()).0;
        Arc::new(Self {
            index,
            shown,
            shown_at: Mutex::new(Instant::now()),
            waiters: AtomicUsize::new(0),
            asked: Notify::new(),
            fills_asked: AtomicU64::new(0),
            fills_done: AtomicU64::new(0),
        })
    }

    pub fn applied_seq(&self) -> StreamSeq {
        *self.shown.borrow()
    }

    pub fn status(&self) -> ProjectionStatus {
        let shown_at = *self.shown_at.lock().unwrap_or_else(PoisonError::into_inner);
        ProjectionStatus {
            name: NAME.into(),
            version: VERSION,
            state: if self.is_to_be_filled() { "filling" } else { "live" }.into(),
            stream: "EVENTS".into(),
            applied_seq: self.applied_seq(),
            applied_ago_s: shown_at.elapsed().as_secs_f64(),
            epoch: 0,
            parked: 0,
            parked_for_s: 0.0,
            stopped: None,
        }
    }

    /// Waits until searches show `seq`; `false` when `wait_ms` passed first.
    pub async fn reached(&self, seq: StreamSeq, wait_ms: u64) -> bool {
        let mut shown = self.shown.subscribe();
        if *shown.borrow_and_update() >= seq {
            return true;
        }
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let _leaves = Leaving(&self.waiters);
        self.asked.notify_one();
        let waiting = shown.wait_for(|applied| *applied >= seq);
        matches!(timeout(Duration::from_millis(wait_ms), waiting).await, Ok(Ok(_)))
    }

    /// Fills the index anew from the beginning of the log, beside what it shows, which the last commit replaces.
    pub fn rebuild(&self) {
        self.fills_asked.fetch_add(1, Ordering::SeqCst);
        self.asked.notify_one();
    }

    /// What of the index is damaged, file by file. If anything is, it is filled anew, and searches are refused until that is done.
    pub async fn damage(&self) -> Result<Vec<String>, QueryError> {
        let damaged = self.index.examine().await?;
        if !damaged.is_empty() {
            tracing::error!(
                projection = NAME,
                files = damaged.join(", "),
                "the keyword index is damaged and is filled again from the log"
            );
            self.rebuild();
        }
        Ok(damaged)
    }

    /// The documents of the index and their position, for a verification.
    pub async fn documents(&self) -> Result<(StreamSeq, Vec<(MemoryId, u64)>), QueryError> {
        self.index.documents().await
    }

    /// Follows the log until told to stop; outages of the log or the disk are waited out.
    pub async fn follow(self: Arc<Self>, log: Arc<dyn EventReader>, stop: CancellationToken) {
        let mut pause = Backoff::new(PAUSE_MS_MAX);
        while let Some(interrupted) = stop.run_until_cancelled(self.pass(&*log, &mut pause)).await {
            if matches!(interrupted, Interrupted::Rebuild | Interrupted::Suspect) {
                continue;
            }
            let wait = pause.next_pause();
            tracing::warn!(
                projection = NAME,
                error = chain(&interrupted),
                wait_ms = wait.as_millis(),
                "the projection was interrupted"
            );
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    async fn pass(&self, log: &dyn EventReader, pause: &mut Backoff) -> Interrupted {
        match self.read_on(log, pause).await {
            Ok(never) => match never {},
            Err(interrupted) => interrupted,
        }
    }

    async fn read_on(&self, log: &dyn EventReader, pause: &mut Backoff) -> Result<std::convert::Infallible, Interrupted> {
        if self.index.is_suspect() {
            self.damage().await.map_err(Interrupted::Index)?;
        }
        let end = log.last_seq().await.map_err(Interrupted::Log)?;
        if self.index.applied_seq() > end {
            tracing::warn!(projection = NAME, %end, "the index knows more than the log holds: it belongs to another one and is cleared");
            self.index.clear().await.map_err(Interrupted::Index)?;
        }
        let shown = self.index.applied_seq();
        self.show(shown);
        let fill = self.fills_asked.load(Ordering::SeqCst);
        let rebuilds = fill != self.fills_done.load(Ordering::SeqCst);
        let start = if rebuilds { StreamSeq(0) } else { shown };
        if rebuilds {
            self.index.start_over().await.map_err(Interrupted::Index)?;
        }
        let mut feed = log.read(start, None).await.map_err(Interrupted::Log)?;
        let hold_until = if rebuilds { end } else { start };
        let mut open = Open {
            changes: vec![],
            staged: rebuilds,
            read_seq: start,
            committed_seq: start,
            due: None,
            fill: rebuilds.then_some(fill),
            hold_until,
        };
        loop {
            if open.fill.is_none() && self.is_to_be_filled() {
                return Err(Interrupted::Rebuild);
            }
            if self.index.is_suspect() {
                return Err(Interrupted::Suspect);
            }
            self.read_some(&mut feed, &mut open).await?;
            self.hand_over(&mut open).await?;
            pause.reset();
        }
    }

    /// Reads what is there, up to a full hand; else waits for an event, for the time to commit, or for somebody who waits.
    async fn read_some(&self, feed: &mut Events, open: &mut Open) -> Result<(), Interrupted> {
        while open.changes.len() < CHANGES_MAX {
            let next = match feed.next().now_or_never() {
                Some(next) => next,
                None if !open.changes.is_empty() || (self.is_awaited() && open.has_news() && !open.is_held()) => return Ok(()),
                // Nothing of it changes the index: it is passed at once, for whoever asks how far searches are.
                None if !open.has_news() && !open.is_held() && open.read_seq > self.applied_seq() => return Ok(()),
                None => tokio::select! {
                    next = feed.next() => next,
                    () = self.asked.notified() => return Ok(()),
                    () = self.index.suspected() => return Ok(()),
                    () = until(open.due.filter(|_| !open.is_held())) => return Ok(()),
                },
            };
            match next.ok_or(Interrupted::FeedEnded)? {
                Ok(recorded) => open.take(&recorded),
                Err(ReadError::Poison { seq, cause }) => {
                    tracing::error!(seq, %cause, "an event cannot be read; it is passed by the keyword index");
                    open.read_seq = StreamSeq(seq);
                }
                Err(away @ ReadError::Unavailable(_)) => return Err(Interrupted::Log(away)),
            }
        }
        Ok(())
    }

    /// Stages what was read, and commits when it is due or somebody waits.
    async fn hand_over(&self, open: &mut Open) -> Result<(), Interrupted> {
        if !open.changes.is_empty() {
            let changes = std::mem::take(&mut open.changes);
            let full = changes.len() >= CHANGES_MAX;
            self.index.stage(changes).await.map_err(Interrupted::Index)?;
            open.staged = true;
            open.due.get_or_insert_with(|| Instant::now() + Duration::from_millis(COMMIT_MS_MAX));
            // More is waiting: those who wait are served sooner by one commit than by many.
            if full && open.due.is_some_and(|due| Instant::now() < due) {
                return Ok(());
            }
        }
        if open.is_held() {
            return Ok(());
        }
        if open.fill.is_some() {
            open.due.get_or_insert_with(Instant::now);
        }
        let is_due = open.due.is_some_and(|due| Instant::now() >= due);
        let silent = open.read_seq.0 - open.committed_seq.0 >= SILENT_EVENTS_MAX;
        if (open.staged && (is_due || self.is_awaited())) || silent {
            let started = Instant::now();
            self.index.commit(open.read_seq).await.map_err(Interrupted::Index)?;
            metrics::histogram!("brain_projection_commit_seconds", "projection" => NAME).record(started.elapsed());
            (open.staged, open.due, open.committed_seq) = (false, None, open.read_seq);
            if let Some(fill) = open.fill.take() {
                self.fills_done.store(fill, Ordering::SeqCst);
                tracing::info!(projection = NAME, upto = %open.read_seq, "the keyword index is filled anew");
            }
        }
        if !open.staged {
            self.show(open.read_seq);
        }
        Ok(())
    }

    fn is_to_be_filled(&self) -> bool {
        self.fills_asked.load(Ordering::SeqCst) != self.fills_done.load(Ordering::SeqCst)
    }

    fn is_awaited(&self) -> bool {
        self.waiters.load(Ordering::SeqCst) > 0
    }

    fn show(&self, seq: StreamSeq) {
        metrics::gauge!("brain_projection_applied_seq", "projection" => NAME).set(seq.0 as f64);
        *self.shown_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.shown.send_replace(seq);
    }
}

impl Open {
    fn is_held(&self) -> bool {
        self.read_seq < self.hold_until
    }

    fn has_news(&self) -> bool {
        self.staged
    }

    fn take(&mut self, recorded: &Recorded) {
        let event = &recorded.event;
        self.read_seq = recorded.seq;
        if !event.is_of_memory() {
            return;
        }
        match change(recorded) {
            Some(change) => self.changes.push(change),
            None => {
                tracing::error!(seq = %recorded.seq, "a memory event does not have its stored shape; the keyword index passes it")
            }
        }
    }
}

/// What an event of a memory means for the index; `None` when it does not have its stored shape.
pub fn change(recorded: &Recorded) -> Option<KeywordChange> {
    let event = &recorded.event;
    let state = Event::load(&event.kind, &event.data).ok()?;
    let (memory, id) = (state.memory(), event.aggregate_id.parse().ok()?);
    let is_searched = memory.deleted_at.is_none() && !memory.body.sensitive;
    let text = is_searched.then(|| KeywordText::of(&memory.body));
    Some(KeywordChange { space: event.space.clone(), id, text })
}

/// Counts one waiter less, however the wait ends.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
