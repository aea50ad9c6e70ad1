//! The stream KEYS as what the master key wraps: how many data keys lie under which version, and wrapping them all anew. Implements
//! [`SealedThings`]; never makes or destroys a data key.
//!
//! Decision 2026-11-28: one stream, in which each key is written again on its own subject, and not a second one to switch to. A copy is
//! refused where the subject has moved on since it was read, so a key that is made or destroyed meanwhile is neither lost nor brought back, in
//! whatever process that happens; and readers find a key at any moment. What went before is purged at the end. The server gives up whole
//! blocks of 8 MiB only (measured with 2.15.1: of 100,000 keys 19,235 stayed readable in the block that old and new ones shared), so
//! filling lies between them: then no byte of the old ones is left in the files.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    Message,
    consumer::{DeliverPolicy, pull},
    message::PublishMessage,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};

use super::stream::NatsStream;
use crate::{
    domain::ids::StreamSeq,
    journal::subject::Prefix,
    ports::{
        data_keys::wrapping,
        master_keys::{Progress, Sealed, SealedAway, SealedThings, version_of},
        webhooks::Vault,
    },
};

/// More than the largest block of a stream, in messages that the stream takes.
const FILLING_BYTES: usize = 9 * 1_024 * 1_024;
const FILLING_MESSAGE_BYTES: usize = 4_000;
/// Keys that are written at a time.
const IN_FLIGHT_MAX: usize = 512;
/// How often all is gone through again because others have written meanwhile.
const PASSES_MAX: usize = 5;
/// How many keys are opened to prove a master key.
const PROVEN_MAX: usize = 100;
/// How long nothing may come of a stream that has more.
const NEXT_WAIT: Duration = Duration::from_secs(30);

/// Data keys on JetStream, with the master key that wraps them.
pub struct NatsWrappedKeys {
    pub(super) stream: NatsStream,
    pub(super) prefix: Prefix,
    pub(super) vault: Arc<dyn Vault>,
}

/// The newest message of a subject.
struct Kept {
    subject: String,
    seq: StreamSeq,
    /// Empty where the key was destroyed.
    payload: Bytes,
}

impl Kept {
    fn version(&self) -> Option<u32> {
        std::str::from_utf8(&self.payload).ok().and_then(version_of)
    }
}

fn away(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SealedAway {
    SealedAway(cause.into())
}

impl NatsWrappedKeys {
    /// The newest message of every subject that a key has or had, as it stands now.
    async fn newest(&self) -> Result<BoxStream<'static, Result<Kept, SealedAway>>, SealedAway> {
        let config = pull::OrderedConfig {
            deliver_policy: DeliverPolicy::LastPerSubject,
            filter_subject: self.prefix.data_keys_of_all(),
            ..Default::default()
        };
        let consumer = self.stream.source().create_consumer(config).await.map_err(away)?;
        if consumer.cached_info().num_pending == 0 {
            return Ok(stream::empty().boxed());
        }
        let messages = consumer.messages().await.map_err(away)?;
        let all = stream::unfold(Some(messages), |messages| async move {
            let mut messages = messages?;
            let next = tokio::time::timeout(NEXT_WAIT, messages.next()).await;
            let kept = match next {
                Ok(Some(message)) => message.map_err(away).and_then(|message| kept(&message)),
                Ok(None) => Err(away("the reader of data keys ended")),
                Err(_) => Err(away("the reader of data keys hears nothing")),
            };
            match kept {
                Ok((kept, pending)) => Some((Ok(kept), (pending > 0).then_some(messages))),
                Err(cause) => Some((Err(cause), None)),
            }
        });
        Ok(all.boxed())
    }

    /// Writes what no key is until old and new ones lie in blocks of their own; answers the last position of it.
    async fn fill(&self) -> Result<StreamSeq, SealedAway> {
        let filling = Bytes::from(vec![b' '; FILLING_MESSAGE_BYTES]);
        let put = |_| {
            let message = PublishMessage::build().payload(filling.clone());
            self.stream.put(self.prefix.filling_of_data_keys(), message)
        };
        let count = FILLING_BYTES / FILLING_MESSAGE_BYTES;
        let filled = stream::iter(0..count).map(put).buffer_unordered(IN_FLIGHT_MAX);
        filled.try_fold(StreamSeq(0), async |last, seq| Ok(last.max(seq))).await.map_err(away)
    }

    /// Writes a key again under the active version; a destroyed one stays destroyed, and what does not open stays as it is. Answers whether it
    /// was wrapped anew.
    async fn copy(&self, kept: Kept, active: u32) -> Result<bool, SealedAway> {
        let (payload, is_new) = match kept.version() {
            Some(version) if version != active => match self.rewrapped(&kept) {
                Some(rewrapped) => (rewrapped.into(), true),
                None => {
                    tracing::error!(subject = kept.subject, version, "a data key does not open and is kept as it is");
                    (kept.payload, false)
                }
            },
            _ => (kept.payload, false),
        };
        let message = PublishMessage::build().payload(payload);
        let copied = self.stream.put_after(kept.subject, message, Some(kept.seq)).await.map_err(away)?;
        // Where somebody was faster, what stands there now is newer than all that is purged.
        Ok(is_new && copied.is_some())
    }

    /// A key, and what its wrapped form is bound to.
    fn opened(&self, kept: &Kept) -> Option<(String, zeroize::Zeroizing<Vec<u8>>)> {
        let (space, id) = self.prefix.of_data_key(&kept.subject)?;
        let bound_to = wrapping(&space, &id);
        let key = self.vault.unseal(&bound_to, std::str::from_utf8(&kept.payload).ok()?).ok()?;
        Some((bound_to, key.into()))
    }

    fn rewrapped(&self, kept: &Kept) -> Option<String> {
        let (bound_to, key) = self.opened(kept)?;
        self.vault.seal(&bound_to, &key).ok()
    }

    /// How many lie under other versions, and how many at `upto` or before.
    async fn left(&self, active: u32, upto: StreamSeq) -> Result<(u64, u64), SealedAway> {
        let counted = self.newest().await?.try_fold((0, 0), async |(old, before), kept| {
            let is_old = kept.version().is_some_and(|version| version != active);
            Ok((old + u64::from(is_old), before + u64::from(kept.seq <= upto)))
        });
        counted.await
    }
}

fn kept(message: &Message) -> Result<(Kept, u64), SealedAway> {
    let info = message.info().map_err(SealedAway)?;
    let (subject, payload) = (message.subject.to_string(), message.payload.clone());
    Ok((Kept { subject, seq: StreamSeq(info.stream_sequence), payload }, info.pending))
}

#[async_trait]
impl SealedThings for NatsWrappedKeys {
    fn name(&self) -> &'static str {
        "data keys"
    }

    async fn count(&self) -> Result<Sealed, SealedAway> {
        let counted = self.newest().await?.try_fold(Sealed::default(), async |mut counted, kept| {
            if !kept.payload.is_empty() {
                counted.note(kept.version());
            }
            Ok(counted)
        });
        counted.await
    }

    async fn opens(&self) -> Result<Option<bool>, SealedAway> {
        let some = self.newest().await?.try_filter(|kept| std::future::ready(!kept.payload.is_empty())).take(PROVEN_MAX);
        let some: Vec<Kept> = some.try_collect().await?;
        Ok((!some.is_empty()).then(|| some.iter().any(|kept| self.opened(kept).is_some())))
    }

    async fn reseal(&self, active: u32, progress: &Progress) -> Result<u64, SealedAway> {
        let (old, _) = self.left(active, StreamSeq(0)).await?;
        if old == 0 {
            return Ok(0);
        }
        progress.begin(old);
        let (mut rewrapped, end) = (0, self.fill().await?);
        for _ in 0..PASSES_MAX {
            let before = self.newest().await?.try_filter(|kept| std::future::ready(kept.seq <= end));
            let copied = before.map_ok(|kept| self.copy(kept, active)).try_buffer_unordered(IN_FLIGHT_MAX);
            let copied = copied.try_fold(0, async |count, is_new| {
                progress.advance(u64::from(is_new));
                Ok(count + u64::from(is_new))
            });
            rewrapped += copied.await?;
            let (_, before) = self.left(active, end).await?;
            if before == 0 {
                self.stream.source().purge().sequence(end.0 + 1).await.map_err(away)?;
                return Ok(rewrapped);
            }
        }
        Err(away("data keys are changed faster than they can be wrapped anew"))
    }
}
