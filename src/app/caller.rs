//! Who asks, and what that allows: the one place where it is decided who may do what. Made by a surface from a credential.

use std::net::IpAddr;

use crate::{
    commands::Actor,
    domain::{
        access::{Credential, Key, Role, Scope, ScopeSet},
        delegation::Delegation,
        ids::{KeyId, PrincipalId, SpaceId, Timestamp},
        session::Session,
    },
    journal::envelope::Via,
    ports::AccessDirectory,
};

use super::Error;

/// A principal in one space, with what their credential and their role both allow there.
#[derive(Clone, Debug)]
pub struct Caller {
    principal: PrincipalId,
    space: SpaceId,
    scopes: ScopeSet,
    credential: Credential,
    address: Option<IpAddr>,
}

impl Caller {
    /// Who holds a key that is known: `None` if it opens nothing at `now`, or its principal is disabled or no longer belongs to its space.
    pub fn of_key(key: &Key, directory: &dyn AccessDirectory, now: Timestamp) -> Option<Self> {
        let role = directory.role_in(&key.space, key.principal).filter(|_| key.is_valid_at(now))?;
        let scopes = ScopeSet::of(&key.scopes).both(ScopeSet::of(role.scopes()));
        Some(Self {
            principal: key.principal,
            space: key.space.clone(),
            scopes,
            credential: Credential::Key(key.id),
            address: None,
        })
    }

    /// Who a browser's session is of, in a space: `None` for one who does not belong to it, or is disabled. The role alone bounds it.
    pub fn of_session(session: &Session, space: &SpaceId, directory: &dyn AccessDirectory) -> Option<Self> {
        let role = directory.role_in(space, session.principal)?;
        let (principal, space, scopes) = (session.principal, space.clone(), ScopeSet::of(role.scopes()));
        Some(Self { principal, space, scopes, credential: Credential::Session(session.id), address: None })
    }

    /// In whose name a client acts, in a space that they have opened to it, with these scopes: `None` for another space, and for one who
    /// does not belong to it or is disabled.
    pub fn of_delegation(
        delegation: &Delegation,
        scopes: ScopeSet,
        space: &SpaceId,
        directory: &dyn AccessDirectory,
    ) -> Option<Self> {
        let is_open = delegation.space.as_ref().is_none_or(|only| only == space);
        let role = directory.role_in(space, delegation.principal).filter(|_| is_open)?;
        let scopes = scopes.both(ScopeSet::of(&delegation.scopes)).both(ScopeSet::of(role.scopes()));
        let (principal, space, credential) = (delegation.principal, space.clone(), Credential::Token(delegation.id));
        Some(Self { principal, space, scopes, credential, address: None })
    }

    /// Who has just become a member, with all that the role allows.
    pub(super) fn newcomer(space: &SpaceId, principal: PrincipalId, key: KeyId, role: Role) -> Self {
        Self {
            principal,
            space: space.clone(),
            scopes: ScopeSet::of(role.scopes()),
            credential: Credential::Key(key),
            address: None,
        }
    }

    /// The same principal in a space that they have just made.
    pub(super) fn as_owner_of(&self, space: &SpaceId) -> Self {
        Self { space: space.clone(), scopes: ScopeSet::of(Role::Owner.scopes()), ..self.clone() }
    }

    /// The same, with the other end of their connection.
    pub fn from(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }

    pub fn credential(&self) -> Credential {
        self.credential
    }

    /// The space that this call is about; it opens no other.
    pub fn space(&self) -> &SpaceId {
        &self.space
    }

    pub fn principal(&self) -> PrincipalId {
        self.principal
    }

    /// As events name who has caused them.
    pub fn actor(&self) -> Actor {
        let via = match self.credential {
            Credential::Key(key) => Via { key: Some(key), ..Via::default() },
            Credential::Session(session) => Via { session: Some(session), ..Via::default() },
            Credential::Token(delegation) => Via { delegation: Some(delegation), ..Via::default() },
        };
        let via = Some(Via { address: self.address, ..via });
        Actor { space: self.space.clone(), principal: self.principal, via }
    }

    /// Everything that may be done.
    pub fn scopes(&self) -> ScopeSet {
        self.scopes
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// Errors: `auth.scope_missing`.
    pub fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.may(scope) {
            return Ok(());
        }
        Err(Error::new(
            "auth.scope_missing",
            format!("this needs the scope {}, which credential and role do not both give", scope.as_str()),
        ))
    }

    /// Whether the call is about the space that the instance's owner has: replay sees the rows of every space.
    /// Errors: `auth.operator_only`.
    pub fn require_operator(&self) -> Result<(), Error> {
        if self.is_operator() {
            return Ok(());
        }
        Err(Error::new("auth.operator_only", "only those who operate the instance's own space may do this"))
    }

    pub fn is_operator(&self) -> bool {
        self.space == SpaceId::default_space() && self.may(Scope::ReplayAdmin)
    }

    /// Whether it may say itself when something was created. Errors: `auth.scope_missing`.
    pub fn may_date(&self, created_at: Option<Timestamp>) -> Result<(), Error> {
        created_at.map_or(Ok(()), |_| self.require(Scope::MemoryImport))
    }
}
