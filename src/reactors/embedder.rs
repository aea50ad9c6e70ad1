//! The embedder: every memory's newest text becomes a vector in DERIVED, once. Started by wiring; skips what has its vector already.
//!
//! An old text can never overwrite a newer one: the place of the last embedding is read first, then the newest text, and the
//! result is only kept if that place has not changed meanwhile.

use std::{collections::HashSet, sync::Arc};

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    causes::chain,
    domain::{
        ids::{MemoryId, Revision, SpaceId, StreamSeq},
        memory::{self, Field},
    },
    journal::{
        Envelope, Recorded,
        derived::{self, FactKey},
        events::{self, EmbedderV1, EmbeddingV1, HalfVector, Storable},
    },
    ports::{
        Clock, DerivedLog, EmbedError, Embedder, EventLog, FactAppender, Urgency,
        log::{AppendError, Events, ReadError},
        storage::{NoRoom, Storage},
    },
    retry::Backoff,
};

/// Events taken at once: some texts to sort by length, and not much to do again after a kill.
const EVENTS_MAX: usize = 64;
/// Questions to the log and appends in flight.
const IN_FLIGHT_MAX: usize = 32;
/// How often a memory is looked at again after another embedder was quicker.
const TRIES_MAX: usize = 5;
/// Events after which the position is written though nothing was embedded and more are waiting.
const SILENT_EVENTS_MAX: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 30_000;

/// Why one pass from position to failure ended.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    #[error("the vector cannot be recorded")]
    Append(#[source] AppendError),
    #[error("there is no room for vectors")]
    NoRoom(#[from] NoRoom),
    #[error("the texts cannot be embedded")]
    Embed(#[from] EmbedError),
    #[error("a stored fact cannot be read")]
    Stored(#[from] events::Error),
    #[error("others kept embedding the same memories")]
    Contention,
    #[error("the log's reader ended")]
    FeedEnded,
}

/// Embeds until told to stop; outages, a full disk and a missing model are waited out.
pub async fn run(reactor: Reactor, stop: CancellationToken) {
    let mut backoff = Backoff::new(PAUSE_MS_MAX);
    while let Some(interrupted) = stop.run_until_cancelled(reactor.pass(&mut backoff)).await {
        let wait = backoff.next_pause();
        tracing::warn!(error = %chain(&interrupted), wait_ms = wait.as_millis(), "the embedder was interrupted");
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return;
        }
    }
}

/// What the embedder works with.
pub struct Reactor {
    pub log: Arc<dyn EventLog>,
    pub derived: Arc<dyn DerivedLog>,
    pub facts: Arc<dyn FactAppender>,
    pub embedder: Arc<dyn Embedder>,
    pub storage: Arc<dyn Storage>,
    pub clock: Arc<dyn Clock>,
}

type Subject = (SpaceId, MemoryId);

/// A text that needs a vector, and what must still hold when it is recorded.
struct Wanted {
    subject: Subject,
    text: String,
    content_hash: String,
    memory_position: StreamSeq,
    /// Place and revision of the embedding before; 0 when there was none.
    expected: StreamSeq,
    revision: Revision,
}

/// What the feed gave: the memories whose text may have changed.
struct Gathered {
    subjects: HashSet<Subject>,
    upto: StreamSeq,
    more_waits: bool,
}

impl Reactor {
    async fn pass(&self, backoff: &mut Backoff) -> Interrupted {
        match self.follow(backoff).await {
            Ok(never) => match never {},
            Err(interrupted) => interrupted,
        }
    }

    async fn follow(&self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Interrupted> {
        let position = FactKey::Embedder { model: self.embedder.model().into() };
        let mut recorded = match self.derived.newest(&position).await? {
            Some(Recorded { event, .. }) => StreamSeq(derived::embedder(&event)?.position),
            None => StreamSeq(0),
        };
        let mut feed = self.log.read(recorded, None).await?;
        loop {
            let gathered = gather(&mut feed, recorded).await?;
            // Before the model works for nothing.
            self.storage.room()?;
            let embedded = self.embed_all(gathered.subjects).await?;
            let silent = gathered.upto.0 - recorded.0;
            if embedded > 0 || !gathered.more_waits || silent >= SILENT_EVENTS_MAX {
                self.record_position(gathered.upto).await?;
                recorded = gathered.upto;
            }
            backoff.reset();
        }
    }

    async fn record_position(&self, position: StreamSeq) -> Result<(), Interrupted> {
        let model: String = self.embedder.model().into();
        let event = derived::embedder_event(&EmbedderV1 { model: model.clone(), position: position.0 }, self.clock.now());
        self.facts.append(&FactKey::Embedder { model }, &event, None).await.map_err(Interrupted::Append)?;
        metrics::gauge!("brain_embedder_position").set(position.0 as f64);
        Ok(())
    }

    /// Embeds what needs it; answers how many texts.
    async fn embed_all(&self, mut subjects: HashSet<Subject>) -> Result<usize, Interrupted> {
        let mut embedded = 0;
        for _ in 0..TRIES_MAX {
            let looks = subjects.drain().map(|subject| self.look(subject));
            let wanted: Vec<Wanted> =
                stream::iter(looks).buffer_unordered(IN_FLIGHT_MAX).try_filter_map(async |found| Ok(found)).try_collect().await?;
            if wanted.is_empty() {
                return Ok(embedded);
            }
            let started = Instant::now();
            let texts = wanted.iter().map(|one| one.text.clone()).collect();
            let vectors = self.embedder.embed(texts, Urgency::Ingest).await?;
            metrics::histogram!("brain_embedder_batch_seconds").record(started.elapsed());
            metrics::counter!("brain_embedder_texts").increment(vectors.len() as u64);
            embedded += vectors.len();
            let puts = wanted.into_iter().zip(vectors).map(|(one, vector)| self.put(one, vector));
            let again = stream::iter(puts).buffer_unordered(IN_FLIGHT_MAX).try_filter_map(async |lost| Ok(lost));
            subjects = again.try_collect().await?;
        }
        if subjects.is_empty() { Ok(embedded) } else { Err(Interrupted::Contention) }
    }

    /// Whether a memory needs a vector. What cannot be read stops its own memory alone, which is found by its words until it is changed.
    async fn look(&self, subject: Subject) -> Result<Option<Wanted>, Interrupted> {
        let (space, id) = subject.clone();
        match self.wanted(subject).await {
            Err(cause @ (Interrupted::Read(ReadError::Poison { .. }) | Interrupted::Stored(_))) => {
                tracing::error!(%space, %id, cause = %chain(&cause), "a memory cannot be read; it gets no vector");
                Ok(None)
            }
            found => found,
        }
    }

    /// The embedding's place is read before the text: see the head of this file.
    async fn wanted(&self, subject: Subject) -> Result<Option<Wanted>, Interrupted> {
        let (space, id) = &subject;
        let before = self.derived.newest(&FactKey::embedding(self.embedder.model(), space, *id)).await?;
        let (expected, revision, old_hash) = match before {
            // One that cannot be read is replaced.
            Some(Recorded { seq, event }) => {
                (seq, event.revision.next(), derived::embedding(&event).ok().map(|it| it.content_hash))
            }
            None => (StreamSeq(0), Revision(1), None),
        };
        let newest = self.log.last(space, "memory", &id.to_string()).await?;
        let Some(Recorded { seq: memory_position, event }) = newest else { return Ok(None) };
        let state = memory::Event::load(&event.kind, &event.data)?;
        let memory = state.memory();
        let text = memory.body.text_to_embed();
        let content_hash = derived::content_hash(&text);
        if memory.deleted_at.is_some() || memory.body.sensitive || old_hash.as_ref() == Some(&content_hash) {
            return Ok(None);
        }
        let text = text.into_owned();
        Ok(Some(Wanted { subject, text, content_hash, memory_position, expected, revision }))
    }

    /// Records a vector; gives the memory back when somebody was quicker.
    async fn put(&self, wanted: Wanted, vector: Vec<f32>) -> Result<Option<Subject>, Interrupted> {
        let data = EmbeddingV1 {
            model: self.embedder.model().into(),
            recipe: self.embedder.recipe().into(),
            content_hash: wanted.content_hash,
            memory_position: wanted.memory_position.0,
            vector: HalfVector::from_f32(&vector),
        };
        let (space, id) = &wanted.subject;
        let event = derived::embedding_event(space, *id, &data, wanted.revision, self.clock.now());
        let key = FactKey::embedding(self.embedder.model(), space, *id);
        match self.facts.append(&key, &event, Some(wanted.expected)).await {
            Ok(_) => Ok(None),
            Err(AppendError::Conflict | AppendError::Duplicate) => Ok(Some(wanted.subject)),
            Err(other) => Err(Interrupted::Append(other)),
        }
    }
}

/// Waits for an event and takes along what is there already.
async fn gather(feed: &mut Events, after: StreamSeq) -> Result<Gathered, Interrupted> {
    let mut gathered = Gathered { subjects: HashSet::new(), upto: after, more_waits: true };
    let mut next = feed.next().await;
    for taken in 1.. {
        match next.ok_or(Interrupted::FeedEnded)? {
            Ok(Recorded { seq, event }) => {
                gathered.upto = seq;
                gathered.subjects.extend(subject_of(&event));
            }
            Err(ReadError::Poison { seq, cause }) => {
                tracing::error!(seq, %cause, "an event cannot be read; the embedder passes it");
                gathered.upto = StreamSeq(seq);
            }
            Err(away) => return Err(away.into()),
        }
        if taken == EVENTS_MAX {
            break;
        }
        next = match feed.next().now_or_never() {
            Some(more) => more,
            None => {
                gathered.more_waits = false;
                break;
            }
        };
    }
    Ok(gathered)
}

/// The memory whose text the event may have changed.
fn subject_of(event: &Envelope) -> Option<Subject> {
    let may_change = match event.kind.as_str() {
        "memory.created" | "memory.restored" => true,
        "memory.updated" => {
            [Field::Title, Field::Content, Field::Sensitive].iter().any(|field| event.has_changed(field.as_str()))
        }
        _ => false,
    };
    let id = event.aggregate_id.parse().ok().filter(|_| may_change)?;
    Some((event.space.clone(), id))
}

#[cfg(test)]
mod tests;
