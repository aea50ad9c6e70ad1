//! The two simpler ways to be told: bare CloudEvents on a socket that only speaks, and the specification's own little protocol (§4.1).
//! Driven by the same socket as [`super::session`].

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    Hub,
    channel::{Narrowing, Wish},
    protocol::Disconnect,
    session::CHANNELS_MAX,
};
use crate::{domain::ids::SpaceId, journal::Recorded};

/// Sends every event that one of the wishes wants, once, as it is.
pub struct Bare {
    pub hub: Arc<Hub>,
    pub space: SpaceId,
    pub wishes: Vec<Wish>,
}

impl Bare {
    pub fn frame(&self, recorded: &Recorded) -> Option<Arc<str>> {
        let wanted = recorded.event.space == self.space && self.wishes.iter().any(|wish| wish.wants(recorded));
        wanted.then(|| self.hub.words(recorded)).flatten()
    }
}

/// `{"type":"subscribe","channel":…}` and `{"type":"unsubscribe","channel":…}`.
pub struct Legacy {
    pub hub: Arc<Hub>,
    pub space: SpaceId,
    pub channels: BTreeMap<String, Wish>,
}

impl Legacy {
    pub fn answer(&mut self, line: &str) -> Result<Option<String>, Disconnect> {
        let message: Value = serde_json::from_str(line).map_err(|_| Disconnect::BAD_REQUEST)?;
        let name = message["channel"].as_str().unwrap_or_default();
        let answer = match message["type"].as_str() {
            Some("subscribe") => match Narrowing::default().of(name) {
                Ok(_) if self.channels.len() >= CHANNELS_MAX => {
                    json!({"type": "error", "message": format!("a connection has up to {CHANNELS_MAX} channels")})
                }
                Ok(wish) => {
                    self.channels.insert(name.to_owned(), wish);
                    json!({"type": "subscribed", "channel": name})
                }
                Err(why) => json!({"type": "error", "message": why.to_string()}),
            },
            Some("unsubscribe") => {
                self.channels.remove(name);
                json!({"type": "unsubscribed", "channel": name})
            }
            Some("ping") => json!({"type": "pong"}),
            Some("pong") => return Ok(None),
            _ => json!({"type": "error", "message": "type is subscribe, unsubscribe or ping"}),
        };
        Ok(Some(answer.to_string()))
    }

    pub fn frames(&self, recorded: &Recorded) -> Vec<String> {
        if recorded.event.space != self.space {
            return vec![];
        }
        let carrying = self.channels.iter().filter(|(_, wish)| wish.wants(recorded));
        let frame = |(name, _): (&String, &Wish)| {
            let words = self.hub.words(recorded)?;
            let name = Value::from(name.as_str());
            Some(format!(r#"{{"type":"event","channel":{name},"event":{words}}}"#))
        };
        carrying.filter_map(frame).collect()
    }
}
