//! Numbers by name in the stream SESSIONS: one subject each, of which the newest message alone is kept. Implements [`Marks`].

use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;

use super::stream::{NatsStream, found_nothing};
use crate::{
    domain::ids::StreamSeq,
    journal::subject::Prefix,
    ports::{log::AppendError, marks::Marks, sessions::SessionsAway},
};

/// Marks on JetStream.
pub struct NatsMarks {
    pub(super) stream: NatsStream,
    pub(super) prefix: Prefix,
}

#[async_trait]
impl Marks for NatsMarks {
    async fn read(&self, name: &str) -> Result<Option<(StreamSeq, u64)>, SessionsAway> {
        let (stream, _) = self.stream.source();
        let message = match stream.get_last_raw_message_by_subject(&self.prefix.mark(name)).await {
            Ok(message) => message,
            Err(cause) if found_nothing(&cause.kind()) => return Ok(None),
            Err(cause) => return Err(SessionsAway(cause.into())),
        };
        // What cannot be read is as good as nothing, and is written over from where it stands.
        let number = std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Some((StreamSeq(message.sequence), number)))
    }

    async fn write(
        &self,
        name: &str,
        number: u64,
        expected: Option<StreamSeq>,
        keep: Option<Duration>,
    ) -> Result<bool, SessionsAway> {
        let mut message = PublishMessage::build().payload(number.to_string().into());
        if let Some(keep) = keep {
            message = message.ttl(keep);
        }
        if let Some(expected) = expected {
            message = message.expected_last_subject_sequence(expected.0);
        }
        match self.stream.put(self.prefix.mark(name), message).await {
            Ok(_) => Ok(true),
            Err(AppendError::Conflict | AppendError::Duplicate) => Ok(false),
            Err(other) => Err(SessionsAway(other.into())),
        }
    }
}
