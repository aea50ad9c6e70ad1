//! One JetStream stream of envelopes: its definition, appends with an expected sequence, newest message, ordered reading.
//! Shared by the log and the derived facts, which know the subjects.

use std::sync::Arc;

use async_nats::{
    HeaderMap,
    jetstream::{
        self, ErrorCode, Message,
        consumer::{DeliverPolicy, pull},
        context::traits::Publisher,
        message::{PublishMessage, StreamMessage},
        stream::{LastRawMessageErrorKind, Stream},
    },
};

use futures::{
    StreamExt, future,
    stream::{self, BoxStream},
};
use tokio::sync::watch;

use super::{Appends, Error, eraser, outcome, reader};
use crate::{
    domain::ids::StreamSeq,
    journal::{Envelope, Recorded, codec},
    ports::{
        erasure::EraseError,
        log::{AppendError, Events, ReadError, Readable},
    },
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// There is no connection to NATS at the moment; the client is trying to have one.
#[derive(Debug, thiserror::Error)]
#[error("there is no connection to NATS")]
struct Away;

/// What a connection tells of itself, shared by its streams.
#[derive(Clone)]
pub struct Watched {
    /// How often a connection was made.
    pub connections: Arc<watch::Sender<u64>>,
    pub appends: Appends,
}

/// A stream and how to publish to it.
#[derive(Clone)]
pub struct NatsStream {
    client: async_nats::Client,
    context: jetstream::Context,
    stream: Stream<()>,
    name: String,
    watched: Watched,
    /// Whether it has evicted messages when it was defined otherwise: their bytes lie where nothing reaches them.
    pub has_evicted: bool,
}

impl NatsStream {
    /// Creates or updates the stream; the parts are its name, its subjects and its definition as JSON.
    pub async fn open(
        (client, context, watched): (&async_nats::Client, &jetstream::Context, &Watched),
        parts: (String, String, &str),
        replicas: usize,
    ) -> Result<Self, Error> {
        let (name, subjects, definition) = parts;
        let config =
            config(&name, subjects, definition, replicas).map_err(|cause| Error::Definition { stream: name.clone(), cause })?;
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| Error::Stream { stream: name.clone(), cause };
        let before = context.get_stream(&name).await.ok().map(|stream| stream.cached_info().clone());
        let config = before.map_or_else(|| config.clone(), |before| eraser::remembering(before, config.clone()));
        let has_evicted = config.metadata.contains_key(eraser::EVICTED);
        context.create_or_update_stream(config).await.map_err(|cause| failed(cause.into()))?;
        let stream = context.get_stream_no_info(&name).await.map_err(|cause| failed(cause.into()))?;
        let (client, context, watched) = (client.clone(), context.clone(), watched.clone());
        Ok(Self { client, context, stream, name, watched, has_evicted })
    }

    /// Follows from the stream's name and the instant of its making.
    pub async fn epoch(&self) -> Result<String, Error> {
        let info = self.stream.get_info().await;
        let info = info.map_err(|cause| Error::Stream { stream: self.name.clone(), cause: cause.into() })?;
        let text = format!("{} {}", self.name, info.created.unix_timestamp_nanos());
        Ok(format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes())))
    }

    /// Without a connection an answer can only be a time-out, which nobody need wait for.
    fn reachable(&self) -> Result<(), Away> {
        match self.client.connection_state() {
            async_nats::connection::State::Connected => Ok(()),
            _ => Err(Away),
        }
    }

    /// Appends if the newest message of the subject stands at `expected`; with `None`, whatever stands there. The position is this message's.
    pub async fn append(&self, subject: String, event: &Envelope, expected: Option<StreamSeq>) -> Result<StreamSeq, AppendError> {
        self.append_with(subject, event, (expected, headers(event))).await
    }

    /// As [`Self::append`], whatever stands there, which is left out from now on: for what nobody need ever find again. Its bytes stay on the
    /// disk, where nothing reaches them.
    pub async fn replace(&self, subject: String, event: &Envelope) -> Result<StreamSeq, AppendError> {
        let mut headers = headers(event);
        headers.insert(async_nats::header::NATS_ROLLUP, "sub");
        self.append_with(subject, event, (None, headers)).await
    }

    async fn append_with(
        &self,
        subject: String,
        event: &Envelope,
        (expected, headers): (Option<StreamSeq>, HeaderMap),
    ) -> Result<StreamSeq, AppendError> {
        self.reachable().map_err(|cause| AppendError::Unknown(Box::new(cause)))?;
        let payload = codec::encode(event).map_err(|cause| AppendError::Refused(Box::new(cause)))?;
        let mut message = PublishMessage::build()
            .headers(headers)
            .payload(payload.into())
            .message_id(event.id.to_string())
            .expected_stream(&self.name);
        if let Some(expected) = expected {
            message = message.expected_last_subject_sequence(expected.0);
        }
        let published = self.publish(message.outbound_message(subject)).await;
        self.watched.appends.note(&published);
        published
    }

    /// Appends a message that is no event. Errors: as for events; what became of it is not noted for readiness.
    pub async fn put(&self, subject: String, message: PublishMessage) -> Result<StreamSeq, AppendError> {
        self.reachable().map_err(|cause| AppendError::Unknown(Box::new(cause)))?;
        self.publish(message.expected_stream(&self.name).outbound_message(subject)).await
    }

    /// As [`Self::put`], if the newest message of the subject stands at `expected` (0 = none); with `None`, whatever stands there. `None`
    /// comes back if another one does.
    pub async fn put_after(
        &self,
        subject: String,
        mut message: PublishMessage,
        expected: Option<StreamSeq>,
    ) -> Result<Option<StreamSeq>, AppendError> {
        if let Some(expected) = expected {
            message = message.expected_last_subject_sequence(expected.0);
        }
        match self.put(subject, message).await {
            Ok(seq) => Ok(Some(seq)),
            Err(AppendError::Conflict | AppendError::Duplicate) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The stream itself: for a reader of what is no event.
    pub fn source(&self) -> &Stream<()> {
        &self.stream
    }

    /// Every message of a subject, which may have wildcards, and those that come, of what is no event. Ends by an error.
    pub async fn follow(
        &self,
        subject: String,
        from: DeliverPolicy,
    ) -> Result<BoxStream<'static, Result<Message, BoxError>>, BoxError> {
        let mut connections = self.watched.connections.subscribe();
        connections.borrow_and_update();
        let config = pull::OrderedConfig { deliver_policy: from, filter_subject: subject, ..Default::default() };
        let consumer = self.stream.create_consumer(config).await?;
        let messages = consumer.messages().await?.map(|message| message.map_err(BoxError::from));
        // As for the log: a new connection ends the reader, for the client itself would notice much later.
        let ended = stream::once(async move {
            let _ = connections.changed().await;
            Err(reader::Reconnected.into())
        });
        let mut has_failed = false;
        let until_away = stream::select(messages, ended).take_while(move |message| {
            let goes_on = !has_failed;
            has_failed = message.is_err();
            future::ready(goes_on)
        });
        Ok(until_away.boxed())
    }

    async fn publish(&self, message: jetstream::message::OutboundMessage) -> Result<StreamSeq, AppendError> {
        let ack = self.context.publish_message(message).await.map_err(outcome::of_publish)?;
        let ack = ack.await.map_err(outcome::of_publish)?;
        // The sequence of a duplicate is another message's.
        if ack.duplicate { Err(AppendError::Duplicate) } else { Ok(StreamSeq(ack.sequence)) }
    }

    /// The newest message of a subject, read through the leader.
    pub async fn last(&self, subject: &str) -> Result<Option<Recorded>, ReadError> {
        self.reachable().map_err(|cause| ReadError::Unavailable(cause.into()))?;
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => recorded(&message).map(Some),
            Err(cause) => outcome::absent_or_unavailable(cause),
        }
    }

    /// The newest message of a subject as it lies there, read through the leader: of what is no event.
    pub async fn last_payload(&self, subject: &str) -> Result<Option<(StreamSeq, Vec<u8>)>, ReadError> {
        self.reachable().map_err(|cause| ReadError::Unavailable(cause.into()))?;
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some((StreamSeq(message.sequence), message.payload.to_vec()))),
            Err(cause) if found_nothing(&cause.kind()) => Ok(None),
            Err(cause) => Err(ReadError::Unavailable(Box::new(cause))),
        }
    }

    /// Position of the newest message of a subject, which may have wildcards; 0 when there is none.
    pub async fn last_position(&self, subject: &str) -> Result<StreamSeq, ReadError> {
        self.reachable().map_err(|cause| ReadError::Unavailable(cause.into()))?;
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(StreamSeq(message.sequence)),
            Err(cause) if found_nothing(&cause.kind()) => Ok(StreamSeq(0)),
            Err(cause) => Err(ReadError::Unavailable(Box::new(cause))),
        }
    }

    /// The oldest message of a subject at or after `from`, read through the leader.
    pub async fn next(&self, subject: String, from: StreamSeq) -> Result<Option<Recorded>, ReadError> {
        self.reachable().map_err(|cause| ReadError::Unavailable(cause.into()))?;
        match self.stream.raw_message_builder().sequence(from.0).next_by_subject(subject).send().await {
            Ok(message) => recorded(&message).map(Some),
            Err(cause) => outcome::absent_or_unavailable(cause),
        }
    }

    /// The message at a position, read through the leader with `decode`.
    pub async fn at(&self, seq: StreamSeq, decode: reader::Decode) -> Result<Option<Recorded>, ReadError> {
        self.reachable().map_err(|cause| ReadError::Unavailable(cause.into()))?;
        if seq == StreamSeq(0) {
            // Before everything; nats-server takes it for a request without a position.
            return Ok(None);
        }
        match self.stream.get_raw_message(seq.0).await {
            Ok(message) => recorded_by(&message, decode).map(Some),
            Err(cause) => outcome::absent_or_unavailable(cause),
        }
    }

    /// Every message of a subject, which may have wildcards, in order, read with `decode`.
    pub async fn all_of(&self, subject: &str, decode: reader::Decode) -> Result<Vec<Readable>, ReadError> {
        self.reachable().map_err(|cause| ReadError::Unavailable(cause.into()))?;
        let (mut from, mut found) = (1, vec![]);
        loop {
            match self.stream.raw_message_builder().sequence(from).next_by_subject(subject).send().await {
                Ok(message) => {
                    from = message.sequence + 1;
                    found.push(match recorded_by(&message, decode) {
                        Err(ReadError::Poison { seq, cause }) => Err((StreamSeq(seq), cause)),
                        other => Ok(other?),
                    });
                }
                Err(cause) if found_nothing(&cause.kind()) => return Ok(found),
                Err(cause) => return Err(ReadError::Unavailable(Box::new(cause))),
            }
        }
    }

    /// Overwrites the messages of a subject, which may have wildcards, where they lie: those that are `meant`, by position and type. Answers
    /// how many that were. Errors: the server cannot be reached, or refuses; what is destroyed stays so.
    pub async fn destroy(&self, subject: &str, meant: impl Fn(StreamSeq, Option<&str>) -> bool) -> Result<u64, EraseError> {
        const DOING: &str = "destroying messages of the log";
        self.reachable().map_err(|cause| EraseError::new(DOING, cause))?;
        let (mut from, mut destroyed) = (1, 0);
        loop {
            let message = match self.stream.raw_message_builder().sequence(from).next_by_subject(subject).send().await {
                Ok(message) => message,
                Err(cause) if found_nothing(&cause.kind()) => return Ok(destroyed),
                Err(cause) => return Err(EraseError::new(DOING, cause)),
            };
            from = message.sequence + 1;
            let kind = message.headers.get("ev-type").map(|kind| kind.as_str());
            if !meant(StreamSeq(message.sequence), kind) {
                continue;
            }
            match self.stream.delete_message(message.sequence).await {
                Ok(_) => destroyed += 1,
                Err(cause) if eraser::is_gone(&cause) => {}
                Err(cause) => return Err(EraseError::new(DOING, cause)),
            }
        }
    }

    pub async fn last_seq(&self) -> Result<StreamSeq, ReadError> {
        self.reachable().map_err(|cause| ReadError::Unavailable(cause.into()))?;
        let info = self.stream.get_info().await.map_err(|cause| ReadError::Unavailable(cause.into()))?;
        Ok(StreamSeq(info.state.last_sequence))
    }

    /// Every message after `after`, or those on `filter` only, read with `decode`.
    pub async fn read(&self, after: StreamSeq, filter: Option<String>, decode: reader::Decode) -> Result<Events, ReadError> {
        reader::open(&self.stream, self.watched.connections.subscribe(), (after, filter), decode).await
    }
}

fn config(
    name: &str,
    subjects: String,
    definition: &str,
    replicas: usize,
) -> Result<jetstream::stream::Config, serde_json::Error> {
    let mut raw: serde_json::Value = serde_json::from_str(definition)?;
    raw["name"] = name.into();
    raw["subjects"] = vec![subjects].into();
    raw["num_replicas"] = replicas.into();
    serde_json::from_value(raw)
}

fn recorded(message: &StreamMessage) -> Result<Recorded, ReadError> {
    recorded_by(message, codec::decode)
}

fn recorded_by(message: &StreamMessage, decode: reader::Decode) -> Result<Recorded, ReadError> {
    let event = decode(&message.payload).map_err(|cause| ReadError::Poison { seq: message.sequence, cause })?;
    Ok(Recorded { seq: StreamSeq(message.sequence), event })
}

fn headers(event: &Envelope) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("ev-type", event.kind.as_str());
    headers.insert("ev-ver", event.version.to_string());
    headers.insert("cmd-id", event.command_id.to_string());
    headers.insert("corr-id", event.correlation_id.to_string());
    headers
}

/// Whether a raw read found nothing, as opposed to not being able to look.
pub fn found_nothing(kind: &LastRawMessageErrorKind) -> bool {
    match kind {
        LastRawMessageErrorKind::NoMessageFound => true,
        LastRawMessageErrorKind::JetStream(error) => error.error_code() == ErrorCode::NO_MESSAGE_FOUND,
        LastRawMessageErrorKind::InvalidSubject | LastRawMessageErrorKind::Other => false,
    }
}
