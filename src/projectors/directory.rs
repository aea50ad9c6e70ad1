//! Keys and spaces in memory, rebuilt from the log's space `sys` before a process is ready and tailed from then on.
//!
//! Called by wiring (to follow the log) and by the API (to look keys up). Needs no Postgres, so a revoke is immediate and
//! writes go on while the read models are away.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use futures::StreamExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        access::{Key, KeyEvent},
        ids::{KeyId, SpaceId, StreamSeq},
    },
    journal::{Recorded, events::Storable},
    ports::{EventReader, KeyDirectory, log::ReadError},
};

/// Pause before the log is opened again after it went away.
const REOPEN_MS: u64 = 250;

#[derive(Default)]
struct Known {
    keys: HashMap<KeyId, Key>,
    by_secret: HashMap<String, KeyId>,
}

/// The keys that the log knows, and how far it has been read.
pub struct Directory {
    known: RwLock<Known>,
    seen: watch::Sender<StreamSeq>,
}

impl Default for Directory {
    fn default() -> Self {
        Self { known: RwLock::default(), seen: watch::channel(StreamSeq::default()).0 }
    }
}

impl Directory {
    /// Waits until every key event up to `seq` is known. The sequences are those of events in `sys`.
    pub async fn reached(&self, seq: StreamSeq) {
        let mut seen = self.seen.subscribe();
        // The sender lives in self, so waiting cannot fail.
        let _ = seen.wait_for(|position| *position >= seq).await;
    }

    /// Follows the log until told to stop.
    pub async fn follow(self: Arc<Self>, log: Arc<dyn EventReader>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let position = *self.seen.borrow();
            tokio::select! {
                () = stop.cancelled() => return,
                ended = self.follow_once(&*log, position) => if let Err(cause) = ended {
                    tracing::warn!(%cause, %position, "keys cannot be followed in the log; trying again");
                },
            }
            tokio::time::sleep(Duration::from_millis(REOPEN_MS)).await;
        }
    }

    async fn follow_once(&self, log: &dyn EventReader, after: StreamSeq) -> Result<(), ReadError> {
        let mut events = log.read(after, Some(&SpaceId::sys())).await?;
        while let Some(next) = events.next().await {
            match next {
                Ok(recorded) => self.apply(&recorded),
                Err(ReadError::Poison { seq, cause }) => {
                    tracing::error!(seq, %cause, "an access event cannot be read; a newer brain may have written it");
                    // Whoever waits for a key waits for what comes before and after it as well.
                    self.seen.send_replace(StreamSeq(seq));
                }
                Err(away) => return Err(away),
            }
        }
        Ok(())
    }

    fn apply(&self, recorded: &Recorded) {
        let event = &recorded.event;
        if event.aggregate == "key" {
            match KeyEvent::load(&event.kind, &event.data) {
                Ok(event) => self.keep(event.key().clone()),
                Err(cause) => tracing::error!(seq = %recorded.seq, %cause, "a key event does not have its stored shape"),
            }
        }
        self.seen.send_replace(recorded.seq);
    }

    fn keep(&self, key: Key) {
        let mut known = self.known.write().expect("no code panics while holding this lock");
        known.by_secret.insert(key.secret_sha256.clone(), key.id);
        known.keys.insert(key.id, key);
    }
}

impl KeyDirectory for Directory {
    fn find(&self, secret_sha256: &str) -> Option<Key> {
        let known = self.known.read().expect("no code panics while holding this lock");
        let id = known.by_secret.get(secret_sha256)?;
        known.keys.get(id).cloned()
    }

    fn get(&self, id: KeyId) -> Option<Key> {
        self.known.read().expect("no code panics while holding this lock").keys.get(&id).cloned()
    }

    fn all(&self) -> Vec<Key> {
        let known = self.known.read().expect("no code panics while holding this lock");
        let mut keys: Vec<Key> = known.keys.values().cloned().collect();
        keys.sort_unstable_by_key(|key| key.id);
        keys
    }
}
