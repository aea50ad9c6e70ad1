//! How events become batches: as many as are waiting, within limits. Used by the engine; knows no store.
//!
//! Decision 2026-11-24: a batch gathers while the one before it is committed, and only what nobody waits for lingers for company. Batches then grow
//! with the load by themselves, and an idle projection shows an event at once.

use std::pin::pin;

use futures::{FutureExt, Stream, StreamExt};

use super::definition::Definition;
use crate::{
    causes::chain,
    domain::ids::StreamSeq,
    journal::{Envelope, Recorded},
    ports::{Readable, log::ReadError},
};

/// Most events of a batch, those included that the projection does not want.
pub const BATCH_ROWS_MAX: usize = 5_000;
/// Size of the data after which a batch is closed; one event of any size always fits.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events after which others have the thread for a moment.
const EVENTS_PER_BREATH: usize = 32;
/// What an event weighs beside its data.
const FRAME_BYTES: usize = 200;

/// One message of the log that concerns the projection.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `values` is the data in the columns of the definition; the event has none any more.
    Event { seq: StreamSeq, event: Box<Envelope>, values: Vec<Option<String>> },
    /// Bytes that are no known event.
    Undecodable { seq: StreamSeq, error: String },
}

impl Item {
    /// What the log gave, if the projection has to do with it: an event that it wants, or one that nobody can understand.
    pub fn of(definition: &Definition, read: Readable) -> Option<Self> {
        match read {
            Ok(Recorded { event, .. }) if !definition.wants(&event.kind) => None,
            Ok(Recorded { seq, mut event }) => {
                let values = definition.columns.iter().map(|column| column.take(&mut event.data)).collect();
                Some(Self::Event { seq, event: Box::new(event), values })
            }
            Err((seq, cause)) => Some(Self::Undecodable { seq, error: chain(&cause) }),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Event { values, .. } => FRAME_BYTES + values.iter().flatten().map(String::len).sum::<usize>(),
            Self::Undecodable { .. } => FRAME_BYTES,
        }
    }

    pub fn seq(&self) -> StreamSeq {
        match self {
            Self::Event { seq, .. } | Self::Undecodable { seq, .. } => *seq,
        }
    }
}

/// Everything of the log in (`after`, `upto`] that the projection wants, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub after: StreamSeq,
    pub upto: StreamSeq,
    pub items: Vec<Item>,
    seen: usize,
    bytes: usize,
}

impl Batch {
    pub fn new(after: StreamSeq) -> Self {
        Self { after, upto: after, items: vec![], seen: 0, bytes: 0 }
    }

    /// Adds what the reader gave; hands back the error that ends the feed.
    pub fn push(&mut self, definition: &Definition, given: Result<Recorded, ReadError>) -> Result<(), ReadError> {
        let read = match given {
            Ok(recorded) => Ok(recorded),
            Err(ReadError::Poison { seq, cause }) => Err((StreamSeq(seq), cause)),
            Err(unavailable @ ReadError::Unavailable(_)) => return Err(unavailable),
        };
        let seq = match &read {
            Ok(Recorded { seq, .. }) | Err((seq, _)) => *seq,
        };
        if let Some(item) = Item::of(definition, read) {
            self.bytes += item.bytes();
            self.items.push(item);
        }
        self.seen += 1;
        self.upto = self.upto.max(seq);
        Ok(())
    }

    /// Leaves out what lies beyond `upto`.
    pub fn cut(&mut self, upto: StreamSeq) {
        if self.upto > upto {
            self.items.retain(|item| item.seq() <= upto);
            self.upto = upto;
        }
    }

    /// Lets others have the thread now and then: a feed that never waits would keep it for a whole batch.
    async fn breathe(&self) {
        if self.seen.is_multiple_of(EVENTS_PER_BREATH) {
            tokio::task::yield_now().await;
        }
    }

    pub fn is_full(&self) -> bool {
        self.seen >= BATCH_ROWS_MAX || self.bytes >= BATCH_BYTES_MAX
    }

    pub fn is_empty(&self) -> bool {
        self.seen == 0
    }
}

/// Waits for the first event of an empty batch; `false` when the feed has ended.
pub async fn first<S>(feed: &mut S, definition: &Definition, batch: &mut Batch) -> Result<bool, ReadError>
where
    S: Stream<Item = Result<Recorded, ReadError>> + Unpin,
{
    match feed.next().await {
        Some(first) => batch.push(definition, first).map(|()| true),
        None => Ok(false),
    }
}

/// Takes along what is there already, without waiting.
/// An error that ends the feed only closes the batch, so that nothing read is lost: the feed's end comes again.
pub async fn top_up<S>(feed: &mut S, definition: &Definition, batch: &mut Batch)
where
    S: Stream<Item = Result<Recorded, ReadError>> + Unpin,
{
    while !batch.is_full() {
        let Some(Some(more)) = feed.next().now_or_never() else { return };
        if batch.push(definition, more).is_err() {
            return;
        }
        batch.breathe().await;
    }
}

/// Takes along what comes while `work` is done; errors as in [`top_up`].
pub async fn gather_while<S, T>(feed: &mut S, definition: &Definition, batch: &mut Batch, work: impl Future<Output = T>) -> T
where
    S: Stream<Item = Result<Recorded, ReadError>> + Unpin,
{
    let mut work = pin!(work);
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            more = feed.next(), if open && !batch.is_full() => {
                open = more.is_some_and(|more| batch.push(definition, more).is_ok());
                batch.breathe().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{
            ids::{CommandId, EventId, PrincipalId, Revision, SpaceId},
            memory::Before,
        },
        projectors::definition,
    };

    fn recorded(seq: u64, kind: &str, content_bytes: usize) -> Result<Recorded, ReadError> {
        let event = Envelope {
            id: EventId(Uuid::nil()),
            kind: kind.into(),
            version: 1,
            space: SpaceId::default_space(),
            aggregate: "memory".into(),
            aggregate_id: Uuid::nil().to_string(),
            revision: Revision(seq),
            actor: PrincipalId(Uuid::nil()),
            via: None,
            command_id: CommandId(Uuid::nil()),
            command_hash: 0,
            correlation_id: Uuid::nil(),
            causation_id: None,
            at: "2026-01-01T00:00:00Z".parse().expect("valid"),
            changed: vec![],
            before: Before::default(),
            data: json!({ "content": "x".repeat(content_bytes) }),
        };
        Ok(Recorded { seq: StreamSeq(seq), event })
    }

    fn unavailable() -> Result<Recorded, ReadError> {
        Err(ReadError::Unavailable("cut".into()))
    }

    /// The next batch of a feed from which everything is there already.
    async fn next<S>(feed: &mut S, definition: &Definition, after: StreamSeq) -> Option<Batch>
    where
        S: Stream<Item = Result<Recorded, ReadError>> + Unpin,
    {
        let mut batch = Batch::new(after);
        let begun = first(feed, definition, &mut batch).await.unwrap();
        top_up(feed, definition, &mut batch).await;
        begun.then_some(batch)
    }

    #[tokio::test]
    async fn what_waits_becomes_one_batch_and_the_rest_the_next() {
        let count = BATCH_ROWS_MAX as u64 + 10;
        let mut feed = stream::iter((1..=count).map(|seq| recorded(seq, "memory.created", 1)));
        let memories = definition::memories();
        let first = next(&mut feed, &memories, StreamSeq(0)).await.unwrap();
        assert_eq!((first.items.len(), first.upto), (BATCH_ROWS_MAX, StreamSeq(BATCH_ROWS_MAX as u64)));
        let second = next(&mut feed, &memories, first.upto).await.unwrap();
        assert_eq!((second.after, second.items.len(), second.upto), (first.upto, 10, StreamSeq(count)));
        assert_eq!(next(&mut feed, &memories, second.upto).await, None);
    }

    #[tokio::test]
    async fn bytes_close_a_batch() {
        let mut feed = stream::iter((1..=3).map(|seq| recorded(seq, "memory.created", BATCH_BYTES_MAX)));
        let batch = next(&mut feed, &definition::memories(), StreamSeq(0)).await.unwrap();
        assert_eq!(batch.upto, StreamSeq(1));
    }

    #[tokio::test]
    async fn unwanted_events_move_the_end_only() {
        let mut feed = stream::iter([recorded(4, "key.created", 1), recorded(9, "key.revoked", 1)]);
        let batch = next(&mut feed, &definition::memories(), StreamSeq(3)).await.unwrap();
        assert_eq!((batch.after, batch.upto, batch.items.len()), (StreamSeq(3), StreamSeq(9), 0));
        assert!(!batch.is_empty());
    }

    #[tokio::test]
    async fn what_comes_during_a_commit_is_gathered() {
        let late = stream::once(async {
            tokio::task::yield_now().await;
            recorded(2, "memory.created", 1)
        });
        let mut feed = stream::iter([recorded(1, "memory.created", 1)]).chain(late).chain(stream::pending()).boxed();
        let mut batch = Batch::new(StreamSeq(0));
        let commit = async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            "done"
        };
        assert_eq!(gather_while(&mut feed, &definition::memories(), &mut batch, commit).await, "done");
        assert_eq!((batch.items.len(), batch.upto), (2, StreamSeq(2)));
    }

    #[tokio::test]
    async fn an_error_ends_the_batch_before_it_and_loses_nothing() {
        let mut feed = stream::iter([recorded(1, "memory.created", 1), unavailable()]);
        let batch = next(&mut feed, &definition::memories(), StreamSeq(0)).await.unwrap();
        assert_eq!(batch.upto, StreamSeq(1));
        assert_eq!(next(&mut feed, &definition::memories(), StreamSeq(1)).await, None);
        let mut feed = stream::iter([unavailable()]);
        assert!(first(&mut feed, &definition::memories(), &mut Batch::new(StreamSeq(0))).await.is_err());
    }

    #[test]
    fn an_undecodable_message_is_an_item() {
        let decode = crate::journal::codec::decode(b"\xc1").expect_err("no envelope");
        let mut batch = Batch::new(StreamSeq(0));
        batch.push(&definition::memories(), Err(ReadError::Poison { seq: 7, cause: decode })).unwrap();
        assert!(matches!(batch.items.as_slice(), [Item::Undecodable { seq: StreamSeq(7), .. }]));
        assert_eq!(batch.upto, StreamSeq(7));
    }
}
