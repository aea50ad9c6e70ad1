//! The loop of the vectors in memory, a view of the projection `vectors`: loaded from it once, and following the log from its position on.
//! Started by `wiring`, asked by searches. Postgres has the last word on what lives, and answers alone until all is loaded.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::TryStreamExt;
use half::f16;
use tokio::{
    sync::watch,
    time::{Instant, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    causes::chain,
    domain::ids::{MemoryId, SpaceId, StreamSeq},
    journal::{Recorded, derived},
    ports::{
        Follow, Holding, Neighbour, Next, Positions, ProjectionStatus, QueryError, TextHash, VectorChange, VectorIndex,
        VectorSearch, VectorSource, log::ReadError,
    },
    retry::Backoff,
};

/// The name by which status shows it.
pub const NAME: &str = "semantic";
/// The projection that it is a view of.
const VECTORS: &str = "vectors";
const PAUSE_MS_MAX: u64 = 30_000;
/// How often it is looked whether another version of the projection is live.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a search waits for what the projection shows already, before Postgres is asked.
const WAIT: Duration = Duration::from_millis(500);

/// Makes an empty index.
pub type Make = Box<dyn Fn() -> Arc<dyn VectorIndex> + Send + Sync>;
/// Follows DERIVED from a position on.
pub type Subscribe = Box<dyn Fn(StreamSeq) -> Box<dyn Follow> + Send + Sync>;

/// What it is made of.
pub struct Parts {
    /// The model whose vectors are kept; those of others are none of it.
    pub model: String,
    pub make: Make,
    pub subscribe: Subscribe,
    pub source: Arc<dyn VectorSource>,
    /// Of the projection in Postgres.
    pub positions: Arc<dyn Positions>,
}

/// The vectors in memory of this process: where they stand, and asking them.
pub struct Semantic {
    parts: Parts,
    /// `None` until it is loaded, and while it does not follow.
    index: RwLock<Option<Arc<dyn VectorIndex>>>,
    /// In DERIVED.
    shown: watch::Sender<StreamSeq>,
    shown_at: RwLock<Instant>,
    /// In EVENTS.
    embedded: AtomicU64,
    state: AtomicU8,
}

/// Nothing is kept, and nothing is being loaded: the last try failed.
const AWAY: u8 = 0;
const LOADING: u8 = 1;
const LIVE: u8 = 2;

/// Why one pass from loading on ended.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("the vectors cannot be loaded or kept")]
    Vectors(#[source] QueryError),
    #[error("the log cannot be read")]
    Log(#[source] ReadError),
    #[error("the log is another one")]
    Reset,
    #[error("another version of the projection is live")]
    OtherVersion,
}

impl Semantic {
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            index: RwLock::default(),
            shown: watch::channel(StreamSeq(0)).0,
            shown_at: RwLock::new(Instant::now()),
            embedded: AtomicU64::new(0),
            state: AtomicU8::new(LOADING),
        })
    }

    /// `None` while there is nothing that could show anything, nor will soon.
    pub fn status(&self) -> Option<ProjectionStatus> {
        let state = match self.state.load(Ordering::SeqCst) {
            LIVE => "live",
            LOADING => "filling",
            _ => return None,
        };
        let shown_at = *self.shown_at.read().unwrap_or_else(PoisonError::into_inner);
        Some(ProjectionStatus {
            name: NAME.into(),
            version: 1,
            state: state.into(),
            stream: "DERIVED".into(),
            applied_seq: *self.shown.borrow(),
            applied_ago_s: shown_at.elapsed().as_secs_f64(),
            epoch: 0,
            parked: 0,
            parked_for_s: 0.0,
            stopped: None,
        })
    }

    /// How much is kept; nothing until it is loaded.
    pub fn holding(&self) -> Holding {
        self.index().map(|index| index.holding()).unwrap_or_default()
    }

    /// Waits until searches show `seq` of DERIVED; `false` when `wait` passed first.
    pub async fn reached(&self, seq: StreamSeq, wait: Duration) -> bool {
        let mut shown = self.shown.subscribe();
        if *shown.borrow_and_update() >= seq {
            return true;
        }
        matches!(timeout(wait, shown.wait_for(|applied| *applied >= seq)).await, Ok(Ok(_)))
    }

    /// Loads and follows until told to stop; outages are waited out.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = Backoff::new(PAUSE_MS_MAX);
        while let Some(interrupted) = stop.run_until_cancelled(self.pass(&mut pause)).await {
            if matches!(interrupted, Interrupted::OtherVersion) {
                tracing::info!(projection = NAME, "{interrupted}: its vectors are loaded beside those that are asked");
                continue;
            }
            self.replace(None, AWAY);
            let wait = pause.next_pause();
            tracing::warn!(
                projection = NAME,
                error = chain(&interrupted),
                wait_ms = wait.as_millis(),
                "the vectors in memory do not follow; Postgres searches alone"
            );
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
            self.state.store(LOADING, Ordering::SeqCst);
        }
    }

    async fn pass(&self, pause: &mut Backoff) -> Interrupted {
        match self.keep(pause).await {
            Ok(never) => match never {},
            Err(interrupted) => interrupted,
        }
    }

    async fn keep(&self, pause: &mut Backoff) -> Result<std::convert::Infallible, Interrupted> {
        let started = Instant::now();
        let version = self.parts.source.version().await.map_err(Interrupted::Vectors)?;
        let mut loaded = self.parts.source.load(&self.parts.model).await.map_err(Interrupted::Vectors)?;
        let index = (self.parts.make)();
        while let Some(rows) = loaded.rows.try_next().await.map_err(Interrupted::Vectors)? {
            index.apply(rows).await.map_err(Interrupted::Vectors)?;
        }
        let mut feed = (self.parts.subscribe)(loaded.position);
        self.embedded.store(loaded.embedded.0, Ordering::SeqCst);
        self.replace(Some(index.clone()), LIVE);
        self.show(loaded.position);
        let Holding { vectors, bytes, .. } = index.holding();
        let took_ms = started.elapsed().as_millis();
        tracing::info!(projection = NAME, vectors, bytes, took_ms, upto = %loaded.position, "the vectors are in memory");
        pause.reset();
        let mut looks = interval(LOOK_EVERY);
        loop {
            tokio::select! {
                next = feed.next() => match next.map_err(Interrupted::Log)? {
                    Next::Events(events) => {
                        self.apply(&*index, events.iter().map(|event| &**event)).await?;
                        self.show(feed.position());
                    }
                    Next::Reset(_) => return Err(Interrupted::Reset),
                },
                _ = looks.tick() => {
                    // Messages that are no events are passed without a word.
                    self.show(feed.position());
                    // While Postgres is away nobody asks.
                    if self.parts.source.version().await.is_ok_and(|live| live != version) {
                        return Err(Interrupted::OtherVersion);
                    }
                }
            }
        }
    }

    async fn apply(&self, index: &dyn VectorIndex, events: impl Iterator<Item = &Recorded>) -> Result<(), Interrupted> {
        let (mut changes, mut embedded) = (vec![], None);
        for recorded in events.filter(|it| it.event.data["model"] == self.parts.model.as_str()) {
            match &*recorded.event.kind {
                "embedder.advanced" => embedded = recorded.event.data["position"].as_u64().or(embedded),
                _ => changes.extend(change(recorded)),
            }
        }
        if !changes.is_empty() {
            index.apply(changes).await.map_err(Interrupted::Vectors)?;
        }
        if let Some(embedded) = embedded {
            self.embedded.fetch_max(embedded, Ordering::SeqCst);
        }
        Ok(())
    }

    fn index(&self) -> Option<Arc<dyn VectorIndex>> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, index: Option<Arc<dyn VectorIndex>>, state: u8) {
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        self.state.store(state, Ordering::SeqCst);
    }

    fn show(&self, seq: StreamSeq) {
        let before = self.shown.send_replace(seq);
        if before != seq {
            *self.shown_at.write().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            metrics::gauge!("brain_projection_applied_seq", "projection" => NAME).set(seq.0 as f64);
        }
        let Holding { vectors, bytes, spaces_left_out } = self.holding();
        metrics::gauge!("brain_vectors_held").set(vectors as f64);
        metrics::gauge!("brain_vectors_bytes").set(bytes as f64);
        metrics::gauge!("brain_vectors_spaces_left_out").set(spaces_left_out as f64);
    }
}

/// What a fact means for the index; `None` when it is about no vector, or says nothing that could be understood.
fn change(recorded: &Recorded) -> Option<VectorChange> {
    let event = &recorded.event;
    let id = event.aggregate_id.parse().ok()?;
    let newest = match &*event.kind {
        "embedding.erased" => None,
        "embedding.computed" => {
            let text = TextHash::of_hex(event.data["content_hash"].as_str()?)?;
            let numbers = derived::numbers_of(&event.data["vector"])?;
            Some((text, numbers.into_iter().map(f16::from_f32).collect()))
        }
        _ => return None,
    };
    Some(VectorChange { space: event.space.clone(), id, newest })
}

#[async_trait]
impl VectorSearch for Semantic {
    async fn nearest(
        &self,
        space: &SpaceId,
        vector: Arc<[f32]>,
        among: Option<Arc<[MemoryId]>>,
        limit: usize,
    ) -> Option<Vec<Neighbour>> {
        let index = self.index()?;
        // Whoever has seen a position of the projection sees no less here.
        let shown = self.parts.positions.shown(VECTORS, StreamSeq(0)).await.ok()?;
        if !self.reached(shown, WAIT).await {
            return None;
        }
        index.nearest(space, vector, among, limit).await
    }

    fn embedded(&self, upto: StreamSeq) -> bool {
        self.index().is_none() || self.embedded.load(Ordering::SeqCst) >= upto.0
    }
}
