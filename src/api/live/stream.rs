//! `GET /api/v1/stream`: server-sent events, resumed by `Last-Event-ID`. Called by the routes.

use std::{collections::VecDeque, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web};
use futures::{StreamExt, stream};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{Asked, Live, check_origin, header_text, until};
use crate::{
    api::http::{error::Problem, query},
    app::{Caller, error::short},
    domain::ids::StreamSeq,
    fanout::live::{
        ConnectionPermit, Follower,
        plain::Bare,
        session::{Authority, Subscriber},
    },
    journal::Recorded,
};

/// How often a silent stream says that it lives, and looks whether its reader may still read.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Pause before the log is followed again.
const RETRY: Duration = Duration::from_secs(1);
/// Most of a chunk that is put together.
const CHUNK_BYTES: usize = 32 * 1_024;

/// One reader of a stream.
struct Reader {
    follower: Follower,
    bare: Bare,
    subscriber: Subscriber,
    live: web::Data<Live>,
    waiting: VecDeque<std::sync::Arc<Recorded>>,
    heartbeat: Instant,
    /// Moves when somebody's access changes.
    access: watch::Receiver<StreamSeq>,
    /// Moves when somebody's session ends.
    sessions: watch::Receiver<u64>,
    _permit: ConnectionPermit,
}

pub async fn handle(
    request: HttpRequest,
    caller: web::ReqData<Caller>,
    subscriber: web::ReqData<Subscriber>,
    live: web::Data<Live>,
) -> Result<HttpResponse, Problem> {
    let asked: Asked = query::parse(&request)?;
    check_origin(&request, &live.origins)?;
    let wishes = asked.wishes()?;
    let last = header_text(request.headers(), actix_web::http::header::HeaderName::from_static("last-event-id"));
    let last = last.map(|text| text.trim().parse::<u64>().map_err(|_| not_an_id(text))).transpose()?;
    let after = last.or(asked.after).map(StreamSeq);
    live.events.must_exist(after).await?;
    let hub = live.hub.clone();
    let permit =
        hub.permit().ok_or_else(|| Problem::new("live.too_many_connections", "this node has no place for another stream"))?;
    let reader = Reader {
        follower: hub.follow(after).await,
        bare: Bare { hub, space: caller.space().clone(), wishes },
        subscriber: subscriber.into_inner(),
        access: live.auth.directory.changes(),
        sessions: live.auth.sessions.changes(),
        live,
        waiting: VecDeque::new(),
        heartbeat: Instant::now() + HEARTBEAT,
        _permit: permit,
    };
    let greeting = stream::iter([Ok(web::Bytes::from_static(b"retry: 1000\n\n"))]);
    let body = greeting.chain(stream::unfold(reader, |mut reader| async move {
        let chunk = reader.chunk().await?;
        Some((Ok::<_, actix_web::Error>(web::Bytes::from(chunk)), reader))
    }));
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/event-stream; charset=utf-8");
    // Compression and proxies would hold events back.
    answer.insert_header(("Cache-Control", "no-cache, no-transform")).insert_header(("X-Accel-Buffering", "no"));
    answer.insert_header(("Content-Encoding", "identity"));
    Ok(answer.streaming(Box::pin(body)))
}

fn not_an_id(text: &str) -> Problem {
    let detail = format!("Last-Event-ID is a position, not {:?}", short(text));
    Problem::new("request.invalid_header", detail).at("Last-Event-ID", None, None)
}

impl Reader {
    /// What is sent next; `None` ends the stream, and the reader comes again with its last id.
    async fn chunk(&mut self) -> Option<String> {
        let mut chunk = String::new();
        loop {
            while let Some(recorded) = self.waiting.pop_front() {
                if let Some(words) = self.bare.frame(&recorded) {
                    chunk.push_str(&format!("id: {}\nevent: {}\ndata: {words}\n\n", recorded.seq, recorded.event.kind));
                }
                if chunk.len() >= CHUNK_BYTES {
                    return Some(chunk);
                }
            }
            if !chunk.is_empty() {
                return Some(chunk);
            }
            let stop = self.live.stop.clone();
            let clock = &*self.live.auth.clock;
            // Until the token ends; a stream that a key has opened has no such end.
            let end = self.subscriber.expires_at.map_or(self.heartbeat + HEARTBEAT, |at| until(at, clock));
            tokio::select! {
                () = stop.cancelled() => return None,
                () = sleep_until(end) => return None,
                // The directory outlives its connections.
                Ok(()) = self.access.changed() => if !self.live.auth.still_admits(&self.subscriber) {
                    return None;
                },
                Ok(()) = self.sessions.changed() => if !self.live.auth.still_admits(&self.subscriber) {
                    return None;
                },
                () = sleep_until(self.heartbeat) => {
                    self.heartbeat = Instant::now() + HEARTBEAT;
                    return self.live.auth.still_admits(&self.subscriber).then(|| ": still here\n\n".to_owned());
                }
                next = self.follower.next() => match next {
                    Ok(events) => self.waiting.extend(events?),
                    Err(cause) => {
                        tracing::debug!(%cause, "a stream waits for the log");
                        tokio::time::sleep(RETRY).await;
                    }
                },
            }
        }
    }
}
