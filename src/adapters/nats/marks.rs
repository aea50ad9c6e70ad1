//! Numbers by name in the stream SESSIONS: one subject each, of which the newest message alone is kept. Implements [`Marks`].

use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;

use super::stream::NatsStream;
use crate::{
    domain::ids::StreamSeq,
    journal::subject::Prefix,
    ports::{marks::Marks, sessions::SessionsAway},
};

/// Marks on JetStream.
pub struct NatsMarks {
    pub(super) stream: NatsStream,
    pub(super) prefix: Prefix,
}

#[async_trait]
impl Marks for NatsMarks {
    async fn read(&self, name: &str) -> Result<Option<(StreamSeq, u64)>, SessionsAway> {
        let newest = self.stream.last_payload(&self.prefix.mark(name)).await.map_err(|cause| SessionsAway(cause.into()))?;
        // What cannot be read is as good as nothing, and is written over from where it stands.
        let number = |payload: Vec<u8>| std::str::from_utf8(&payload).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(newest.map(|(seq, payload)| (seq, number(payload))))
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
        let written = self.stream.put_after(self.prefix.mark(name), message, expected).await;
        written.map(|seq| seq.is_some()).map_err(|cause| SessionsAway(cause.into()))
    }
}
