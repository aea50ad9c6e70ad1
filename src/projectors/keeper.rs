//! Keeps one projection: runs an engine for the version that is live and for one that is being filled beside it, and makes the
//! filled one live when it has caught up. Started by `wiring`, one per projection and process.
//!
//! Any number of processes may keep the same projection: engines own their version by a lock, and a cut-over is one transaction.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    definition::Definition,
    engine::{self, OnApplied, Progress, Stopped},
    store::{self, Installed, Store, VersionState},
    throttle::{LastCommit, Throttled},
};
use crate::{causes::chain, domain::ids::StreamSeq, ports::EventReader, retry::Backoff};

/// How often the versions are looked at, and how often while one is being filled.
const LOOK_MS: u64 = 200;
const LOOK_FILLING_MS: u64 = 20;
const PAUSE_MS_MAX: u64 = 2_000;
/// A filled version this close to the live one gets its indexes.
const NEAR_EVENTS: u64 = 5_000;
/// One this close may take its place: what is left is a short batch, for which the live one is held.
const NEXT_TO_EVENTS: u64 = 100;

/// Everything that keeping a projection takes.
pub struct Keeper {
    pub definition: Definition,
    pub log: Arc<dyn EventReader>,
    pub store: Arc<dyn Store>,
    /// Told of each commit of the live version.
    pub on_applied: OnApplied,
    /// Told when the live version needs an operator.
    pub on_stopped: Arc<dyn Fn(&Stopped) + Send + Sync>,
    pub tasks: TaskTracker,
}

/// An engine at work.
struct Running {
    stop: CancellationToken,
    live: Arc<AtomicBool>,
    progress: Arc<Progress>,
}

/// Installs the first version if there is none, and answers what there is. Tables that other SQL than the program's has filled are
/// filled anew beside the live ones.
/// Errors: see [`store::Error`]; it may be called again.
pub async fn prepare(store: &dyn Store, definition: &Definition) -> Result<Vec<Installed>, store::Error> {
    let versions = store.versions(&definition.name).await?;
    let current = definition.fingerprint();
    let newest = versions.iter().map(|it| it.version).max().unwrap_or(0);
    if versions.is_empty() {
        store.install(definition, VersionState::Live).await?;
    } else if !versions.iter().any(|it| it.state != VersionState::Scratch && it.fingerprint == current) {
        tracing::info!(
            projection = definition.name,
            version = newest + 1,
            "the program's SQL has changed: filling a new version"
        );
        store.install(&definition.at(newest + 1), VersionState::Filling).await?;
    } else {
        return Ok(versions);
    }
    store.versions(&definition.name).await
}

impl Keeper {
    /// Until told to stop; outages are waited out.
    pub async fn keep(self, stop: CancellationToken) {
        let mut running: HashMap<u32, Running> = HashMap::new();
        let last_commit = Arc::new(LastCommit::default());
        let mut pause = Backoff::new(PAUSE_MS_MAX);
        let keep = async {
            loop {
                match self.look(&mut running, &last_commit, &stop).await {
                    Ok(filling) => {
                        pause.reset();
                        sleep(Duration::from_millis(if filling { LOOK_FILLING_MS } else { LOOK_MS })).await;
                    }
                    Err(cause) => {
                        let wait = pause.next_pause();
                        let projection = &self.definition.name;
                        tracing::warn!(
                            projection,
                            error = chain(&cause),
                            wait_ms = wait.as_millis(),
                            "its versions cannot be kept"
                        );
                        sleep(wait).await;
                    }
                }
            }
        };
        // The engines have child tokens, so they stop as well.
        let _: Option<std::convert::Infallible> = stop.run_until_cancelled(keep).await;
    }

    /// Answers whether a version is being filled.
    async fn look(
        &self,
        running: &mut HashMap<u32, Running>,
        last_commit: &Arc<LastCommit>,
        stop: &CancellationToken,
    ) -> Result<bool, store::Error> {
        // Before the versions are read, so that a commit between the two is no regress.
        let committed: HashMap<u32, StreamSeq> =
            running.iter().map(|(version, it)| (*version, it.progress.committed())).collect();
        let versions = prepare(&*self.store, &self.definition).await?;
        let kept = |it: &&Installed| matches!(it.state, VersionState::Live | VersionState::Filling);
        running.retain(|version, engine| {
            let stays = versions.iter().filter(kept).any(|it| it.version == *version);
            if !stays {
                engine.stop.cancel();
            }
            stays
        });
        for version in versions.iter().filter(kept) {
            let engine = running.entry(version.version).or_insert_with(|| self.start(version, last_commit, stop));
            engine.live.store(version.state == VersionState::Live, Ordering::SeqCst);
            if committed.get(&version.version).is_some_and(|committed| *committed > version.applied_seq) {
                engine.progress.look_again();
            }
        }
        self.make_live(&versions).await?;
        Ok(versions.iter().any(|it| it.state == VersionState::Filling))
    }

    fn start(&self, version: &Installed, last_commit: &Arc<LastCommit>, stop: &CancellationToken) -> Running {
        let (stop, live) = (stop.child_token(), Arc::new(AtomicBool::new(false)));
        let definition = self.definition.at(version.version);
        let filling = version.state == VersionState::Filling;
        let log: Arc<dyn EventReader> =
            if filling { Arc::new(Throttled { log: self.log.clone(), live: last_commit.clone() }) } else { self.log.clone() };
        let (tell, last_commit) = (self.on_applied.clone(), last_commit.clone());
        let on_applied: OnApplied = Arc::new(move |seq| {
            last_commit.note();
            tell(seq);
        });
        let progress = Arc::new(Progress::default());
        let engine = engine::run(definition, log, self.store.clone(), on_applied, progress.clone(), stop.clone());
        let (on_stopped, shown) = (self.on_stopped.clone(), live.clone());
        self.tasks.spawn(async move {
            if let Err(stopped) = engine.await
                && shown.load(Ordering::SeqCst)
            {
                on_stopped(&stopped);
            }
        });
        Running { stop, live, progress }
    }

    /// Indexes a version that has nearly caught up, makes it live, and drops what was retired before.
    async fn make_live(&self, versions: &[Installed]) -> Result<(), store::Error> {
        let in_state = |state: VersionState| versions.iter().filter(move |it| it.state == state);
        let (Some(live), Some(filling)) = (in_state(VersionState::Live).next(), in_state(VersionState::Filling).next_back())
        else {
            return Ok(());
        };
        if filling.applied_seq.0 + NEAR_EVENTS < live.applied_seq.0 {
            return Ok(());
        }
        let definition = self.definition.at(filling.version);
        if !filling.indexed {
            let started = Instant::now();
            self.store.index(&definition).await?;
            let took_ms = started.elapsed().as_millis();
            tracing::info!(projection = definition.name, version = definition.version, took_ms, "the version is indexed");
        }
        if filling.applied_seq.0 + NEXT_TO_EVENTS < live.applied_seq.0 {
            return Ok(());
        }
        let started = Instant::now();
        if self.store.cut_over(&definition).await? {
            let took_ms = started.elapsed().as_millis();
            tracing::info!(
                projection = definition.name,
                version = definition.version,
                before = live.version,
                took_ms,
                "the version is live"
            );
            for retired in in_state(VersionState::Retired) {
                self.store.drop_version(&self.definition.at(retired.version)).await?;
            }
        }
        Ok(())
    }
}
