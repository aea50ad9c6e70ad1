//! API keys of a space: made, listed, rotated, revoked. A secret is in the answer that makes it, and nowhere else.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{
    Access, Caller, Error, invalid, not_found,
    secret::{fresh_key, prefix, sha256_hex},
};
use crate::domain::{
    access::{Key, KeyCommand, NAME_CHARS_MAX, ROTATION_GRACE_MAX_S, Scope, ScopeSet, name},
    ids::{KeyId, PrincipalId, Timestamp},
    limits,
};

/// A key that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewKey {
    pub label: String,
    /// All that its maker may do when absent, less what its principal's role does not give.
    pub scopes: Option<Vec<Scope>>,
    /// The member who acts by it; its maker when absent.
    pub principal: Option<PrincipalId>,
    /// Never when absent.
    pub expires: Option<Expiry>,
}

/// When something is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expiry {
    At(Timestamp),
    /// So many seconds from now.
    InS(u64),
}

/// A key, and the secret that is shown once.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyMade {
    pub key: Key,
    pub secret: String,
}

impl Access {
    /// Issues a key to the caller's space. Nobody gives what they do not have.
    /// Errors: `access.invalid_name`, `access.invalid_field`, `access.not_found` for one who is no member, and that the log does not take it.
    pub async fn issue_key(&self, caller: &Caller, new: NewKey) -> Result<KeyMade, Error> {
        let principal = new.principal.unwrap_or_else(|| caller.principal());
        let role = self.directory.role_in(caller.space(), principal).ok_or_else(|| not_found("member"))?;
        let grantable = caller.scopes().both(ScopeSet::of(role.scopes()));
        let scopes = new.scopes.unwrap_or_else(|| grantable.iter().collect());
        if scopes.is_empty() {
            return Err(invalid("scopes", "a key without scopes opens nothing"));
        }
        if let Some(scope) = scopes.iter().find(|scope| !grantable.contains(**scope)) {
            let detail = format!("{} is more than you and the role of its holder allow", scope.as_str());
            return Err(invalid("scopes", detail));
        }
        let expires_at = new.expires.map(|expiry| end(self.clock.now(), expiry)).transpose()?;
        let label = name("label", &new.label)?;
        self.issue(caller, (KeyId(self.writing.ids.command_id().0), principal), (label, scopes), expires_at).await
    }

    pub(super) async fn issue(
        &self,
        caller: &Caller,
        (id, principal): (KeyId, PrincipalId),
        (label, scopes): (String, Vec<Scope>),
        expires_at: Option<Timestamp>,
    ) -> Result<KeyMade, Error> {
        let secret = fresh_key(&*self.vault);
        let key = Key {
            id,
            space: caller.space().clone(),
            principal,
            label,
            secret_sha256: sha256_hex(secret.as_bytes()),
            prefix: prefix(&secret),
            scopes,
            issued_at: self.clock.now(),
            expires_at,
            revoked_at: None,
            rotated_at: None,
            old_secret: None,
        };
        let request = self.request(caller.actor(), id, KeyCommand::Issue(key));
        let key = self.known(self.writing.commands.key(request).await?).await;
        Ok(KeyMade { key, secret })
    }

    /// Every key of the caller's space, the newest first; those that are over or revoked as well, for events name them.
    pub fn keys(&self, caller: &Caller) -> Vec<Arc<Key>> {
        let mut keys: Vec<_> = self.directory.keys().into_iter().filter(|key| key.space == *caller.space()).collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.issued_at));
        keys
    }

    /// Errors: `access.not_found`, also for a key of another space.
    pub fn key(&self, caller: &Caller, id: KeyId) -> Result<Arc<Key>, Error> {
        self.directory.key(id).filter(|key| key.space == *caller.space()).ok_or_else(|| not_found("key"))
    }

    /// Gives the key a new secret; the one before is good for another `grace_s` seconds.
    /// Errors: as [`Access::key`], `access.invalid_field`, `access.key_revoked`.
    pub async fn rotate_key(&self, caller: &Caller, id: KeyId, grace_s: u32) -> Result<KeyMade, Error> {
        self.key(caller, id)?;
        if grace_s > ROTATION_GRACE_MAX_S {
            let detail = format!("grace_s is {grace_s}; it goes up to {ROTATION_GRACE_MAX_S}");
            let refused = Error::new("access.invalid_field", detail);
            return Err(refused.at("grace_s", Some(ROTATION_GRACE_MAX_S.into()), Some(grace_s.into())));
        }
        let secret = fresh_key(&*self.vault);
        let (secret_sha256, prefix) = (sha256_hex(secret.as_bytes()), prefix(&secret));
        let command = KeyCommand::Rotate { secret_sha256, prefix, grace_s, at: self.clock.now() };
        let request = self.request(caller.actor(), id, command);
        let key = self.known(self.writing.commands.key(request).await?).await;
        Ok(KeyMade { key, secret })
    }

    /// Revokes the key for ever: requests with it are refused from now on, and its live connections end.
    /// Errors: as [`Access::key`].
    pub async fn revoke_key(&self, caller: &Caller, id: KeyId) -> Result<Key, Error> {
        self.key(caller, id)?;
        let request = self.request(caller.actor(), id, KeyCommand::Revoke { at: self.clock.now() });
        Ok(self.known(self.writing.commands.key(request).await?).await)
    }
}

/// When something ends that begins now. Errors: `access.invalid_field`, where it would be over before, or after all years that can be held.
pub(super) fn end(now: Timestamp, expiry: Expiry) -> Result<Timestamp, Error> {
    let (field, end) = match expiry {
        Expiry::At(end) => ("expires_at", Some(end)),
        Expiry::InS(seconds) => {
            let span = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
            ("expires_in_s", span.and_then(|span| now.checked_add_signed(span)))
        }
    };
    let end =
        end.and_then(|end| limits::time(end).ok()).ok_or_else(|| invalid(field, "times go up to the end of the year 9999"))?;
    if end > now { Ok(end) } else { Err(invalid(field, "it would be over before it begins")) }
}

/// The name of a key that somebody gets with an invitation or a space.
pub(super) fn first_label(who: &str) -> String {
    let label = format!("first key of {who}");
    label.chars().take(NAME_CHARS_MAX).collect()
}
