//! Sessions of browsers in memory: filled from their stream before a process is ready and followed from then on, so that an end anywhere
//! is known here at once and a request needs neither Postgres nor a question to NATS.
//!
//! Called by wiring (to follow), by [`super::login`] (to open), by the surfaces (to look up, list and end). A secret is known here by its
//! SHA-256, and in the moment in which it is made.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Error,
    access::secret::{self, sha256_hex},
    hearing::Hearing,
};
use crate::{
    causes::chain,
    domain::{
        ids::{PrincipalId, StreamSeq, Timestamp},
        session::{Limits, Origin, Session},
    },
    ports::{
        Clock,
        sessions::{SessionStore, SessionsAway},
        webhooks::{Vault, VaultError},
    },
};

/// Pause before the stream is opened again after it went away.
const REOPEN: Duration = Duration::from_millis(250);
/// How much longer than it holds a session is kept: clocks differ.
const KEPT_LONGER: Duration = Duration::from_secs(120);
/// What a browser may call itself, in characters; the rest is cut.
const AGENT_CHARS_MAX: usize = 200;
/// What the key of the tokens against forged requests is made for.
const FORGERY: &str = "token against forged requests";

/// A session and where it stands in its stream.
#[derive(Clone, Debug)]
struct Kept {
    seq: StreamSeq,
    session: Session,
}

#[derive(Default)]
struct Known {
    /// By the SHA-256 of the secret.
    sessions: HashMap<String, Kept>,
    by_id: HashMap<Uuid, String>,
}

impl Known {
    fn keep(&mut self, secret_sha256: String, kept: Kept) {
        if self.sessions.get(&secret_sha256).is_some_and(|before| before.seq >= kept.seq) {
            return;
        }
        self.by_id.insert(kept.session.id, secret_sha256.clone());
        self.sessions.insert(secret_sha256, kept);
    }

    fn forget(&mut self, secret_sha256: &str) -> bool {
        let gone = self.sessions.remove(secret_sha256);
        gone.as_ref().is_some_and(|kept| self.by_id.remove(&kept.session.id).is_some())
    }
}

/// A session that a request has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub session: Session,
    pub secret_sha256: String,
}

/// What a fresh session is given, and to whom.
#[derive(Clone, Debug)]
pub struct Newcomer {
    pub principal: PrincipalId,
    pub origin: Origin,
    pub agent: String,
    pub address: String,
}

/// Every session that holds.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    known: RwLock<Known>,
    /// How often a session has ended or come; sockets look whether theirs still holds.
    changes: watch::Sender<u64>,
    ready: watch::Sender<bool>,
}

impl Sessions {
    pub fn new(store: Arc<dyn SessionStore>, vault: Arc<dyn Vault>, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let (changes, ready) = (watch::channel(0).0, watch::channel(false).0);
        Self { store, vault, clock, limits, known: RwLock::default(), changes, ready }
    }

    /// Moves whenever a session has ended.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Something else than a session has ended that sockets may have been opened by.
    pub fn note_end(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Waits until every session that held at the start is known.
    pub async fn ready(&self) {
        // The sender lives in self, so waiting cannot fail.
        let _ = self.ready.subscribe().wait_for(|is_ready| *is_ready).await;
    }

    /// Follows the stream; never ends by itself.
    pub async fn follow(&self) -> std::convert::Infallible {
        loop {
            if let Err(cause) = self.follow_once().await {
                tracing::warn!(cause = %chain(&cause), "sessions cannot be followed; trying again");
            }
            tokio::time::sleep(REOPEN).await;
        }
    }

    /// Hears the whole stream, for what ended while nobody listened may be told of no more: what is not told by its end is over.
    async fn follow_once(&self) -> Result<(), SessionsAway> {
        let mut hearing = Hearing::of(self.read(|known| known.sessions.keys().cloned().collect::<Vec<_>>()));
        let mut told = self.store.tell().await?;
        if self.store.is_empty().await? {
            self.become_current(&mut hearing);
        }
        while let Some(next) = told.next().await {
            let next = next?;
            hearing.note(&next.secret_sha256);
            match next.session {
                Some(session) => self.write(|known| known.keep(next.secret_sha256, Kept { seq: next.seq, session })),
                None if self.write(|known| known.forget(&next.secret_sha256)) => self.changes.send_modify(|count| *count += 1),
                None => {}
            }
            if !next.more {
                self.become_current(&mut hearing);
            }
        }
        Err(SessionsAway("the reader of sessions ended".into()))
    }

    fn become_current(&self, hearing: &mut Hearing<String>) {
        let Some(over) = hearing.told_all() else { return };
        let gone = self.write(|known| over.iter().filter(|secret| known.forget(secret)).count());
        if gone > 0 {
            self.changes.send_modify(|count| *count += 1);
        }
        self.ready.send_replace(true);
    }

    /// Opens a session with a secret that nobody has had before. Errors: `login.unavailable`.
    pub async fn open(&self, newcomer: Newcomer) -> Result<(String, Session), Error> {
        let secret = secret::fresh(&*self.vault);
        let (now, secret_sha256) = (self.clock.now(), sha256_hex(secret.as_bytes()));
        let Newcomer { principal, origin, agent, address } = newcomer;
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, secret_sha256.as_bytes());
        let agent = agent.chars().filter(|one| !one.is_control()).take(AGENT_CHARS_MAX).collect();
        let session = Session { id, principal, origin, created_at: now, seen_at: now, agent, address };
        let seq =
            self.store.put(&secret_sha256, &session, Some(StreamSeq(0)), self.kept_for(&session, now)).await.map_err(away)?;
        let seq = seq.ok_or_else(|| Error::new("internal", "a session's secret was there before"))?;
        self.write(|known| {
            // Those that are over by themselves end without being told.
            let over: Vec<String> = known
                .sessions
                .iter()
                .filter(|(_, kept)| !kept.session.holds_at(now, self.limits))
                .map(|(it, _)| it.clone())
                .collect();
            for secret in over {
                known.forget(&secret);
            }
            known.keep(secret_sha256, Kept { seq, session: session.clone() });
        });
        Ok((secret, session))
    }

    /// The session that a secret opens, if it still holds.
    pub fn find(&self, secret: &[u8]) -> Option<Shown> {
        let secret_sha256 = sha256_hex(secret);
        let session = self.read(|known| known.sessions.get(&secret_sha256).map(|kept| kept.session.clone()))?;
        session.holds_at(self.clock.now(), self.limits).then_some(Shown { session, secret_sha256 })
    }

    /// The session with this name, if it still holds.
    pub fn get(&self, id: Uuid) -> Option<Session> {
        let session = self.read(|known| known.sessions.get(known.by_id.get(&id)?).map(|kept| kept.session.clone()))?;
        session.holds_at(self.clock.now(), self.limits).then_some(session)
    }

    /// Those of one principal that hold, the newest first, each with its end.
    pub fn of(&self, principal: PrincipalId) -> Vec<(Session, Timestamp)> {
        let now = self.clock.now();
        let is_one = |session: &Session| session.principal == principal && session.holds_at(now, self.limits);
        let mut all: Vec<Session> =
            self.read(|known| known.sessions.values().map(|kept| &kept.session).filter(|it| is_one(it)).cloned().collect());
        all.sort_unstable_by_key(|session| (std::cmp::Reverse(session.created_at), session.id));
        all.into_iter().map(|session| (session.clone(), session.ends_at(self.limits))).collect()
    }

    /// Writes down that somebody is there, now and then. That it cannot be written harms nobody yet.
    pub async fn see(&self, shown: &Shown) {
        let now = self.clock.now();
        if !shown.session.is_worth_seeing(now, self.limits) {
            return;
        }
        let Some(seq) = self.read(|known| known.sessions.get(&shown.secret_sha256).map(|kept| kept.seq)) else { return };
        let seen = Session { seen_at: now, ..shown.session.clone() };
        // Only in place of what is known here: it may have ended meanwhile.
        match self.store.put(&shown.secret_sha256, &seen, Some(seq), self.kept_for(&seen, now)).await {
            Ok(Some(seq)) => self.write(|known| known.keep(shown.secret_sha256.clone(), Kept { seq, session: seen })),
            Ok(None) => {}
            Err(cause) => tracing::debug!(cause = %chain(&cause), "that a session is in use could not be written down"),
        }
    }

    /// Ends every session that fits; answers how many. Errors: `login.unavailable`: those that come later still hold.
    pub async fn end(&self, fits: impl Fn(&Session) -> bool) -> Result<usize, Error> {
        let ending: Vec<(String, Session)> = self.read(|known| {
            let fitting = known.sessions.iter().filter(|(_, kept)| fits(&kept.session));
            fitting.map(|(secret, kept)| (secret.clone(), kept.session.clone())).collect()
        });
        let now = self.clock.now();
        for (secret_sha256, session) in &ending {
            self.store.end(secret_sha256, self.kept_for(session, now)).await.map_err(away)?;
            self.write(|known| known.forget(secret_sha256));
            self.changes.send_modify(|count| *count += 1);
        }
        Ok(ending.len())
    }

    /// Whether this is the first use of something that counts once. Errors: `login.unavailable`.
    pub async fn first_use(&self, what: &str, keep: Duration) -> Result<bool, Error> {
        self.store.first_use(&sha256_hex(what.as_bytes()), keep).await.map_err(away)
    }

    /// What a page must show in a header when it writes: no page of another site can know it. Errors: there is no master key.
    pub fn forgery_token(&self, secret_sha256: &str) -> Result<String, VaultError> {
        Ok(forgery_token(&self.vault.derive(FORGERY)?, secret_sha256))
    }

    /// Whether a page has shown that token, or the one that it was before the master key was rotated: it may be open for long.
    /// Errors: there is no master key.
    pub fn is_forgery_token(&self, secret_sha256: &str, shown: &str) -> Result<bool, VaultError> {
        let is_good = |key| secret::is_same(forgery_token(key, secret_sha256).as_bytes(), shown.as_bytes());
        Ok(self.vault.derive_all(FORGERY)?.iter().any(is_good))
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    fn kept_for(&self, session: &Session, now: Timestamp) -> Duration {
        (session.ends_at(self.limits) - now).to_std().unwrap_or_default() + KEPT_LONGER
    }

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner))
    }
}

fn forgery_token(key: &[u8; 32], secret_sha256: &str) -> String {
    let mut hash = Sha256::new();
    // Both are of one length, so no other pair makes the same.
    hash.update(key);
    hash.update(secret_sha256.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

fn away(cause: SessionsAway) -> Error {
    Error::new("login.unavailable", "sessions cannot be kept now; try again").logged(&cause)
}
