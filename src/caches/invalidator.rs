//! Follows the logs and tells the store what each event touches. Two of them run: one for EVENTS, one for DERIVED.
//!
//! A change that kept searches or lists must be asked about is prepared here, outside the store's lock: the memory as it stands, and the
//! vector of its text, read from the logs, so that the judges know as much as a new search would.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::{
    Caches,
    changes::{self, Decision, Did, KnownVector},
    ledger::{Source, Touch},
};
use crate::{
    domain::{
        ids::{MemoryId, StreamSeq},
        memory,
    },
    journal::{Envelope, Recorded, catalog, derived, events::Storable},
    ports::{
        DerivedLog, EventLog, Follow, Next,
        cache::{Change, Dep, Tokenize},
        unit,
    },
};

/// Questions to the logs in flight.
const IN_FLIGHT_MAX: usize = 32;
const PAUSE: Duration = Duration::from_millis(250);
/// How long a change waits for the vector that is on its way: else it ends all searches of its space.
const VECTOR_WAIT: Duration = Duration::from_secs(1);
/// States of one memory that are looked at for one vector.
const STATES_MAX: usize = 64;
/// How often it is looked whether the log is heard.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What both invalidators know.
#[derive(Clone)]
pub struct Invalidator {
    pub caches: Arc<Caches>,
    pub log: Arc<dyn EventLog>,
    pub derived: Arc<dyn DerivedLog>,
    pub tokenize: Tokenize,
    /// The model whose vectors searches use.
    pub model: &'static str,
}

impl Invalidator {
    /// Tells of everything that `feed` gives, until told to stop.
    pub async fn follow(self, source: Source, mut feed: Box<dyn Follow>, stop: CancellationToken) {
        let follow = async {
            loop {
                tokio::select! {
                    next = feed.next() => match next {
                        Ok(Next::Events(events)) => self.tell(source, &events, feed.position()).await,
                        Ok(Next::Reset(end)) => {
                            tracing::warn!(?source, %end, "the log is another one than before: nothing that is kept is worth anything");
                            self.caches.store.flush(Some((source, end)));
                        }
                        Err(cause) => {
                            self.caches.set_hears(false);
                            tracing::warn!(?source, %cause, "kept answers are not given until the log is heard again");
                            tokio::time::sleep(PAUSE).await;
                        }
                    },
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                if source == Source::Events {
                    self.caches.set_hears(feed.is_current());
                }
            }
        };
        let _: Option<std::convert::Infallible> = stop.run_until_cancelled(follow).await;
    }

    async fn tell(&self, source: Source, events: &[Arc<Recorded>], head: StreamSeq) {
        let added = events.iter().filter(|it| matches!(it.event.kind.as_str(), "memory.created" | "memory.restored")).count();
        let touch = |recorded: Arc<Recorded>| async move { self.touch(source, &recorded).await };
        let touches = stream::iter(events.to_vec()).map(touch).buffered(IN_FLIGHT_MAX);
        let touches: Vec<Touch> = touches.filter_map(std::future::ready).collect().await;
        // First the touches: an answer that is kept meanwhile counts from the smaller number and is over sooner.
        self.caches.store.touch(source, touches, head);
        self.caches.store.add_documents(added as u64);
    }

    async fn touch(&self, source: Source, recorded: &Recorded) -> Option<Touch> {
        let event = &recorded.event;
        match source {
            Source::Derived if event.kind == "embedding.computed" && event.data["model"] == self.model => {
                self.of_vector(recorded).await
            }
            Source::Derived => None,
            Source::Events => {
                let deps = changes::deps_of(recorded);
                let (knows, change) = match event.aggregate.as_str() {
                    catalog::MEMORY => {
                        let (knows, change) = self.of_memory(recorded).await;
                        (knows, Some(change))
                    }
                    _ => (self.caches.store.head(Source::Derived), None),
                };
                let subject = *deps.first()?;
                Some(Touch { seq: recorded.seq, about: recorded.seq, subject, knows, space: event.space.clone(), deps, change })
            }
        }
    }

    /// How a memory stands after an event, with its vector, and what was told of vectors before that was found out.
    async fn of_memory(&self, recorded: &Recorded) -> (StreamSeq, Change) {
        let (event, store) = (&recorded.event, &self.caches.store);
        let knows = store.head(Source::Derived);
        if !store.heeds_changes(&event.space) {
            // Nobody looks closely: whoever asks in a moment has to know that there was something.
            return (knows, unknown("unwatched"));
        }
        let (Ok(id), Ok(state)) = (event.aggregate_id.parse::<MemoryId>(), memory::Event::load(&event.kind, &event.data)) else {
            return (knows, unknown("unreadable"));
        };
        let (memory, did, subject) = (state.memory(), Did::of(event, &state), Dep::memory(&event.space, id));
        let now = || KnownVector::now(store, &did, recorded.seq, subject);
        let mut known = now();
        loop {
            match changes::of_event(id, memory, &did, &known, &self.tokenize) {
                Decision::Tell(change) => return (known.knows, change),
                Decision::Unknown(why) => return (known.knows, unknown(why)),
                Decision::AskLog => {
                    let text = memory.body.text_to_embed();
                    match self.derived.vector_of(self.model, &event.space, id, &text).await {
                        Ok(of) => known.logged = Some(of),
                        Err(cause) => {
                            tracing::debug!(%cause, "a change is not known in full");
                            return (known.knows, unknown("log_away"));
                        }
                    }
                }
                Decision::WaitFor(position) if store.reached(Source::Derived, position, VECTOR_WAIT).await => known = now(),
                Decision::WaitFor(_) => return (known.knows, unknown("vector_late")),
            }
        }
    }

    /// What a vector that has come means: its memory may be found by meaning now.
    async fn of_vector(&self, recorded: &Recorded) -> Option<Touch> {
        let event = &recorded.event;
        let id: MemoryId = event.aggregate_id.parse().ok()?;
        // Before anything is looked at: what is told meanwhile may not be in it. Not waited for, whatever it is: the tail of EVENTS waits
        // for this one.
        let knows = self.caches.store.head(Source::Events);
        let about = StreamSeq(event.data["memory_position"].as_u64().unwrap_or(u64::MAX));
        let change = match self.caches.store.heeds_changes(&event.space) {
            true => self.memory_with_vector(recorded, id, about, knows).await.unwrap_or_else(|cause| {
                tracing::debug!(%cause, "a vector's memory is not known");
                Some(unknown("log_away"))
            }),
            // As with memories: a search that is asked in a moment has to know.
            false => Some(unknown("unwatched")),
        };
        Some(changes::vector_touch(&event.space, id, recorded.seq, about, knows, change))
    }

    /// The memory with its vector, see [`changes::of_vector`].
    async fn memory_with_vector(
        &self,
        recorded: &Recorded,
        id: MemoryId,
        about: StreamSeq,
        knows: StreamSeq,
    ) -> Result<Option<Change>, BoxError> {
        let event = &recorded.event;
        let Some(states) = self.states_from(event, about, knows).await? else { return Ok(Some(unknown("memory_late"))) };
        let numbers = derived::numbers_of(&event.data["vector"]).ok_or("the vector is none")?;
        let memory =
            |state: Recorded| Ok::<_, BoxError>(memory::Event::load(&state.event.kind, &state.event.data)?.memory().clone());
        let memories = states.into_iter().map(memory).collect::<Result<Vec<_>, _>>()?;
        let hash = event.data["content_hash"].as_str().unwrap_or_default();
        Ok(changes::of_vector(id, memories, &unit(&numbers), hash, &self.tokenize))
    }

    /// How the memory of an embedding stood when `knows` was told, and every state since; `None` when that cannot be found out soon.
    ///
    /// Decision 2026-11-26: the way begins at the last change that was told, not at the embedded text. Where the embedder lags behind, a
    /// popular memory has changed a hundred times since, and each time that nobody knew how it stood all searches of its space were over:
    /// nearly all that ended under 50 clients.
    async fn states_from(&self, of: &Envelope, about: StreamSeq, knows: StreamSeq) -> Result<Option<Vec<Recorded>>, BoxError> {
        let Some(newest) = self.log.last(&of.space, catalog::MEMORY, &of.aggregate_id).await? else { return Ok(None) };
        // A new memory has no state before.
        if newest.seq <= knows || newest.event.kind == "memory.created" {
            return Ok(Some(vec![newest]));
        }
        // Where to begin so as to come by what was told last, in case that is remembered no more.
        let start = if about <= knows { about } else { StreamSeq(1) };
        let told = self.caches.store.last_told(Dep::memory(&of.space, of.aggregate_id.parse()?), knows);
        let (mut states, mut from) = (vec![], told.map_or(start, |told| told.max(start)));
        for _ in 0..STATES_MAX {
            let Some(next) = self.log.next(&of.space, catalog::MEMORY, &of.aggregate_id, from).await? else {
                return Ok(Some(states));
            };
            if states.is_empty() && from > start && next.seq != from {
                // What was told was of another memory that has the same number there.
                from = start;
                continue;
            }
            if next.seq <= knows {
                states.clear();
            }
            from = StreamSeq(next.seq.0 + 1);
            states.push(next);
        }
        Ok(None)
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A change of which nothing is known but that there was one: it ends all that it could.
fn unknown(why: &'static str) -> Change {
    metrics::counter!("brain_cache_changes_unknown", "why" => why).increment(1);
    Change::Unknown
}
