//! One connection that speaks the Centrifuge protocol: what it is subscribed to, and what each command is answered. Driven by the
//! socket in `api/live`; knows no socket and no clock.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Hub,
    channel::{Channel, Misfit, Narrowing, Wish},
    presence::Change,
    protocol::{Command, Disconnect, History, Refusal, Subscribe, presence, publication, refused, reply},
};
use crate::{
    domain::{
        access::Credential,
        ids::{SpaceId, StreamSeq, Timestamp},
    },
    journal::Recorded,
};

/// Channels of one connection.
pub const CHANNELS_MAX: usize = 128;
/// Publications of one page of history.
const HISTORY_MAX: usize = 1_000;
/// Seconds between two pings of the server.
pub const PING_S: u64 = 25;
/// How long before the end of its token a client is to fetch a new one, in seconds.
const REFRESH_AHEAD_S: u64 = 10;

/// Who a connection is, once it has said so.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscriber {
    pub space: SpaceId,
    pub user: String,
    /// The API key or the session behind it: when that is over, it has to go.
    pub by: Credential,
    /// Until when it may stay without a new token.
    pub expires_at: Option<Timestamp>,
}

/// Tells who a token makes its bearer.
pub trait Authority: Send + Sync {
    /// Errors: whether the token has only expired (the client fetches a new one) or is none.
    fn admit(&self, token: &str) -> Result<Subscriber, AuthError>;
    /// Whether the key behind a subscriber is still good.
    fn still_admits(&self, subscriber: &Subscriber) -> bool;
    /// Seconds until then, from now; `None` when it is past.
    fn ttl_s(&self, until: Timestamp) -> Option<u64>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    Expired,
    Invalid,
}

struct Subscribed {
    wish: Wish,
    /// Nothing up to here is sent: it was recovered, or came before the subscription.
    floor: StreamSeq,
    join_leave: bool,
}

pub struct Session {
    hub: Arc<Hub>,
    auth: Arc<dyn Authority>,
    client: String,
    pub subscriber: Option<Subscriber>,
    channels: HashMap<String, Subscribed>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(subscriber) = &self.subscriber {
            for channel in self.channels.keys() {
                self.hub.presence.leave(&subscriber.space, channel, &self.client);
            }
        }
    }
}

impl Session {
    pub fn new(hub: Arc<Hub>, auth: Arc<dyn Authority>, client: String) -> Self {
        Self { hub, auth, client, subscriber: None, channels: HashMap::new() }
    }

    pub fn is_subscribed(&self) -> bool {
        !self.channels.is_empty()
    }

    /// Whether one of its channels was asked to tell who comes and goes.
    pub fn hears_of_presence(&self) -> bool {
        self.channels.values().any(|it| it.join_leave)
    }

    /// Answers one command. `at` is the position up to which the connection has got everything.
    /// An empty command is the answer to a ping and has no answer.
    pub async fn answer(&mut self, line: &str, at: StreamSeq) -> Result<Option<String>, Disconnect> {
        let command: Command = serde_json::from_str(line).map_err(|_| Disconnect::BAD_REQUEST)?;
        let id = command.id;
        if id == 0 {
            return if line.trim() == "{}" || command.send.is_some() { Ok(None) } else { Err(Disconnect::BAD_REQUEST) };
        }
        let result = if command.connect.is_some() || self.subscriber.is_none() {
            self.connect(command)?.map(|result| ("connect", result))
        } else {
            self.obey(command, at).await?
        };
        Ok(Some(match result {
            Ok((name, result)) => reply(id, name, result),
            Err(refusal) => refused(id, &refusal),
        }))
    }

    fn connect(&mut self, command: Command) -> Result<Result<Value, Refusal>, Disconnect> {
        // The first command says who it is, and no later one does.
        let (Some(connect), None) = (command.connect, &self.subscriber) else { return Err(Disconnect::BAD_REQUEST) };
        let subscriber = match self.auth.admit(&connect.token) {
            Ok(subscriber) => subscriber,
            Err(AuthError::Expired) => return Ok(Err(Refusal::token_expired())),
            Err(AuthError::Invalid) if connect.token.is_empty() => return Ok(Err(Refusal::unauthorized())),
            Err(AuthError::Invalid) => return Err(Disconnect::INVALID_TOKEN),
        };
        let mut result = json!({
            "client": self.client, "version": concat!("second-brain ", env!("CARGO_PKG_VERSION")), "ping": PING_S, "pong": true,
        });
        self.tell_ttl(&subscriber, &mut result);
        self.subscriber = Some(subscriber);
        Ok(Ok(result))
    }

    fn tell_ttl(&self, subscriber: &Subscriber, result: &mut Value) {
        if let Some(ttl) = subscriber.expires_at.and_then(|until| self.auth.ttl_s(until)) {
            result["expires"] = true.into();
            // Clients ask for a new token when this is over, and at the end itself the connection ends: so a little less than there is.
            result["ttl"] = (ttl - (ttl / 5).min(REFRESH_AHEAD_S)).into();
        }
    }

    async fn obey(&mut self, command: Command, at: StreamSeq) -> Result<Result<(&'static str, Value), Refusal>, Disconnect> {
        Ok(if let Some(wish) = command.subscribe {
            self.subscribe(wish, at).await.map(|result| ("subscribe", result))
        } else if let Some(wish) = command.unsubscribe {
            self.unsubscribe(&wish.channel);
            Ok(("unsubscribe", json!({})))
        } else if let Some(wish) = command.presence {
            self.present(&wish.channel).map(|present| ("presence", json!({"presence": present})))
        } else if let Some(wish) = command.presence_stats {
            self.present(&wish.channel).map(|present| {
                let users: std::collections::HashSet<_> = present.values().map(|info| info["user"].to_string()).collect();
                ("presence_stats", json!({"num_clients": present.len(), "num_users": users.len()}))
            })
        } else if let Some(wish) = command.history {
            self.history(wish, at).await.map(|result| ("history", result))
        } else if let Some(wish) = command.refresh {
            self.refresh(&wish.token)?.map(|result| ("refresh", result))
        } else if command.ping.is_some() {
            Ok(("ping", json!({})))
        } else if command.publish.is_some() {
            Err(Refusal::not_available())
        } else {
            Err(Refusal::not_found())
        })
    }

    fn subscriber(&self) -> Result<&Subscriber, Refusal> {
        self.subscriber.as_ref().ok_or_else(Refusal::unauthorized)
    }

    /// Recovered is what lies between the client's offset and the connection's cursor; everything later comes through the cursor.
    async fn subscribe(&mut self, asked: Subscribe, at: StreamSeq) -> Result<Value, Refusal> {
        let wish = narrowing(&asked.data)?.of(&asked.channel).map_err(refusal)?;
        if self.channels.contains_key(&asked.channel) {
            return Err(Refusal::already_subscribed());
        }
        if self.channels.len() >= CHANNELS_MAX {
            return Err(Refusal::limit_exceeded(format!("a connection has up to {CHANNELS_MAX} channels")));
        }
        let subscriber = self.subscriber()?.clone();
        let mut result = json!({"recoverable": true, "positioned": true, "epoch": self.hub.epoch, "offset": at.0});
        let mut floor = at;
        if asked.recover {
            let from = StreamSeq(asked.offset);
            // What the log never had was of another one, though it may have the same name: it was restored to an earlier state.
            let is_ahead = from > at && from > self.hub.end().await.map_err(|_| Refusal::internal())?;
            let is_same = asked.epoch == self.hub.epoch && !is_ahead;
            let missed = match is_same {
                true => self.hub.between(&subscriber.space, (from, at), &wish).await.map_err(|_| Refusal::internal())?,
                false => None,
            };
            result["was_recovering"] = true.into();
            result["recovered"] = missed.is_some().into();
            if is_same {
                floor = floor.max(from);
                result["offset"] = floor.0.into();
            }
            if let Some(missed) = missed.filter(|missed| !missed.is_empty()) {
                result["publications"] = publications(missed)?;
            }
        }
        self.hub.presence.join(&subscriber.space, &asked.channel, &self.client, &subscriber.user);
        self.channels.insert(asked.channel, Subscribed { wish, floor, join_leave: asked.join_leave });
        Ok(result)
    }

    fn unsubscribe(&mut self, channel: &str) {
        if let (Some(_), Some(subscriber)) = (self.channels.remove(channel), &self.subscriber) {
            self.hub.presence.leave(&subscriber.space, channel, &self.client);
        }
    }

    fn present(&self, channel: &str) -> Result<HashMap<String, Value>, Refusal> {
        Channel::parse(channel).map_err(|why| Refusal::unknown_channel(why.to_string()))?;
        Ok(self.hub.presence.list(&self.subscriber()?.space, channel))
    }

    async fn history(&self, asked: History, at: StreamSeq) -> Result<Value, Refusal> {
        let wish = Narrowing::default().of(&asked.channel).map_err(refusal)?;
        let mut result = json!({"epoch": self.hub.epoch, "offset": at.0, "publications": []});
        let limit = usize::try_from(asked.limit).unwrap_or(HISTORY_MAX).min(HISTORY_MAX);
        if limit == 0 {
            return Ok(result);
        }
        let since = asked.since.unwrap_or_default();
        if !since.epoch.is_empty() && since.epoch != self.hub.epoch {
            return Err(Refusal::unrecoverable());
        }
        let found = self.hub.between(&self.subscriber()?.space, (StreamSeq(since.offset), at), &wish).await;
        let mut found = found.map_err(|_| Refusal::internal())?.ok_or_else(Refusal::unrecoverable)?;
        if asked.reverse {
            found.reverse();
        }
        found.truncate(limit);
        result["publications"] = publications(found)?;
        Ok(result)
    }

    fn refresh(&mut self, token: &str) -> Result<Result<Value, Refusal>, Disconnect> {
        let subscriber = match self.auth.admit(token) {
            Ok(subscriber) => subscriber,
            Err(AuthError::Expired) => return Ok(Err(Refusal::token_expired())),
            Err(AuthError::Invalid) => return Err(Disconnect::INVALID_TOKEN),
        };
        // A token of somebody else does not change who this connection is.
        if self.subscriber.as_ref().is_none_or(|known| known.space != subscriber.space || known.user != subscriber.user) {
            return Err(Disconnect::INVALID_TOKEN);
        }
        let mut result = json!({"client": self.client, "version": env!("CARGO_PKG_VERSION")});
        self.tell_ttl(&subscriber, &mut result);
        self.subscriber = Some(subscriber);
        Ok(Ok(result))
    }

    /// What the connection is sent for an event: one frame for each of its channels that carries it.
    pub fn frames(&self, recorded: &Recorded) -> Vec<String> {
        if self.subscriber.as_ref().is_none_or(|subscriber| subscriber.space != recorded.event.space) {
            return vec![];
        }
        let carrying = self.channels.iter().filter(|(_, it)| recorded.seq > it.floor && it.wish.wants(recorded));
        let frame =
            |(name, _): (&String, &Subscribed)| self.hub.words(recorded).map(|words| publication(name, recorded.seq.0, &words));
        carrying.filter_map(frame).collect()
    }

    /// What the connection is sent when somebody comes or goes.
    pub fn presence_frame(&self, change: &Change) -> Option<String> {
        let subscriber = self.subscriber.as_ref()?;
        let listens = self.channels.get(&change.channel).is_some_and(|it| it.join_leave);
        (listens && subscriber.space == change.space && change.info["client"] != self.client.as_str())
            .then(|| presence(&change.channel, change.joined, &change.info))
    }
}

/// What a subscription's own data says of the events that it wants.
fn narrowing(data: &Value) -> Result<Narrowing, Refusal> {
    match data {
        Value::Null => Ok(Narrowing::default()),
        data => Narrowing::deserialize(data).map_err(|why| Refusal::bad_request(format!("data: {why}"))),
    }
}

fn refusal(misfit: Misfit) -> Refusal {
    match misfit {
        Misfit::Channel(_) => Refusal::unknown_channel(misfit.to_string()),
        _ => Refusal::bad_request(misfit.to_string()),
    }
}

fn publications(found: Vec<(StreamSeq, Arc<str>)>) -> Result<Value, Refusal> {
    let one = |(seq, words): (StreamSeq, Arc<str>)| {
        let data: Value = serde_json::from_str(&words).map_err(|_| Refusal::internal())?;
        Ok(json!({"offset": seq.0, "data": data}))
    };
    found.into_iter().map(one).collect::<Result<Vec<_>, _>>().map(Value::from)
}
