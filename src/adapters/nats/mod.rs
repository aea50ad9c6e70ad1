//! JetStream as the event log. Implements [`EventLog`]; built by wiring. The only place that knows NATS error codes.

mod outcome;
mod reader;

use std::time::Duration;

use async_nats::{
    HeaderMap,
    jetstream::{
        self, ErrorCode,
        context::traits::Publisher,
        message::PublishMessage,
        message::StreamMessage,
        stream::{LastRawMessageErrorKind, Stream},
    },
};
use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::{
    domain::ids::{SpaceId, StreamSeq},
    journal::{Envelope, Recorded, codec, subject::Prefix},
    ports::{
        EventLog,
        log::{AppendError, ReadError},
    },
};

/// The stream's definition; name, subjects and replicas are added at start.
const EVENTS_DEFINITION: &str = include_str!("../../../nats/events.json");
/// How long an append waits for its acknowledgement before the log is asked.
const ACK_WAIT_S: u64 = 5;
/// Most appends in flight from one process; more wait.
const ACKS_IN_FLIGHT_MAX: usize = 4_096;

/// The log cannot be reached or set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot connect to NATS at {url}")]
    Connect {
        url: String,
        #[source]
        cause: async_nats::ConnectError,
    },
    #[error("nats/events.json is not a stream definition")]
    Definition(#[source] serde_json::Error),
    #[error("cannot create or update the stream {stream}")]
    Stream {
        stream: String,
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How to reach NATS.
pub struct Access {
    pub url: String,
    pub user: String,
    pub password: String,
    pub replicas: usize,
}

/// The event log on JetStream.
#[derive(Clone)]
pub struct NatsLog {
    client: async_nats::Client,
    context: jetstream::Context,
    stream: Stream<()>,
    stream_name: String,
    prefix: Prefix,
}

impl NatsLog {
    /// Connects and applies the stream's definition.
    pub async fn connect(access: &Access, prefix: Prefix) -> Result<Self, Error> {
        let client = async_nats::ConnectOptions::with_user_and_password(access.user.clone(), access.password.clone())
            .name("brain")
            .connect(&access.url)
            .await
            .map_err(|cause| Error::Connect { url: access.url.clone(), cause })?;
        let context = jetstream::ContextBuilder::new()
            .ack_timeout(Duration::from_secs(ACK_WAIT_S))
            .max_ack_inflight(ACKS_IN_FLIGHT_MAX)
            .backpressure_on_inflight(true)
            .build(client.clone());
        let stream_name = prefix.stream("EVENTS");
        let config = definition(&stream_name, prefix.all_events(), access.replicas)?;
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| Error::Stream { stream: stream_name.clone(), cause };
        context.create_or_update_stream(config).await.map_err(|cause| failed(cause.into()))?;
        let stream = context.get_stream_no_info(&stream_name).await.map_err(|cause| failed(cause.into()))?;
        Ok(Self { client, context, stream, stream_name, prefix })
    }

    /// Tells other processes that a projection has applied everything up to `seq`. Best effort: waiters poll as well.
    pub async fn announce(&self, projection: &str, seq: StreamSeq) {
        let told = self.client.publish(self.prefix.applied(projection), seq.to_string().into()).await;
        if let Err(cause) = told {
            tracing::debug!(projection, %seq, %cause, "commit not announced");
        }
    }

    fn subject(&self, space: &SpaceId, aggregate: &str, id: &str) -> String {
        self.prefix.event(space, aggregate, id)
    }
}

fn definition(name: &str, subjects: String, replicas: usize) -> Result<jetstream::stream::Config, Error> {
    let mut raw: serde_json::Value = serde_json::from_str(EVENTS_DEFINITION).map_err(Error::Definition)?;
    raw["name"] = name.into();
    raw["subjects"] = vec![subjects].into();
    raw["num_replicas"] = replicas.into();
    serde_json::from_value(raw).map_err(Error::Definition)
}

fn recorded(message: &StreamMessage) -> Result<Recorded, ReadError> {
    let event = codec::decode(&message.payload).map_err(|cause| ReadError::Poison { seq: message.sequence, cause })?;
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

#[async_trait]
impl EventLog for NatsLog {
    async fn last(&self, space: &SpaceId, aggregate: &str, id: &str) -> Result<Option<Recorded>, ReadError> {
        match self.stream.get_last_raw_message_by_subject(&self.subject(space, aggregate, id)).await {
            Ok(message) => recorded(&message).map(Some),
            Err(cause) => outcome::absent_or_unavailable(cause),
        }
    }

    async fn next(&self, space: &SpaceId, aggregate: &str, id: &str, from: StreamSeq) -> Result<Option<Recorded>, ReadError> {
        let subject = self.subject(space, aggregate, id);
        match self.stream.raw_message_builder().sequence(from.0).next_by_subject(subject).send().await {
            Ok(message) => recorded(&message).map(Some),
            Err(cause) => outcome::absent_or_unavailable(cause),
        }
    }

    async fn append(&self, event: &Envelope, expected: StreamSeq) -> Result<StreamSeq, AppendError> {
        let payload = codec::encode(event).map_err(|cause| AppendError::Refused(Box::new(cause)))?;
        let message = PublishMessage::build()
            .headers(headers(event))
            .payload(payload.into())
            .message_id(event.id.to_string())
            .expected_stream(&self.stream_name)
            .expected_last_subject_sequence(expected.0)
            .outbound_message(self.subject(&event.space, &event.aggregate, &event.aggregate_id));
        let ack = self.context.publish_message(message).await.map_err(outcome::of_publish)?;
        let ack = ack.await.map_err(outcome::of_publish)?;
        Ok(StreamSeq(ack.sequence))
    }

    async fn last_seq(&self) -> Result<StreamSeq, ReadError> {
        let info = self.stream.get_info().await.map_err(|cause| ReadError::Unavailable(cause.into()))?;
        Ok(StreamSeq(info.state.last_sequence))
    }

    async fn read(
        &self,
        after: StreamSeq,
        space: Option<&SpaceId>,
    ) -> Result<BoxStream<'static, Result<Recorded, ReadError>>, ReadError> {
        let filter = space.map(|space| self.prefix.events_of(space));
        reader::open(&self.stream, after, filter).await
    }
}

/// Whether a raw read found nothing, as opposed to not being able to look.
fn found_nothing(kind: &LastRawMessageErrorKind) -> bool {
    match kind {
        LastRawMessageErrorKind::NoMessageFound => true,
        LastRawMessageErrorKind::JetStream(error) => error.error_code() == ErrorCode::NO_MESSAGE_FOUND,
        LastRawMessageErrorKind::InvalidSubject | LastRawMessageErrorKind::Other => false,
    }
}
