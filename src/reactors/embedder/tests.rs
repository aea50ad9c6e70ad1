//! The embedder on a log in memory. Its model is replaced: nothing here is about meaning.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use async_trait::async_trait;
use chrono::DateTime;
use tokio::sync::watch;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        ids::{CommandId, PrincipalId, Timestamp},
        memory::{Before, Draft, Event, Field, Memory},
    },
    ports::{EventReader, storage::Unwatched},
};

fn at() -> Timestamp {
    DateTime::UNIX_EPOCH
}

/// Both streams: events in order, and the newest fact per key.
struct Streams {
    events: Mutex<Vec<Envelope>>,
    grown: watch::Sender<u64>,
    facts: Mutex<(u64, HashMap<String, Recorded>)>,
}

impl Streams {
    fn new() -> Arc<Self> {
        Arc::new(Self { events: Mutex::default(), grown: watch::channel(0).0, facts: Mutex::default() })
    }

    fn append(&self, event: &Event) -> StreamSeq {
        let stored = event.store();
        let mut events = self.events.lock().unwrap();
        let count = events.len() as u64;
        let command_id = CommandId(Uuid::from_u128(count.into()));
        events.push(Envelope {
            id: command_id.event("memory", "m", 0),
            kind: stored.kind.into(),
            version: stored.version,
            space: SpaceId::default_space(),
            aggregate: "memory".into(),
            aggregate_id: id().to_string(),
            revision: Revision(count + 1),
            actor: PrincipalId(Uuid::nil()),
            via: None,
            command_id,
            command_hash: 0,
            correlation_id: Uuid::nil(),
            causation_id: None,
            at: at(),
            changed: stored.changed,
            before: stored.before,
            data: stored.data,
        });
        self.grown.send_replace(count + 1);
        StreamSeq(count + 1)
    }

    fn put(&self, key: &str, event: &Envelope, expected: Option<StreamSeq>) -> Result<StreamSeq, AppendError> {
        let mut facts = self.facts.lock().unwrap();
        let stands = facts.1.get(key).map_or(StreamSeq(0), |fact| fact.seq);
        if expected.is_some_and(|expected| expected != stands) {
            return Err(AppendError::Conflict);
        }
        facts.0 += 1;
        let seq = StreamSeq(facts.0);
        facts.1.insert(key.to_owned(), Recorded { seq, event: event.clone() });
        Ok(seq)
    }

    fn fact(&self, key: &str) -> Option<Recorded> {
        self.facts.lock().unwrap().1.get(key).cloned()
    }

    fn embedding(&self) -> Option<EmbeddingV1> {
        self.fact(&id().to_string()).map(|fact| derived::embedding(&fact.event).unwrap())
    }

    fn position(&self) -> u64 {
        self.fact("embedder").map_or(0, |fact| derived::embedder(&fact.event).unwrap().position)
    }
}

/// The two streams as the ports show them.
struct Log(Arc<Streams>);
struct Facts(Arc<Streams>);

#[async_trait]
impl EventReader for Log {
    async fn last_seq(&self) -> Result<StreamSeq, ReadError> {
        Ok(StreamSeq(self.0.events.lock().unwrap().len() as u64))
    }

    async fn read(&self, after: StreamSeq, _: Option<&SpaceId>) -> Result<Events, ReadError> {
        let (streams, grown) = (self.0.clone(), self.0.grown.subscribe());
        let next = |(streams, mut grown, seq): (Arc<Streams>, watch::Receiver<u64>, u64)| async move {
            grown.wait_for(|end| *end > seq).await.ok()?;
            let event = streams.events.lock().unwrap()[seq as usize].clone();
            Some((Ok(Recorded { seq: StreamSeq(seq + 1), event }), (streams, grown, seq + 1)))
        };
        Ok(stream::unfold((streams, grown, after.0), next).boxed())
    }
}

#[async_trait]
impl EventLog for Log {
    async fn last(&self, _: &SpaceId, _: &str, _: &str) -> Result<Option<Recorded>, ReadError> {
        let events = self.0.events.lock().unwrap();
        Ok(events.last().map(|event| Recorded { seq: StreamSeq(events.len() as u64), event: event.clone() }))
    }

    async fn next(&self, _: &SpaceId, _: &str, _: &str, _: StreamSeq) -> Result<Option<Recorded>, ReadError> {
        unreachable!("the embedder reads the newest state only")
    }

    async fn last_of(&self, _: &SpaceId) -> Result<StreamSeq, ReadError> {
        unreachable!("the embedder follows all spaces")
    }
}

#[async_trait]
impl EventReader for Facts {
    async fn last_seq(&self) -> Result<StreamSeq, ReadError> {
        Ok(StreamSeq(self.0.facts.lock().unwrap().0))
    }

    async fn read(&self, _: StreamSeq, _: Option<&SpaceId>) -> Result<Events, ReadError> {
        unreachable!("the embedder asks for single facts")
    }
}

/// The tests have one memory and one model, so the kind of a fact names it.
fn name(key: &FactKey) -> String {
    match key {
        FactKey::Embedding { id, .. } => id.to_string(),
        FactKey::Embedder { .. } => "embedder".into(),
        FactKey::Dispatcher => "dispatcher".into(),
    }
}

#[async_trait]
impl DerivedLog for Facts {
    async fn newest(&self, key: &FactKey) -> Result<Option<Recorded>, ReadError> {
        Ok(self.0.fact(&name(key)))
    }
}

#[async_trait]
impl FactAppender for Facts {
    async fn append(&self, key: &FactKey, fact: &Envelope, expected: Option<StreamSeq>) -> Result<StreamSeq, AppendError> {
        self.0.put(&name(key), fact, expected)
    }
}

/// Counts texts; while it works, something else may happen once.
struct Model {
    texts: Mutex<Vec<String>>,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[async_trait]
impl Embedder for Model {
    fn model(&self) -> &'static str {
        "counting"
    }

    fn recipe(&self) -> &'static str {
        "length"
    }

    async fn embed(&self, texts: Vec<String>, _: Urgency) -> Result<Vec<Vec<f32>>, EmbedError> {
        if let Some(act) = self.meanwhile.lock().unwrap().take() {
            act();
        }
        self.texts.lock().unwrap().extend(texts.iter().cloned());
        Ok(texts.iter().map(|text| vec![text.len() as f32]).collect())
    }
}

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        at()
    }
}

fn id() -> MemoryId {
    MemoryId(Uuid::from_u128(7))
}

fn memory(content: &str) -> Memory {
    let draft = Draft { content: content.into(), ..Draft::default() };
    Memory { body: draft.validate().unwrap(), created_at: at(), updated_at: at(), deleted_at: None, erased_at: None }
}

fn updated(content: &str, field: Field) -> Event {
    Event::Updated { memory: memory(content), changed: vec![field], before: Before::default() }
}

fn model() -> Arc<Model> {
    Arc::new(Model { texts: Mutex::default(), meanwhile: Mutex::default() })
}

/// Runs the embedder until it has recorded that it passed `position`.
async fn run_until(streams: &Arc<Streams>, model: &Arc<Model>, position: StreamSeq) {
    let stop = CancellationToken::new();
    let (log, facts) = (Arc::new(Log(streams.clone())), Arc::new(Facts(streams.clone())));
    let (embedder, clock) = (model.clone(), Arc::new(Standing));
    let reactor = Reactor { log, derived: facts.clone(), facts, embedder, storage: Arc::new(Unwatched), clock };
    let running = run(reactor, stop.clone());
    let reached = async {
        while streams.position() < position.0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
    };
    tokio::time::timeout(Duration::from_secs(10), async { futures::join!(running, reached) }).await.expect("it gets there");
}

#[tokio::test]
async fn a_text_is_embedded_once_and_a_tag_embeds_nothing() {
    let (streams, model) = (Streams::new(), model());
    let created = streams.append(&Event::Created(memory("tea")));
    run_until(&streams, &model, created).await;
    let tagged = streams.append(&updated("tea", Field::Tags));
    // A restart goes on from the recorded position; the same text again is known by its hash.
    let same = streams.append(&updated("tea", Field::Content));
    run_until(&streams, &model, same).await;
    assert_eq!(*model.texts.lock().unwrap(), ["tea"]);
    assert_eq!(streams.embedding().unwrap().memory_position, created.0);
    assert!(tagged < same);
    let edited = streams.append(&updated("coffee", Field::Content));
    run_until(&streams, &model, edited).await;
    assert_eq!(*model.texts.lock().unwrap(), ["tea", "coffee"]);
    assert_eq!(streams.fact(&id().to_string()).unwrap().event.revision, Revision(2));
}

#[tokio::test]
async fn an_edit_while_its_old_text_is_embedded_ends_with_the_new_one() {
    let (streams, model) = (Streams::new(), model());
    streams.append(&Event::Created(memory("old")));
    let others = streams.clone();
    // Another embedder sees the edit, and is quicker.
    *model.meanwhile.lock().unwrap() = Some(Box::new(move || {
        let position = others.append(&updated("newer", Field::Content));
        let content_hash = derived::content_hash("newer");
        let vector = HalfVector::from_f32(&[5.0]);
        let data =
            EmbeddingV1 { model: "counting".into(), recipe: "length".into(), content_hash, memory_position: position.0, vector };
        let event = derived::embedding_event(&SpaceId::default_space(), id(), &data, Revision(1), at());
        others.put(&id().to_string(), &event, Some(StreamSeq(0))).expect("it is the first");
    }));
    run_until(&streams, &model, StreamSeq(2)).await;
    assert_eq!(streams.embedding().unwrap().content_hash, derived::content_hash("newer"));
}

#[tokio::test]
async fn what_is_deleted_is_passed() {
    let (streams, model) = (Streams::new(), model());
    streams.append(&Event::Created(memory("tea")));
    let gone = streams.append(&Event::Deleted(Memory { deleted_at: Some(at()), ..memory("tea") }));
    run_until(&streams, &model, gone).await;
    assert_eq!((model.texts.lock().unwrap().len(), streams.embedding()), (0, None));
}

#[tokio::test]
async fn a_memory_that_cannot_be_read_is_passed_and_embedded_when_it_can_be_again() {
    let (streams, model) = (Streams::new(), model());
    let broken = streams.append(&Event::Created(memory("tea")));
    streams.events.lock().unwrap().last_mut().unwrap().data = serde_json::json!({"content": 7});
    run_until(&streams, &model, broken).await;
    assert_eq!((model.texts.lock().unwrap().len(), streams.embedding()), (0, None));
    let healed = streams.append(&updated("coffee", Field::Content));
    run_until(&streams, &model, healed).await;
    assert_eq!(*model.texts.lock().unwrap(), ["coffee"]);
}
