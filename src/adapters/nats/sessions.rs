//! The stream SESSIONS: one subject for each session of a browser and for each thing that counts once, whose messages go by themselves.
//! Implements [`SessionStore`]; knows no secret, only hashes.

use std::time::Duration;

use async_nats::jetstream::{
    Message,
    consumer::{DeliverPolicy, pull},
    message::PublishMessage,
};
use async_trait::async_trait;
use futures::{
    StreamExt, future,
    stream::{self, BoxStream},
};

use super::stream::NatsStream;
use crate::{
    domain::{ids::StreamSeq, session::Session},
    journal::{session, subject::Prefix},
    ports::{
        log::AppendError,
        sessions::{SessionStore, SessionsAway, Tellings, Told},
    },
};

/// The server counts in whole seconds, and takes none for less than one.
const KEEP_MIN: Duration = Duration::from_secs(1);

/// Sessions on JetStream.
pub struct NatsSessions {
    pub(super) stream: NatsStream,
    pub(super) prefix: Prefix,
}

impl NatsSessions {
    /// Publishes, if nothing was written since `expected`. `None` if something was.
    pub(super) async fn publish(
        &self,
        subject: String,
        payload: Vec<u8>,
        expected: Option<StreamSeq>,
        keep: Duration,
    ) -> Result<Option<StreamSeq>, SessionsAway> {
        let mut message = PublishMessage::build().payload(payload.into()).ttl(keep.max(KEEP_MIN));
        if let Some(expected) = expected {
            message = message.expected_last_subject_sequence(expected.0);
        }
        match self.stream.put(subject, message).await {
            Ok(seq) => Ok(Some(seq)),
            Err(AppendError::Conflict | AppendError::Duplicate) => Ok(None),
            Err(other) => Err(SessionsAway(other.into())),
        }
    }

    /// Whether nothing is kept on a subject, which may have wildcards.
    pub(super) async fn is_silent(&self, subject: &str) -> Result<bool, SessionsAway> {
        let last = self.stream.last_position(subject).await;
        last.map(|seq| seq == StreamSeq(0)).map_err(|cause| SessionsAway(cause.into()))
    }

    /// Every message of a subject, which may have wildcards, from the first one that is kept. Ends by an error.
    pub(super) async fn follow(
        &self,
        subject: String,
    ) -> Result<BoxStream<'static, Result<Message, SessionsAway>>, SessionsAway> {
        let away = |cause: Box<dyn std::error::Error + Send + Sync>| SessionsAway(cause);
        let (stream, mut connections) = self.stream.source();
        connections.borrow_and_update();
        let config = pull::OrderedConfig { deliver_policy: DeliverPolicy::All, filter_subject: subject, ..Default::default() };
        let consumer = stream.create_consumer(config).await.map_err(|cause| away(cause.into()))?;
        let messages = consumer.messages().await.map_err(|cause| away(cause.into()))?;
        let messages = messages.map(|message| message.map_err(|cause| SessionsAway(cause.into())));
        // As for the log: a new connection ends the reader, for the client itself would notice much later.
        let ended = stream::once(async move {
            let _ = connections.changed().await;
            Err(SessionsAway("the connection to NATS is a new one".into()))
        });
        let mut has_failed = false;
        let until_away = stream::select(messages, ended).take_while(move |message| {
            let goes_on = !has_failed;
            has_failed = message.is_err();
            future::ready(goes_on)
        });
        Ok(until_away.boxed())
    }
}

#[async_trait]
impl SessionStore for NatsSessions {
    async fn put(
        &self,
        secret_sha256: &str,
        session: &Session,
        expected: Option<StreamSeq>,
        keep: Duration,
    ) -> Result<Option<StreamSeq>, SessionsAway> {
        let payload = session::encode(session).map_err(|cause| SessionsAway(cause.into()))?;
        self.publish(self.prefix.session(secret_sha256), payload, expected, keep).await
    }

    async fn end(&self, secret_sha256: &str, keep: Duration) -> Result<StreamSeq, SessionsAway> {
        let seq = self.publish(self.prefix.session(secret_sha256), vec![], None, keep).await?;
        // Nothing was expected, so nothing could be otherwise.
        seq.ok_or_else(|| SessionsAway("the end of a session was taken for another message".into()))
    }

    async fn first_use(&self, sha256: &str, keep: Duration) -> Result<bool, SessionsAway> {
        let seq = self.publish(self.prefix.used_once(sha256), vec![], Some(StreamSeq(0)), keep).await?;
        Ok(seq.is_some())
    }

    async fn is_empty(&self) -> Result<bool, SessionsAway> {
        self.is_silent(&self.prefix.session("*")).await
    }

    async fn tell(&self) -> Result<Tellings, SessionsAway> {
        let messages = self.follow(self.prefix.session("*")).await?;
        Ok(messages.map(|message| told(&message?)).boxed())
    }
}

fn told(message: &Message) -> Result<Told, SessionsAway> {
    let info = message.info().map_err(SessionsAway)?;
    let session = match message.payload.as_ref() {
        [] => None,
        // What a newer brain wrote otherwise opens nothing here.
        bytes => {
            session::decode(bytes).inspect_err(|cause| tracing::error!(%cause, "a session does not have its stored shape")).ok()
        }
    };
    let secret_sha256 = message.subject.rsplit('.').next().unwrap_or_default().to_owned();
    Ok(Told { seq: StreamSeq(info.stream_sequence), secret_sha256, session, more: info.pending > 0 })
}
