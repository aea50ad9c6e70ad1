//! Who is subscribed to which channel of a space on this node. Called by sessions.
//!
//! Decision 2026-11-24: presence is a node's own. Nodes do not tell each other yet; a list across nodes comes with them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::domain::ids::SpaceId;

/// Comings and goings that a slow listener may be behind.
const CHANGES_MAX: usize = 256;

type Place = (SpaceId, String);

/// Somebody came or went.
#[derive(Clone, Debug)]
pub struct Change {
    pub space: SpaceId,
    pub channel: String,
    pub joined: bool,
    pub info: Value,
}

pub struct Presence {
    present: Mutex<HashMap<Place, HashMap<String, Value>>>,
    changes: broadcast::Sender<Change>,
}

impl Default for Presence {
    fn default() -> Self {
        Self { present: Mutex::default(), changes: broadcast::channel(CHANGES_MAX).0 }
    }
}

impl Presence {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<Place, HashMap<String, Value>>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub fn join(&self, space: &SpaceId, channel: &str, client: &str, user: &str) {
        let info = json!({"client": client, "user": user});
        self.map().entry((space.clone(), channel.to_owned())).or_default().insert(client.to_owned(), info.clone());
        self.tell(space, channel, true, info);
    }

    pub fn leave(&self, space: &SpaceId, channel: &str, client: &str) {
        let place = (space.clone(), channel.to_owned());
        let mut map = self.map();
        let Some(here) = map.get_mut(&place) else { return };
        let gone = here.remove(client);
        if here.is_empty() {
            map.remove(&place);
        }
        drop(map);
        if let Some(info) = gone {
            self.tell(space, channel, false, info);
        }
    }

    fn tell(&self, space: &SpaceId, channel: &str, joined: bool, info: Value) {
        // Nobody may be listening.
        let _ = self.changes.send(Change { space: space.clone(), channel: channel.to_owned(), joined, info });
    }

    /// Everybody in a channel, by client.
    pub fn list(&self, space: &SpaceId, channel: &str) -> HashMap<String, Value> {
        self.map().get(&(space.clone(), channel.to_owned())).cloned().unwrap_or_default()
    }
}
