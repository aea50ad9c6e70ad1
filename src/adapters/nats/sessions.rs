//! The stream SESSIONS: one subject for each session of a browser and for each thing that counts once, whose messages go by themselves.
//! Implements [`SessionStore`]; knows no secret, only hashes.

use std::time::Duration;

use async_nats::jetstream::{Message, consumer::DeliverPolicy, message::PublishMessage};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};

use super::stream::NatsStream;
use crate::{
    domain::{ids::StreamSeq, session::Session},
    journal::{session, subject::Prefix},
    ports::sessions::{SessionStore, SessionsAway, Tellings, Told},
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
        let message = PublishMessage::build().payload(payload.into()).ttl(keep.max(KEEP_MIN));
        self.stream.put_after(subject, message, expected).await.map_err(|cause| SessionsAway(cause.into()))
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
        let messages = self.stream.follow(subject, DeliverPolicy::All).await.map_err(SessionsAway)?;
        Ok(messages.map(|message| message.map_err(SessionsAway)).boxed())
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
