//! The ordered reader: every event after a position, without gap, for ever. Used by the streams of this adapter only.

use async_nats::jetstream::{
    Message,
    consumer::{DeliverPolicy, pull},
    stream::Stream,
};
use futures::{StreamExt, future, stream};
use tokio::sync::watch;

use crate::{
    domain::ids::StreamSeq,
    journal::{Envelope, Recorded, codec},
    ports::log::{Events, ReadError},
};

/// How the bytes of a message become an envelope.
pub type Decode = fn(&[u8]) -> Result<Envelope, codec::Error>;

/// Messages that are decoded in one go.
const DECODED_TOGETHER_MAX: usize = 256;
/// From this many on the work is done on another thread.
const DECODED_BESIDE_MIN: usize = 16;
/// How many threads decode at a time.
const DECODERS: usize = 2;

/// A new connection to NATS was made since the reader was opened.
#[derive(Debug, thiserror::Error)]
#[error("the connection to NATS is a new one")]
pub struct Reconnected;

/// Opens an ordered consumer after a position; the client recreates it on a gap, so order and completeness hold.
///
/// Decision 2026-11-27: a new connection ends the reader, so that whoever reads opens it again at once. The client itself notices that a
/// server which was killed no longer has its consumer only by the heartbeats that stay away: reads showed nothing new for 17 to 22 s.
///
/// Decision 2026-11-27: what was given is passed over. A client that makes its consumer anew before it was given anything asks for the
/// whole stream, not for what comes after `after`: histories were told twice what they held after a pause of 100 s.
pub async fn open(
    stream: &Stream<()>,
    mut connections: watch::Receiver<u64>,
    (after, filter): (StreamSeq, Option<String>),
    decode: Decode,
) -> Result<Events, ReadError> {
    connections.borrow_and_update();
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after.0 + 1 },
        filter_subject: filter.unwrap_or_default(),
        ..Default::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(|cause| ReadError::Unavailable(cause.into()))?;
    let messages = consumer.messages().await.map_err(|cause| ReadError::Unavailable(cause.into()))?;
    let messages = messages.map(|message| message.map_err(|cause| ReadError::Unavailable(cause.into())));
    let ended = stream::once(async move {
        // Its sender lives as long as the client.
        let _ = connections.changed().await;
        Err(ReadError::Unavailable(Reconnected.into()))
    });
    let messages = stream::select(messages, ended);
    let decoded = messages.ready_chunks(DECODED_TOGETHER_MAX).map(move |chunk| read(chunk, decode)).buffered(DECODERS);
    let mut last = after;
    let new = decoded.flat_map(stream::iter).filter(move |read| future::ready(is_new(read, &mut last)));
    Ok(until_unavailable(new.boxed()))
}

/// Whether it comes after everything that was given, which it then is.
fn is_new(read: &Result<Recorded, ReadError>, last: &mut StreamSeq) -> bool {
    let seq = match read {
        Ok(recorded) => recorded.seq,
        Err(ReadError::Poison { seq, .. }) => StreamSeq(*seq),
        Err(_) => return true,
    };
    let is_new = seq > *last;
    *last = seq.max(*last);
    is_new
}

/// Decodes what came together, beside whoever applies what came before. A few messages are not worth the way to another thread.
async fn read(chunk: Vec<Result<Message, ReadError>>, decode: Decode) -> Vec<Result<Recorded, ReadError>> {
    let few = chunk.len() < DECODED_BESIDE_MIN;
    let work = move || chunk.into_iter().map(|message| recorded(&message?, decode)).collect();
    if few {
        return work();
    }
    let decoded = tokio::task::spawn_blocking(work).await;
    decoded.unwrap_or_else(|cause| vec![Err(ReadError::Unavailable(cause.into()))])
}

fn recorded(message: &Message, decode: Decode) -> Result<Recorded, ReadError> {
    let seq = message.info().map_err(ReadError::Unavailable)?.stream_sequence;
    let event = decode(&message.payload).map_err(|cause| ReadError::Poison { seq, cause })?;
    Ok(Recorded { seq: StreamSeq(seq), event })
}

/// Ends the stream after the first `Unavailable`, so that the reader opens a new one from the position that it knows.
fn until_unavailable(events: Events) -> Events {
    stream::unfold(Some(events), |events| async move {
        let mut events = events?;
        let next = events.next().await?;
        let ends = matches!(next, Err(ReadError::Unavailable(_)));
        Some((next, (!ends).then_some(events)))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_passed_over_and_outages_are_told() {
        let broken = |seq| Err(ReadError::Poison { seq, cause: codec::decode(b"no event").expect_err("nothing to decode") });
        let mut last = StreamSeq(3);
        let mut come = vec![];
        for seq in [1, 2, 3, 4, 5, 1, 5, 6] {
            if is_new(&broken(seq), &mut last) {
                come.push(seq);
            }
        }
        assert_eq!((come, last), (vec![4, 5, 6], StreamSeq(6)));
        assert!(is_new(&Err(ReadError::Unavailable(Reconnected.into())), &mut last));
    }
}
