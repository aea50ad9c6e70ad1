//! The login providers that somebody is known to: a further one linked by a step of their own, or taken away. Called by [`super`] and by
//! `api::login`. An identity that is somebody's is theirs until they take it away.

use super::{Begun, Login, Provider, Visitor, attempt::LinkTo};
use crate::{
    app::{Error, sessions::Shown},
    domain::{
        access::{Identity, PrincipalCommand},
        ids::PrincipalId,
        session::Session,
    },
    ports::identity::Person,
};

/// An identity, and by which provider of the settings it is used; `None` where they name none any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Linked {
    pub identity: Identity,
    pub provider: Option<String>,
}

impl Login {
    /// Begins an attempt that will add an identity to whoever this session is of, and open no session.
    /// Errors: as [`Login::begin`].
    pub async fn begin_linking(&self, provider: &str, return_to: Option<&str>, shown: &Shown) -> Result<Begun, Error> {
        let link = LinkTo { principal: shown.session.principal, session: shown.session.id };
        self.depart(provider, return_to, Some(link)).await
    }

    /// Adds the identity that a provider has just told of to the one who asked for it, who must still be here in the same session.
    /// Errors: `login.link_elsewhere`, `login.identity_taken`, `access.too_many_identities`, those of commands.
    pub(super) async fn link_identity(
        &self,
        link: LinkTo,
        person: &Person,
        here: Option<&Session>,
        visitor: &Visitor,
    ) -> Result<(), Error> {
        if here.is_none_or(|session| session.id != link.session || session.principal != link.principal) {
            let detail = "you are not logged in any more as the one who asked for this: log in, and begin again";
            return Err(Error::new("login.link_elsewhere", detail));
        }
        let visitor = Visitor { session: Some(link.session), ..visitor.clone() };
        self.give(link.principal, identity_of(person), &visitor).await
    }

    /// Errors: `login.identity_taken`, `access.too_many_identities`, those of commands.
    async fn give(&self, principal: PrincipalId, identity: Identity, visitor: &Visitor) -> Result<(), Error> {
        let taken = || Error::new("login.identity_taken", "this login is somebody else's here already");
        if self.directory.principal_by(&identity).is_some_and(|owner| owner.id != principal) {
            return Err(taken());
        }
        self.change(principal, PrincipalCommand::Link(identity.clone()), visitor).await?;
        // Somebody else may have been as fast; it belongs to whom the log has given it first.
        if self.directory.principal_by(&identity).is_none_or(|owner| owner.id != principal) {
            self.change(principal, PrincipalCommand::Unlink { identity, may_be_last: true }, visitor).await?;
            return Err(taken());
        }
        tracing::info!(%principal, "an identity was linked");
        Ok(())
    }

    /// Whom an unknown identity is given to because its provider and another one vouch for the same address of mail. `None` unless the
    /// operator has switched that on, and there is exactly one. Errors: as linking.
    pub(super) async fn linked_by_email(&self, person: &Person, visitor: &Visitor) -> Result<Option<PrincipalId>, Error> {
        let Some(email) = self.vouched(person) else { return Ok(None) };
        match self.directory.principals_at(email).as_slice() {
            [one] if one.disabled_at.is_none() => {
                self.give(one.id, identity_of(person), visitor).await?;
                Ok(Some(one.id))
            }
            _ => Ok(None),
        }
    }

    /// The address that a provider vouches for, where the operator lets that count.
    fn vouched<'a>(&self, person: &'a Person) -> Option<&'a str> {
        person.email.as_deref().filter(|_| self.link_by_verified_email && person.email_verified)
    }

    /// Notes that a provider vouches for the address of somebody who is known by it. Errors: those of commands.
    pub(super) async fn note_email(&self, principal: PrincipalId, person: &Person, visitor: &Visitor) -> Result<(), Error> {
        let Some(email) = self.vouched(person) else { return Ok(()) };
        let is_noted =
            self.directory.principal(principal).is_some_and(|it| it.email_verified && it.email.as_deref() == Some(email));
        // Another's address stays another's, also if it is vouched for twice.
        if is_noted || self.directory.principals_at(email).iter().any(|other| other.id != principal) {
            return Ok(());
        }
        match self.change(principal, PrincipalCommand::VerifyEmail(email.to_owned()), visitor).await {
            // An address that cannot be written down is no reason to keep somebody out.
            Err(refused) if refused.code == "access.invalid_name" => Ok(()),
            other => other,
        }
    }

    /// The caller's identities, the oldest first. Errors: `access.not_found`.
    pub fn identities_of(&self, principal: PrincipalId) -> Result<Vec<Linked>, Error> {
        let person = self.person(principal)?;
        let linked = |identity: &Identity| {
            let by = self.providers.iter().find(|provider| is_of(provider, &identity.issuer));
            Linked { identity: identity.clone(), provider: by.map(|provider| provider.name.clone()) }
        };
        Ok(person.identities.iter().map(linked).collect())
    }

    /// Takes the identity away that stands at this place of the list, if it is still this one; ends the sessions that it has opened.
    /// Errors: `access.not_found`, `access.last_way_in`, `login.unavailable`.
    pub async fn unlink(&self, principal: PrincipalId, identity: Identity, visitor: &Visitor) -> Result<(), Error> {
        if !self.person(principal)?.identities.contains(&identity) {
            return Err(Error::new("access.not_found", "you have no such identity"));
        }
        let may_be_last = principal == self.owner;
        self.change(principal, PrincipalCommand::Unlink { identity: identity.clone(), may_be_last }, visitor).await?;
        self.sessions
            .end(|session| session.principal == principal && session.is_of(&identity.issuer, Some(&identity.subject), None))
            .await?;
        tracing::info!(%principal, "an identity was taken away");
        Ok(())
    }
}

pub(super) fn identity_of(person: &Person) -> Identity {
    Identity { issuer: person.issuer.clone(), subject: person.subject.clone() }
}

/// Settings may write the slash at the end of an issuer otherwise than the provider does.
fn is_of(provider: &Provider, issuer: &str) -> bool {
    provider.issuer.trim_end_matches('/') == issuer.trim_end_matches('/')
}
