//! Who asks, and what that allows: the one place where it is decided who may do what. Made by a surface from a credential.

use std::net::IpAddr;

use crate::{
    commands::Actor,
    domain::{
        access::{Key, Role, Scope, ScopeSet},
        ids::{KeyId, PrincipalId, SpaceId, Timestamp},
    },
    journal::envelope::Via,
    ports::AccessDirectory,
};

use super::Error;

/// What somebody has shown to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    Key(KeyId),
}

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
        let Credential::Key(key) = self.credential;
        let via = Some(Via { key: Some(key), address: self.address });
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
            format!("this needs the scope {}, which neither key nor role gives", scope.as_str()),
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
