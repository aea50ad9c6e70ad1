//! Receives a request's body: so many bytes at most, within a time, and no more at the same time in all than a process can spare.
//! Called by [`super`]; never looks at what the bytes say.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpRequest, error::PayloadError, http::header, web};
use futures::{Stream, StreamExt};
use serde_json::Value;

use crate::api::http::{admission::Intake, error::Problem};

/// How long a body may take in all, however it drips.
const WAIT: Duration = Duration::from_secs(30);
/// Most bytes of bodies that a process holds until they are understood.
const HELD_BYTES_MAX: usize = 256 << 20;
/// What is read and thrown away of a body that is too large, so that the client hears the answer instead of a reset.
const DRAINED_BYTES_MAX: usize = 64 << 20;
const DRAIN_WAIT: Duration = Duration::from_secs(10);
/// What an announced length is believed before the bytes are there.
const BELIEVED_BYTES_MAX: usize = 64 * 1_024;

/// Bytes of all bodies that have come and are not understood yet.
#[derive(Clone, Default)]
pub struct Held(Arc<AtomicUsize>);

/// The part of one request; given back when dropped.
struct Share {
    of: Held,
    bytes: usize,
}

impl Share {
    fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        if self.of.0.fetch_add(bytes, Ordering::Relaxed) + bytes <= HELD_BYTES_MAX {
            return Ok(());
        }
        metrics::counter!("brain_overloaded", "what" => "bodies").increment(1);
        Err(Problem::new("server.overloaded", format!("bodies of {HELD_BYTES_MAX} bytes are being received already")))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body that has come.
pub(super) struct Received {
    pub bytes: Vec<u8>,
    _share: Share,
}

/// The body of a request. Errors: `request.too_large`, `request.timeout`, `request.unreadable`, `server.overloaded`.
pub(super) async fn whole(request: &HttpRequest, mut payload: web::Payload, bytes_max: usize) -> Result<Received, Problem> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let held = request.app_data::<web::Data<Intake>>().map(|intake| intake.bodies.clone()).unwrap_or_default();
    let received = if announced.is_some_and(|bytes| bytes > bytes_max) {
        Err(too_large(bytes_max, announced))
    } else {
        let late = |_| Err(Problem::new("request.timeout", format!("the body has not come within {} s", WAIT.as_secs())));
        let bytes = announced.unwrap_or(0).min(BELIEVED_BYTES_MAX);
        tokio::time::timeout(WAIT, collect(&mut payload, (bytes, bytes_max), held)).await.unwrap_or_else(late)
    };
    if let Err(problem) = &received
        && matches!(problem.status, 413 | 503)
    {
        drain(&mut payload).await;
    }
    received
}

async fn collect(
    payload: &mut (impl Stream<Item = Result<web::Bytes, PayloadError>> + Unpin),
    (expected, bytes_max): (usize, usize),
    of: Held,
) -> Result<Received, Problem> {
    let mut received = Received { bytes: Vec::with_capacity(expected), _share: Share { of, bytes: 0 } };
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new("request.unreadable", "the body broke off before its end"))?;
        if received.bytes.len() + chunk.len() > bytes_max {
            return Err(too_large(bytes_max, None));
        }
        received._share.add(chunk.len())?;
        received.bytes.extend_from_slice(&chunk);
    }
    Ok(received)
}

async fn drain(payload: &mut web::Payload) {
    let all = async {
        let mut seen = 0;
        while let Some(Ok(chunk)) = payload.next().await {
            seen += chunk.len();
            if seen > DRAINED_BYTES_MAX {
                break;
            }
        }
    };
    // Whether it ended in time changes nothing: the answer is the same.
    let _ = tokio::time::timeout(DRAIN_WAIT, all).await;
}

fn too_large(bytes_max: usize, announced: Option<usize>) -> Problem {
    Problem::new("request.too_large", format!("the body is larger than {bytes_max} bytes")).at(
        "body",
        Some(bytes_max.into()),
        announced.map(Value::from),
    )
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, stream};

    use super::*;

    const CHUNK: usize = 100 << 20;

    #[test]
    fn bodies_are_bounded_together_and_counted_as_they_come() {
        static ZEROS: [u8; CHUNK] = [0; CHUNK];
        let held = Held::default();
        let body = |chunks: usize| stream::iter((0..chunks).map(|_| Ok(web::Bytes::from_static(&ZEROS))));
        let receive = |chunks| collect(&mut body(chunks), (0, usize::MAX), held.clone()).now_or_never().expect("all is there");
        let first = receive(2).expect("200 MiB fit");
        assert_eq!(receive(1).err().expect("and no 100 more").code, "server.overloaded");
        drop(first);
        assert!(receive(1).is_ok(), "what was refused and what is over counts no more");
        assert_eq!(held.0.load(Ordering::Relaxed), 0);
    }
}
