//! What the log is told of webhooks: up to where every endpoint has had what it wanted. Written beside the log now and then, read by a
//! dispatcher whose tables have lost it: an endpoint is not told of years again because a Postgres was made anew.

use super::Parts;
use crate::{
    domain::ids::StreamSeq,
    journal::{
        derived::{self, FactKey},
        events::DispatcherV1,
    },
    ports::{
        log::{AppendError, ReadError},
        webhooks::DeliveryError,
    },
};

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Store(#[from] DeliveryError),
    #[error("the log cannot be told what webhooks have had")]
    Append(#[from] AppendError),
}

/// The newest position that was written down; 0 when there is none, or when it is of another log.
/// Errors: see [`ReadError`].
pub async fn read(parts: &Parts) -> Result<StreamSeq, ReadError> {
    let Some(recorded) = parts.derived.newest(&FactKey::Dispatcher).await? else { return Ok(StreamSeq(0)) };
    let position = derived::dispatcher(&recorded.event).map_or(StreamSeq(0), |data| StreamSeq(data.position));
    let end = parts.log.last_seq().await?;
    Ok(if position > end { StreamSeq(0) } else { position })
}

/// Writes it down whenever it has moved, until it is dropped. Never goes back: what a client asks for again is settled once more.
pub async fn run(parts: Parts, mut known: StreamSeq) {
    loop {
        tokio::time::sleep(parts.settings.settle_every).await;
        match write(&parts, known).await {
            Ok(position) => known = position,
            Err(cause) => tracing::warn!(%cause, "what webhooks have had is written down later"),
        }
    }
}

async fn write(parts: &Parts, known: StreamSeq) -> Result<StreamSeq, Error> {
    let position = parts.store.settled().await?;
    if position <= known {
        return Ok(known);
    }
    let event = derived::dispatcher_event(&DispatcherV1 { position: position.0 }, parts.clock.now());
    parts.facts.append(&FactKey::Dispatcher, &event, None).await?;
    Ok(position)
}
