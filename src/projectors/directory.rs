//! Spaces, principals, keys and invitations in memory, rebuilt from the log's space `sys` before a process is ready and tailed from then on.
//!
//! Called by wiring (to follow the log) and by whoever asks who may. Needs no Postgres, so a revoke is immediate and
//! writes go on while the read models are away.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock, RwLockReadGuard},
    time::Duration,
};

use async_trait::async_trait;
use futures::StreamExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    domain::{
        access::{Identity, Invitation, InvitationEvent, Key, KeyEvent, Principal, PrincipalEvent, Role, Space, SpaceEvent},
        ids::{KeyId, PrincipalId, SpaceId, StreamSeq},
    },
    journal::{
        Recorded,
        catalog::{INVITATION, KEY, PRINCIPAL, SPACE},
        events::{self, Storable},
    },
    ports::{AccessDirectory, EventReader, log::ReadError},
};

/// Pause before the log is opened again after it went away.
const REOPEN_MS: u64 = 250;

#[derive(Default)]
struct Known {
    keys: HashMap<KeyId, Arc<Key>>,
    key_by_secret: HashMap<String, KeyId>,
    spaces: HashMap<SpaceId, Arc<Space>>,
    principals: HashMap<PrincipalId, Arc<Principal>>,
    principal_by_identity: HashMap<Identity, PrincipalId>,
    principal_by_passkey: HashMap<String, PrincipalId>,
    invitations: HashMap<Uuid, Arc<Invitation>>,
    invitation_by_secret: HashMap<String, Uuid>,
}

impl Known {
    /// Errors: the event does not have its stored shape.
    fn apply(&mut self, Recorded { event, .. }: &Recorded) -> Result<(), events::Error> {
        match event.aggregate.as_str() {
            KEY => self.keep_key(KeyEvent::load(&event.kind, &event.data)?.key().clone()),
            SPACE => {
                let space = SpaceEvent::load(&event.kind, &event.data)?.space().clone();
                self.spaces.insert(space.id.clone(), Arc::new(space));
            }
            PRINCIPAL => {
                let principal = PrincipalEvent::load(&event.kind, &event.data)?.principal().clone();
                self.keep_principal(principal);
            }
            INVITATION => {
                let invitation = InvitationEvent::load(&event.kind, &event.data)?.invitation().clone();
                self.invitation_by_secret.insert(invitation.secret_sha256.clone(), invitation.id);
                self.invitations.insert(invitation.id, Arc::new(invitation));
            }
            _ => {}
        }
        Ok(())
    }

    /// What was somebody's is theirs until they give it up: whoever comes by the same later does not get it.
    fn keep_principal(&mut self, principal: Principal) {
        let id = principal.id;
        if let Some(before) = self.principals.get(&id) {
            for identity in before.identities.iter().filter(|it| !principal.identities.contains(it)) {
                give_up(&mut self.principal_by_identity, identity, id);
            }
            for passkey in before.passkeys.iter().filter(|it| principal.passkeys.iter().all(|kept| kept.id != it.id)) {
                give_up(&mut self.principal_by_passkey, &passkey.id, id);
            }
        }
        for identity in &principal.identities {
            self.principal_by_identity.entry(identity.clone()).or_insert(id);
        }
        for passkey in &principal.passkeys {
            self.principal_by_passkey.entry(passkey.id.clone()).or_insert(id);
        }
        self.principals.insert(id, Arc::new(principal));
    }

    /// A key has at most two secrets: those that it had before are forgotten.
    fn keep_key(&mut self, key: Key) {
        if let Some(before) = self.keys.get(&key.id) {
            for secret in secrets(before) {
                self.key_by_secret.remove(secret);
            }
        }
        for secret in secrets(&key) {
            self.key_by_secret.insert(secret.to_owned(), key.id);
        }
        self.keys.insert(key.id, Arc::new(key));
    }
}

fn give_up<K: std::hash::Hash + Eq>(owners: &mut HashMap<K, PrincipalId>, what: &K, of: PrincipalId) {
    if owners.get(what) == Some(&of) {
        owners.remove(what);
    }
}

fn secrets(key: &Key) -> impl Iterator<Item = &str> {
    std::iter::once(key.secret_sha256.as_str()).chain(key.old_secret.as_ref().map(|old| old.sha256.as_str()))
}

/// What the log knows about access, and how far it has been read.
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
    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().expect("no code panics while holding this lock")
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
        if let Err(cause) = self.known.write().expect("no code panics while holding this lock").apply(recorded) {
            tracing::error!(seq = %recorded.seq, %cause, "an access event does not have its stored shape");
        }
        self.seen.send_replace(recorded.seq);
    }
}

#[async_trait]
impl AccessDirectory for Directory {
    fn key_of(&self, secret_sha256: &str) -> Option<Arc<Key>> {
        let known = self.known();
        known.keys.get(known.key_by_secret.get(secret_sha256)?).cloned()
    }

    fn key(&self, id: KeyId) -> Option<Arc<Key>> {
        self.known().keys.get(&id).cloned()
    }

    fn keys(&self) -> Vec<Arc<Key>> {
        let mut keys: Vec<_> = self.known().keys.values().cloned().collect();
        keys.sort_unstable_by_key(|key| key.id);
        keys
    }

    fn space(&self, id: &SpaceId) -> Option<Arc<Space>> {
        self.known().spaces.get(id).cloned()
    }

    fn spaces(&self) -> Vec<Arc<Space>> {
        let mut spaces: Vec<_> = self.known().spaces.values().cloned().collect();
        spaces.sort_unstable_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        spaces
    }

    fn spaces_of(&self, principal: PrincipalId) -> Vec<(Arc<Space>, Role)> {
        let known = self.known();
        let mut spaces: Vec<_> =
            known.spaces.values().filter_map(|space| Some((space.clone(), space.role_of(principal)?))).collect();
        spaces.sort_unstable_by(|one, other| one.0.id.as_str().cmp(other.0.id.as_str()));
        spaces
    }

    fn role_in(&self, space: &SpaceId, principal: PrincipalId) -> Option<Role> {
        let known = self.known();
        let is_disabled = known.principals.get(&principal).is_some_and(|it| it.disabled_at.is_some());
        known.spaces.get(space).filter(|_| !is_disabled)?.role_of(principal)
    }

    fn principal(&self, id: PrincipalId) -> Option<Arc<Principal>> {
        self.known().principals.get(&id).cloned()
    }

    fn principal_by(&self, identity: &Identity) -> Option<Arc<Principal>> {
        let known = self.known();
        known.principals.get(known.principal_by_identity.get(identity)?).cloned()
    }

    fn principal_of_passkey(&self, id: &str) -> Option<Arc<Principal>> {
        let known = self.known();
        known.principals.get(known.principal_by_passkey.get(id)?).cloned()
    }

    fn principals_at(&self, email: &str) -> Vec<Arc<Principal>> {
        let is_theirs = |it: &&Arc<Principal>| {
            it.email_verified && it.email.as_deref().is_some_and(|own| own.to_lowercase() == email.to_lowercase())
        };
        self.known().principals.values().filter(is_theirs).cloned().collect()
    }

    fn invitation(&self, id: Uuid) -> Option<Arc<Invitation>> {
        self.known().invitations.get(&id).cloned()
    }

    fn invitation_of(&self, secret_sha256: &str) -> Option<Arc<Invitation>> {
        let known = self.known();
        known.invitations.get(known.invitation_by_secret.get(secret_sha256)?).cloned()
    }

    fn invitations(&self, space: &SpaceId) -> Vec<Arc<Invitation>> {
        let mut all: Vec<_> = self.known().invitations.values().filter(|it| it.space == *space).cloned().collect();
        all.sort_unstable_by_key(|invitation| invitation.id);
        all
    }

    fn changes(&self) -> watch::Receiver<StreamSeq> {
        self.seen.subscribe()
    }

    async fn reached(&self, seq: StreamSeq) {
        let mut seen = self.seen.subscribe();
        // The sender lives in self, so waiting cannot fail.
        let _ = seen.wait_for(|position| *position >= seq).await;
    }
}
