//! The aggregate `key`: an API key of a principal to one space.

use chrono::TimeDelta;

use super::{
    super::{
        decider::Decider,
        ids::{KeyId, PrincipalId, SpaceId, Timestamp},
    },
    Rejection,
    role::Scope,
};

/// Seconds for which the secret before may still be used after a rotation, at most: seven days.
pub const ROTATION_GRACE_MAX_S: u32 = 7 * 24 * 3_600;

/// The secret that a rotation has replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct OldSecret {
    pub sha256: String,
    pub expires_at: Timestamp,
}

/// An API key as the log knows it: its secrets only as their SHA-256, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub id: KeyId,
    pub space: SpaceId,
    pub principal: PrincipalId,
    pub label: String,
    pub secret_sha256: String,
    /// The first characters of the secret, by which people tell keys apart; empty for keys of before there was one.
    pub prefix: String,
    pub scopes: Vec<Scope>,
    pub issued_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub rotated_at: Option<Timestamp>,
    pub old_secret: Option<OldSecret>,
}

impl Key {
    /// Whether the key opens anything at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether a secret with this SHA-256 opens anything at `now`.
    pub fn opens_by(&self, sha256: &str, now: Timestamp) -> bool {
        let is_old = |old: &OldSecret| old.sha256 == sha256 && now < old.expires_at;
        self.is_valid_at(now) && (self.secret_sha256 == sha256 || self.old_secret.as_ref().is_some_and(is_old))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum KeyCommand {
    Issue(Key),
    /// A new secret; the one before is good for another `grace_s` seconds, so that nothing stops while it is being replaced.
    Rotate {
        secret_sha256: String,
        prefix: String,
        grace_s: u32,
        at: Timestamp,
    },
    Revoke {
        at: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum KeyEvent {
    Issued(Key),
    Rotated(Key),
    Revoked(Key),
}

impl KeyEvent {
    pub fn key(&self) -> &Key {
        match self {
            Self::Issued(key) | Self::Rotated(key) | Self::Revoked(key) => key,
        }
    }
}

/// Keys: issued once, revoked for ever.
pub struct KeyDecider;

impl Decider for KeyDecider {
    type Command = KeyCommand;
    type Event = KeyEvent;
    type State = Option<Key>;
    type Rejection = Rejection;

    fn decide(command: KeyCommand, state: &Option<Key>) -> Result<Vec<KeyEvent>, Rejection> {
        match (command, state) {
            (KeyCommand::Issue(key), None) => Ok(vec![KeyEvent::Issued(key)]),
            // What may be done grows with the program, as does what is known of a key: the owner's is given what it lacks.
            (KeyCommand::Issue(key), Some(old)) => {
                let lacks = old.prefix.is_empty() || key.scopes.iter().any(|scope| !old.scopes.contains(scope));
                let grown = Key { scopes: key.scopes, prefix: key.prefix, ..old.clone() };
                Ok(if lacks && old.revoked_at.is_none() { vec![KeyEvent::Issued(grown)] } else { vec![] })
            }
            (_, None) => Err(Rejection::NotFound("key")),
            (KeyCommand::Revoke { .. }, Some(key)) if key.revoked_at.is_some() => Ok(vec![]),
            (KeyCommand::Revoke { at }, Some(key)) => Ok(vec![KeyEvent::Revoked(Key { revoked_at: Some(at), ..key.clone() })]),
            (KeyCommand::Rotate { .. }, Some(key)) if key.revoked_at.is_some() => Err(Rejection::KeyRevoked),
            (KeyCommand::Rotate { secret_sha256, prefix, grace_s, at }, Some(key)) => {
                let grace = TimeDelta::seconds(grace_s.min(ROTATION_GRACE_MAX_S).into());
                let old_secret = Some(OldSecret { sha256: key.secret_sha256.clone(), expires_at: at + grace });
                Ok(vec![KeyEvent::Rotated(Key { secret_sha256, prefix, old_secret, rotated_at: Some(at), ..key.clone() })])
            }
        }
    }

    fn evolve(_: Option<Key>, event: &KeyEvent) -> Option<Key> {
        Some(event.key().clone())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::decider::kit::given;

    const AT: Timestamp = DateTime::UNIX_EPOCH;

    fn key() -> Key {
        Key {
            id: KeyId(Uuid::nil()),
            space: SpaceId::default_space(),
            principal: PrincipalId(Uuid::nil()),
            label: "owner".into(),
            secret_sha256: "00".into(),
            prefix: "sbk_0000".into(),
            scopes: Scope::ALL.to_vec(),
            issued_at: AT,
            expires_at: None,
            revoked_at: None,
            rotated_at: None,
            old_secret: None,
        }
    }

    #[test]
    fn a_key_is_issued_once_and_revoked_for_ever() {
        let revoked = Key { revoked_at: Some(AT), ..key() };
        let revoke = || KeyCommand::Revoke { at: AT };
        given::<KeyDecider>([]).when(KeyCommand::Issue(key())).then([KeyEvent::Issued(key())]);
        given::<KeyDecider>([KeyEvent::Issued(key())]).when(KeyCommand::Issue(key())).then([]);
        let nameless = Key { prefix: String::new(), ..key() };
        given::<KeyDecider>([KeyEvent::Issued(nameless)]).when(KeyCommand::Issue(key())).then([KeyEvent::Issued(key())]);
        let poorer = Key { scopes: vec![Scope::MemoryRead], ..key() };
        let issued = KeyEvent::Issued(poorer.clone());
        given::<KeyDecider>([issued]).when(KeyCommand::Issue(key())).then([KeyEvent::Issued(key())]);
        given::<KeyDecider>([KeyEvent::Issued(key())]).when(KeyCommand::Issue(poorer)).then([]);
        given::<KeyDecider>([KeyEvent::Issued(key())]).when(revoke()).then([KeyEvent::Revoked(revoked.clone())]);
        given::<KeyDecider>([KeyEvent::Revoked(revoked.clone())]).when(revoke()).then([]);
        given::<KeyDecider>([]).when(revoke()).then_rejected(Rejection::NotFound("key"));
        assert!(key().is_valid_at(AT) && !revoked.is_valid_at(AT));
    }

    #[test]
    fn after_a_rotation_the_secret_before_is_good_for_a_while() {
        let rotate = |grace_s| KeyCommand::Rotate { secret_sha256: "11".into(), prefix: "sbk_1111".into(), grace_s, at: AT };
        let rotated = |grace_s| Key {
            secret_sha256: "11".into(),
            prefix: "sbk_1111".into(),
            rotated_at: Some(AT),
            old_secret: Some(OldSecret { sha256: "00".into(), expires_at: AT + TimeDelta::seconds(grace_s) }),
            ..key()
        };
        given::<KeyDecider>([KeyEvent::Issued(key())]).when(rotate(60)).then([KeyEvent::Rotated(rotated(60))]);
        let longest = i64::from(ROTATION_GRACE_MAX_S);
        given::<KeyDecider>([KeyEvent::Issued(key())]).when(rotate(u32::MAX)).then([KeyEvent::Rotated(rotated(longest))]);
        let revoked = KeyEvent::Revoked(Key { revoked_at: Some(AT), ..key() });
        given::<KeyDecider>([revoked]).when(rotate(0)).then_rejected(Rejection::KeyRevoked);
        let (key, later) = (rotated(60), AT + TimeDelta::seconds(60));
        assert!(key.opens_by("00", AT) && key.opens_by("11", AT) && key.opens_by("11", later));
        assert!(!key.opens_by("00", later) && !key.opens_by("22", AT));
    }
}
