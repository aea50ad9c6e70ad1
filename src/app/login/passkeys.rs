//! Passkeys: added by somebody who is in, asked for at the door, removed. Called by `api::login`.
//!
//! Decision 2026-11-28: a passkey is part of its principal, so the log has it and every process knows at once when it is gone. How often it
//! has signed is no event: the newest count is a mark beside the sessions, written in place of the one that was read, so of two answers
//! with one count the second is refused. Synchronised passkeys do not count, and there a copy cannot be told from the original.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    Entered, Login, Visitor,
    ceremony::{CEREMONY_S, Ceremony, Purpose},
    path_of_ours,
};
use crate::{
    app::{
        Error,
        access::secret::{fresh, sha256_hex},
        sessions::Shown,
    },
    domain::{
        access::{Passkey, Principal, PrincipalCommand},
        ids::PrincipalId,
        session::Origin,
    },
    ports::passkeys::{Asked, Holder, PasskeyError, Passkeys},
};

/// How often a count is written when others write it as well.
const COUNT_TRIES: u32 = 3;

/// Whether people may use passkeys here.
pub enum PasskeyUse {
    Ready(Arc<dyn Passkeys>),
    /// By the settings.
    Off,
    /// Browsers reach this server by a number, and authenticators know sites by their names: an address that would do.
    Nameless {
        instead: String,
    },
}

/// What a browser is asked, and what it keeps meanwhile.
#[derive(Debug)]
pub struct Question {
    /// `publicKey` for `navigator.credentials`.
    pub options: Value,
    /// The ceremony, sealed.
    pub sealed: String,
}

impl Login {
    /// Errors: `passkey.off`, `passkey.no_name`.
    fn passkeys(&self) -> Result<&Arc<dyn Passkeys>, Error> {
        match &self.passkeys {
            PasskeyUse::Ready(passkeys) => Ok(passkeys),
            PasskeyUse::Off => Err(Error::new("passkey.off", "passkeys are switched off here (auth.passkeys)")),
            PasskeyUse::Nameless { instead } => {
                let detail = format!("passkeys belong to a name, and this server is reached by a number: use {instead}");
                Err(Error::new("passkey.no_name", detail))
            }
        }
    }

    /// Whether the door has a button for passkeys.
    pub fn has_passkeys(&self) -> bool {
        !matches!(self.passkeys, PasskeyUse::Off)
    }

    fn question(&self, purpose: Purpose, asked: Asked) -> Result<Question, Error> {
        let (name, begun_at) = (fresh(&*self.vault), self.clock.now());
        let ceremony = Ceremony { name, purpose, begun_at, state: asked.state };
        Ok(Question { options: asked.options, sealed: ceremony.sealed(&*self.vault)? })
    }

    /// The ceremony that this browser has begun. Errors: `passkey.ceremony_unknown`.
    fn ceremony(&self, sealed: Option<&str>) -> Result<Ceremony, Error> {
        sealed.and_then(|sealed| Ceremony::unsealed(&*self.vault, sealed, self.clock.now())).ok_or_else(unknown)
    }

    /// Errors: `passkey.ceremony_unknown` for one that was ended before, `login.unavailable`.
    async fn end_ceremony(&self, ceremony: &Ceremony) -> Result<(), Error> {
        let keep = Duration::from_secs(2 * u64::from(CEREMONY_S));
        let is_first = self.sessions.first_use(&format!("passkey {}", ceremony.name), keep).await?;
        if is_first { Ok(()) } else { Err(unknown()) }
    }

    /// Asks the browser of somebody who is in for a new passkey. Errors: `passkey.off`, `passkey.no_name`, `access.not_found`,
    /// `access.too_many_passkeys`.
    pub fn ask_for_new_passkey(&self, shown: &Shown) -> Result<Question, Error> {
        let passkeys = self.passkeys()?;
        let person = self.person(shown.session.principal)?;
        if person.passkeys.len() >= crate::domain::access::PASSKEYS_MAX {
            return Err(crate::domain::access::Rejection::TooManyPasskeys.into());
        }
        let account = person.email.as_deref().unwrap_or(&person.name);
        let holder = Holder { principal: person.id, account, name: &person.name };
        let asked = passkeys.ask_for_new(holder, &person.passkeys).map_err(refused)?;
        self.question(Purpose::Add { principal: person.id, session: shown.session.id }, asked)
    }

    /// Adds the passkey that the browser has made. Errors: `passkey.ceremony_unknown`, `passkey.refused`, `passkey.taken`,
    /// `access.invalid_name`, `access.too_many_passkeys`, `login.unavailable`.
    pub async fn add_passkey(
        &self,
        shown: &Shown,
        sealed: Option<&str>,
        (label, answer): (String, Value),
        visitor: &Visitor,
    ) -> Result<Passkey, Error> {
        let (passkeys, ceremony) = (self.passkeys()?, self.ceremony(sealed)?);
        let principal = shown.session.principal;
        if ceremony.purpose != (Purpose::Add { principal, session: shown.session.id }) {
            return Err(unknown());
        }
        let made = passkeys.made(&ceremony.state, answer).map_err(refused)?;
        self.end_ceremony(&ceremony).await?;
        let passkey = Passkey { label, added_at: self.clock.now(), ..made };
        if self.directory.principal_of_passkey(&passkey.id).is_some() {
            return Err(taken());
        }
        let command = PrincipalCommand::AddPasskey(passkey.clone());
        self.change(principal, command, visitor).await?;
        // Somebody else may have been as fast; it belongs to whom the log has given it first.
        if self.directory.principal_of_passkey(&passkey.id).is_none_or(|owner| owner.id != principal) {
            self.change(principal, PrincipalCommand::RemovePasskey { id: passkey.id, may_be_last: true }, visitor).await?;
            return Err(taken());
        }
        tracing::info!(%principal, "a passkey was added");
        Ok(passkey)
    }

    /// Asks whoever stands at the door for a passkey. Errors: `passkey.off`, `passkey.no_name`, `secrets.no_master_key`.
    pub fn ask_for_passkey(&self) -> Result<Question, Error> {
        let asked = self.passkeys()?.ask_for_signature().map_err(refused)?;
        self.question(Purpose::LogIn, asked)
    }

    /// Lets in who has answered by a passkey. Errors: `passkey.ceremony_unknown`, `passkey.unknown`, `passkey.refused`, `passkey.cloned`,
    /// `login.no_role`, `login.bad_return_to`, `login.unavailable`.
    pub async fn enter_by_passkey(
        &self,
        sealed: Option<&str>,
        (answer, return_to): (Value, Option<&str>),
        visitor: Visitor,
    ) -> Result<Entered, Error> {
        let (passkeys, ceremony, return_to) = (self.passkeys()?, self.ceremony(sealed)?, path_of_ours(return_to)?);
        if ceremony.purpose != Purpose::LogIn {
            return Err(unknown());
        }
        let (claimed, id) = passkeys.claimed(&answer).map_err(refused)?;
        let stranger = || Error::new("passkey.unknown", "this passkey is not known here, or was removed");
        let person = self.directory.principal_of_passkey(&id).filter(|owner| owner.id == claimed).ok_or_else(stranger)?;
        let passkey = person.passkeys.iter().find(|passkey| passkey.id == id).ok_or_else(stranger)?;
        let count = passkeys.verified(&ceremony.state, answer, passkey).map_err(refused)?;
        // Before anything is opened: of two equal answers that come at once one is the first.
        self.end_ceremony(&ceremony).await?;
        self.count(passkey, count).await?;
        if person.disabled_at.is_some() || self.directory.spaces_of(person.id).is_empty() {
            return Err(Error::new("login.no_role", "you are known, but have no place here any more; ask the owner for one"));
        }
        self.enter(person.id, Origin::Passkey { id }, visitor, return_to).await
    }

    /// Writes down how often the passkey has signed, if that is more often than was known. Errors: `passkey.cloned`, `login.unavailable`.
    async fn count(&self, passkey: &Passkey, count: u32) -> Result<(), Error> {
        let name = format!("passkey-{}", sha256_hex(passkey.id.as_bytes()));
        for _ in 0..COUNT_TRIES {
            let (seq, marked) = self.marks.read(&name).await.map_err(away)?.unwrap_or_default();
            let newest = u64::from(passkey.counter).max(marked);
            if count == 0 && newest == 0 {
                return Ok(());
            }
            if u64::from(count) <= newest {
                tracing::warn!(count, newest, "a passkey has signed less often than was known: there may be a copy of it");
                let detail =
                    "this passkey has signed more often elsewhere: there may be a copy of it; log in otherwise and remove it";
                return Err(Error::new("passkey.cloned", detail));
            }
            if self.marks.write(&name, count.into(), Some(seq), None).await.map_err(away)? {
                return Ok(());
            }
        }
        Err(Error::new("login.unavailable", "this passkey is used by several at once; try again"))
    }

    /// The caller's passkeys, the oldest first. Errors: `access.not_found`.
    pub fn passkeys_of(&self, principal: PrincipalId) -> Result<Vec<Passkey>, Error> {
        Ok(self.person(principal)?.passkeys.clone())
    }

    /// Removes a passkey, and ends the sessions that it has opened. Errors: `access.not_found`, `access.last_way_in`, `login.unavailable`.
    pub async fn remove_passkey(&self, principal: PrincipalId, id: &str, visitor: &Visitor) -> Result<(), Error> {
        if !self.person(principal)?.passkeys.iter().any(|passkey| passkey.id == id) {
            return Err(Error::new("access.not_found", "you have no such passkey"));
        }
        let may_be_last = principal == self.owner;
        self.change(principal, PrincipalCommand::RemovePasskey { id: id.to_owned(), may_be_last }, visitor).await?;
        self.sessions.end(|session| matches!(&session.origin, Origin::Passkey { id: by } if by == id)).await?;
        tracing::info!(%principal, "a passkey was removed");
        Ok(())
    }

    /// Errors: `access.not_found`.
    pub(super) fn person(&self, principal: PrincipalId) -> Result<Arc<Principal>, Error> {
        self.directory.principal(principal).ok_or_else(|| Error::new("access.not_found", "you are no principal"))
    }
}

fn unknown() -> Error {
    Error::new("passkey.ceremony_unknown", "this was not begun in this browser, is too old or was ended: begin again")
}

fn taken() -> Error {
    Error::new("passkey.taken", "this passkey is known here already")
}

fn away(cause: crate::ports::sessions::SessionsAway) -> Error {
    Error::new("login.unavailable", "logins cannot be checked now; try again").logged(&cause)
}

/// What was wrong with an answer is for the operator's eyes.
fn refused(cause: PasskeyError) -> Error {
    tracing::info!(%cause, "a passkey came to nothing");
    match cause {
        PasskeyError::Refused(_) => Error::new("passkey.refused", "the passkey's answer was not accepted; begin again"),
        PasskeyError::Broken(_) => Error::new("internal", "passkeys cannot be used").logged(&cause),
    }
}
