//! One socket for three dialects: the Centrifuge protocol, bare CloudEvents (`cloudevents.json`), and the specification's own.
//! Called by the routes. Reads and writes frames; what they say is `fanout::live`'s.

use std::{collections::BTreeMap, future::pending, pin::pin, sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason};
use futures::StreamExt;
use serde::Deserialize;
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{Instant, sleep_until, timeout},
};

use super::{Asked, Live, auth, check_origin, until};
use crate::{
    api::http::{error::Problem, query, route::READ},
    app::Caller,
    domain::ids::StreamSeq,
    fanout::live::{
        ConnectionPermit, Follower,
        plain::{Bare, Legacy},
        presence::Change,
        protocol::Disconnect,
        session::{Authority, PING_S, Session, Subscriber},
    },
    journal::Recorded,
};

/// Largest message of a client.
const MESSAGE_BYTES_MAX: usize = 64 * 1_024;
/// A frame that has come to this is not added to; the socket holds 32 frames, so a client that does not read costs some 1 MiB.
const FRAME_BYTES: usize = 32 * 1_024;
/// How long a full socket may stay full.
const SLOW_WAIT: Duration = Duration::from_secs(3);
const CLOSE_WAIT: Duration = Duration::from_millis(500);
/// How long a connection may stay without saying who it is.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
const PING: Duration = Duration::from_secs(PING_S);
const PONG_WAIT: Duration = Duration::from_secs(8);
/// How much later than it is due the clock may be looked at.
const ALARM_LATE_MAX: Duration = Duration::from_millis(10);
const LOG_RETRY: Duration = Duration::from_secs(1);
const CLOUDEVENTS: &str = "cloudevents.json";

type State = web::Data<Live>;

/// Who it is, where no header can say it.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct LegacyAsked {
    api_key: Option<String>,
}

/// `GET /api/v1/ws`.
pub async fn handle(request: HttpRequest, payload: web::Payload, live: State) -> Result<HttpResponse, actix_web::Error> {
    check_origin(&request, &live.origins)?;
    let bare = asks_for_cloudevents(&request);
    let asked: Asked = query::parse(&request)?;
    let hub = live.hub.clone();
    let (dialect, subscriber, after) = if bare {
        let caller = authenticate(&request, &live)?;
        let bare = Bare { hub, space: caller.space().clone(), wishes: asked.wishes()? };
        let after = asked.after.map(StreamSeq);
        live.events.must_exist(after).await.map_err(Problem::from)?;
        (Dialect::Bare(bare), Some(auth::subscriber(&caller)), after)
    } else {
        let client = live.ids.command_id().to_string();
        (Dialect::Centrifuge(Session::new(hub, Arc::new(live.auth.clone()), client)), None, None)
    };
    open(&request, payload, live, (dialect, subscriber, after)).await
}

/// `GET /ws/{user_id}` (specification §4.1). Who it is says the key; the path's name is a label.
pub async fn legacy(request: HttpRequest, payload: web::Payload, live: State) -> Result<HttpResponse, actix_web::Error> {
    check_origin(&request, &live.origins)?;
    let asked: LegacyAsked = query::parse(&request)?;
    let subscriber = match asked.api_key {
        Some(key) => live.auth.admit(&key).map_err(|_| Problem::new("auth.invalid_key", "this API key is unknown or over"))?,
        None => auth::subscriber(&authenticate(&request, &live)?),
    };
    let legacy = Legacy { hub: live.hub.clone(), space: subscriber.space.clone(), channels: BTreeMap::new() };
    open(&request, payload, live, (Dialect::Legacy(legacy), Some(subscriber), None)).await
}

fn asks_for_cloudevents(request: &HttpRequest) -> bool {
    let offered = request.headers().get_all("Sec-WebSocket-Protocol").filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|one| one.trim() == CLOUDEVENTS)
}

fn authenticate(request: &HttpRequest, live: &Live) -> Result<Caller, Problem> {
    live.auth.authenticator().authenticate(request.headers(), READ)
}

async fn open(
    request: &HttpRequest,
    payload: web::Payload,
    live: State,
    (dialect, subscriber, after): (Dialect, Option<Subscriber>, Option<StreamSeq>),
) -> Result<HttpResponse, actix_web::Error> {
    let permit = live.hub.permit();
    let opened = actix_ws::handle_with_protocols(request, payload, &["centrifuge-json", CLOUDEVENTS]);
    let (answer, session, messages) = opened.map_err(|why| Problem::new("request.upgrade_required", why.to_string()))?;
    let mut connection = Connection {
        session,
        follower: live.hub.follow(after).await,
        dialect,
        subscriber,
        changes: None,
        access: live.auth.directory.changes(),
        sessions: live.auth.sessions.changes(),
        live,
        next_ping: Instant::now() + PING,
        pong_by: None,
        connect_by: Instant::now() + CONNECT_WAIT,
    };
    let messages = messages.max_frame_size(MESSAGE_BYTES_MAX).aggregate_continuations().max_continuation_size(MESSAGE_BYTES_MAX);
    actix_web::rt::spawn(async move {
        let ended = match &permit {
            Some(_) => connection.run(messages).await,
            None => Err(Disconnect::TOO_MANY),
        };
        if let Err(Disconnect { code, reason }) = ended {
            let reason = CloseReason { code: CloseCode::Other(code), description: Some(reason.to_owned()) };
            // A client that does not read does not hear it either.
            let _ = timeout(CLOSE_WAIT, connection.session.close(Some(reason))).await;
        }
        drop::<Option<ConnectionPermit>>(permit);
    });
    Ok(answer)
}

/// What is spoken on a socket.
enum Dialect {
    Centrifuge(Session),
    Bare(Bare),
    Legacy(Legacy),
}

struct Connection {
    session: actix_ws::Session,
    follower: Follower,
    dialect: Dialect,
    /// Who it is, where that was known before the first frame.
    subscriber: Option<Subscriber>,
    /// Comings and goings, once a channel's were asked for: a thousand clients that come at once need not wake each other.
    changes: Option<Receiver<Change>>,
    /// Moves when somebody's access changes.
    access: watch::Receiver<StreamSeq>,
    /// Moves when somebody's session ends.
    sessions: watch::Receiver<u64>,
    live: State,
    next_ping: Instant,
    pong_by: Option<Instant>,
    connect_by: Instant,
}

impl Connection {
    /// Until the client goes (`Ok`) or has to. What is done seldom is boxed, so that a silent connection does not hold its room.
    async fn run(&mut self, mut messages: actix_ws::AggregatedMessageStream) -> Result<(), Disconnect> {
        let stop = self.live.stop.clone();
        // Made once, not for every event: each of them registers itself under a lock that all connections share.
        let (mut stopped, mut alarm) = (pin!(stop.cancelled()), pin!(sleep_until(self.next_ping)));
        loop {
            let follows = self.is_told();
            let due = self.due();
            // An alarm that comes too early does nothing.
            if alarm.is_elapsed() || due + ALARM_LATE_MAX < alarm.deadline() {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                message = messages.next() => match message {
                    Some(Ok(AggregatedMessage::Text(text))) => Box::pin(self.hear(&text)).await?,
                    Some(Ok(AggregatedMessage::Ping(bytes))) => {
                        if self.session.pong(&bytes).await.is_err() {
                            return Ok(());
                        }
                    }
                    Some(Ok(AggregatedMessage::Pong(_))) => self.pong_by = None,
                    Some(Ok(AggregatedMessage::Binary(_))) => return Err(Disconnect::BAD_REQUEST),
                    Some(Err(actix_ws::ProtocolError::Overflow)) => return Err(Disconnect::TOO_LARGE),
                    Some(Ok(AggregatedMessage::Close(_))) | None => return Ok(()),
                    // No text, no frame, or nobody there any more, who does not hear it either.
                    Some(Err(_)) => return Err(Disconnect::PROTOCOL),
                },
                next = self.follower.next(), if follows => match next {
                    Ok(Some(events)) => Box::pin(self.tell(&events)).await?,
                    Ok(None) => return Err(Disconnect::ANOTHER_LOG),
                    Err(cause) => {
                        tracing::debug!(%cause, "a connection waits for the log");
                        tokio::time::sleep(LOG_RETRY).await;
                    }
                },
                change = next_change(&mut self.changes), if follows => match change {
                    Ok(change) => Box::pin(self.tell_presence(&change)).await?,
                    // Who missed comings and goings asks for the list.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => {}
                },
                // The directory outlives its connections.
                Ok(()) = self.access.changed() => self.must_be_admitted()?,
                Ok(()) = self.sessions.changed() => self.must_be_admitted()?,
                () = &mut alarm => Box::pin(self.look_at_the_clock()).await?,
                () = &mut stopped => return Err(Disconnect::SHUTDOWN),
            }
        }
    }

    /// When the clock is to be looked at next.
    fn due(&self) -> Instant {
        let end = self.subscriber().and_then(|subscriber| subscriber.expires_at);
        let end = end.map(|at| until(at, &*self.live.auth.clock));
        let due = [Some(self.next_ping), self.pong_by, self.subscriber().is_none().then_some(self.connect_by), end];
        due.into_iter().flatten().min().unwrap_or(self.next_ping)
    }

    fn subscriber(&self) -> Option<&Subscriber> {
        match &self.dialect {
            Dialect::Centrifuge(session) => session.subscriber.as_ref(),
            _ => self.subscriber.as_ref(),
        }
    }

    /// Whether there is anything that an event could be sent for.
    fn is_told(&self) -> bool {
        match &self.dialect {
            Dialect::Centrifuge(session) => session.is_subscribed(),
            Dialect::Bare(_) => true,
            Dialect::Legacy(legacy) => !legacy.channels.is_empty(),
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), Disconnect> {
        self.pong_by = None;
        let mut together = String::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if !self.is_told() {
                // It has followed nothing so far: what comes from now on is what it wants.
                self.follower = match &self.dialect {
                    Dialect::Bare(_) => continue,
                    _ => self.live.hub.follow(None).await,
                };
            }
            let at = self.follower.position();
            match &mut self.dialect {
                Dialect::Centrifuge(session) => {
                    let answer = session.answer(line, at).await?;
                    if self.changes.is_none() && session.hears_of_presence() {
                        self.changes = Some(self.live.hub.presence.changes());
                    }
                    let Some(answer) = answer else { continue };
                    if !together.is_empty() {
                        together.push('\n');
                    }
                    together.push_str(&answer);
                    // A line of a few letters may ask for megabytes, and a message has many lines.
                    if together.len() >= FRAME_BYTES {
                        self.send(std::mem::take(&mut together)).await?;
                    }
                }
                Dialect::Legacy(legacy) => {
                    if let Some(answer) = legacy.answer(line)? {
                        self.send(answer).await?;
                    }
                }
                Dialect::Bare(_) => {}
            }
        }
        if together.is_empty() { Ok(()) } else { self.send(together).await }
    }

    async fn tell(&mut self, events: &[Arc<Recorded>]) -> Result<(), Disconnect> {
        let mut frame = String::new();
        for recorded in events {
            match &self.dialect {
                Dialect::Centrifuge(session) => {
                    for part in session.frames(recorded) {
                        if !frame.is_empty() {
                            frame.push('\n');
                        }
                        frame.push_str(&part);
                        if frame.len() >= FRAME_BYTES {
                            self.send(std::mem::take(&mut frame)).await?;
                        }
                    }
                }
                Dialect::Bare(bare) => {
                    if let Some(words) = bare.frame(recorded) {
                        self.send(words.to_string()).await?;
                    }
                }
                Dialect::Legacy(legacy) => {
                    for part in legacy.frames(recorded) {
                        self.send(part).await?;
                    }
                }
            }
        }
        if frame.is_empty() { Ok(()) } else { self.send(frame).await }
    }

    async fn tell_presence(&mut self, change: &Change) -> Result<(), Disconnect> {
        match &self.dialect {
            Dialect::Centrifuge(session) => match session.presence_frame(change) {
                Some(frame) => self.send(frame).await,
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Errors: the socket stays full, which is the client's doing; it comes again and recovers.
    async fn send(&mut self, frame: String) -> Result<(), Disconnect> {
        match timeout(SLOW_WAIT, self.session.text(frame)).await {
            Ok(Ok(())) => Ok(()),
            // It has gone; the next look at its messages says so.
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(Disconnect::SLOW),
        }
    }

    /// Errors: by what they came in, they may be told no longer.
    fn must_be_admitted(&self) -> Result<(), Disconnect> {
        match self.subscriber() {
            Some(subscriber) if !self.live.auth.still_admits(subscriber) => Err(Disconnect::INVALID_TOKEN),
            _ => Ok(()),
        }
    }

    async fn look_at_the_clock(&mut self) -> Result<(), Disconnect> {
        let now = Instant::now();
        if self.pong_by.is_some_and(|by| by <= now) {
            return Err(Disconnect::NO_PONG);
        }
        let Some(subscriber) = self.subscriber() else {
            return if self.connect_by <= now { Err(Disconnect::STALE) } else { Ok(()) };
        };
        if subscriber.expires_at.is_some_and(|until| until <= self.live.auth.clock.now()) {
            return Err(Disconnect::EXPIRED);
        }
        if now < self.next_ping {
            return Ok(());
        }
        self.must_be_admitted()?;
        (self.next_ping, self.pong_by) = (now + PING, Some(now + PONG_WAIT));
        match self.dialect {
            Dialect::Centrifuge(_) => self.send("{}".to_owned()).await,
            // Sockets have a ping of their own.
            _ => {
                let _ = timeout(SLOW_WAIT, self.session.ping(b"")).await;
                Ok(())
            }
        }
    }
}

/// The next coming or going; never, while nobody has asked for them.
async fn next_change(changes: &mut Option<Receiver<Change>>) -> Result<Change, RecvError> {
    match changes {
        Some(changes) => changes.recv().await,
        None => pending().await,
    }
}
