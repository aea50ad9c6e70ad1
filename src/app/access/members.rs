//! Who belongs to a space, and as what.

use std::sync::Arc;

use super::{Access, Caller, Error, not_found};
use crate::domain::{
    access::{GrantSource, Principal, PrincipalCommand, PrincipalKind, Role, SpaceCommand},
    ids::{PrincipalId, SpaceId},
};

/// Somebody who belongs to a space.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: PrincipalId,
    pub role: Role,
    /// `None` for one whom a brain has named before principals were recorded.
    pub principal: Option<Arc<Principal>>,
}

/// A principal that is to be made, as a member.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMember {
    pub kind: PrincipalKind,
    pub name: String,
    pub role: Role,
}

impl Access {
    /// The members of the caller's space, in the order of their ids. Errors: `access.not_found`.
    pub fn members(&self, caller: &Caller) -> Result<Vec<Member>, Error> {
        let space = self.directory.space(caller.space()).ok_or_else(|| not_found("space"))?;
        Ok(space.members().into_iter().map(|(id, role)| self.member(id, role)).collect())
    }

    fn member(&self, id: PrincipalId, role: Role) -> Member {
        Member { id, role, principal: self.directory.principal(id) }
    }

    /// Makes a principal and a member of them: an agent, or a person who comes in by a key.
    /// Errors: `access.invalid_name`, `access.too_many_members`, and that the log does not take it.
    pub async fn add_member(&self, caller: &Caller, new: NewMember) -> Result<Member, Error> {
        let (id, at) = (PrincipalId(self.writing.ids.command_id().0), self.clock.now());
        let principal = Principal::new(id, new.kind, new.name, at);
        self.change_principal(caller.actor(), id, PrincipalCommand::Create(principal)).await?;
        let grant = SpaceCommand::Grant { principal: id, role: new.role, source: GrantSource::Manual, at };
        self.change_space(caller.actor(), caller.space(), grant).await?;
        Ok(self.member(id, new.role))
    }

    /// Gives a member another role. Errors: `access.not_found` for one who is none, `access.last_owner`.
    pub async fn set_role(&self, caller: &Caller, id: PrincipalId, role: Role) -> Result<Member, Error> {
        self.must_belong(caller, id)?;
        let grant = SpaceCommand::Grant { principal: id, role, source: GrantSource::Manual, at: self.clock.now() };
        let space = self.change_space(caller.actor(), caller.space(), grant).await?;
        Ok(self.member(id, space.role_of(id).unwrap_or(role)))
    }

    /// Whoever is removed has no way in any more: neither keys nor live connections. Their keys stand in the list until they are revoked.
    /// Errors: as [`Access::set_role`].
    pub async fn remove_member(&self, caller: &Caller, id: PrincipalId) -> Result<(), Error> {
        self.must_belong(caller, id)?;
        self.change_space(caller.actor(), caller.space(), SpaceCommand::Remove { principal: id, source: None }).await?;
        let is_stranger = self.directory.spaces_of(id).is_empty();
        let is_over = |space: Option<&SpaceId>| space.map_or(is_stranger, |space| space == caller.space());
        self.end_delegations(id, is_over).await;
        Ok(())
    }

    fn must_belong(&self, caller: &Caller, id: PrincipalId) -> Result<(), Error> {
        let space = self.directory.space(caller.space()).ok_or_else(|| not_found("space"))?;
        space.role_of(id).map(drop).ok_or_else(|| not_found("member"))
    }

    /// Closes every space to somebody, or opens them again. Only operators may. Errors: `auth.operator_only`, `access.not_found`.
    pub async fn enable_principal(&self, caller: &Caller, id: PrincipalId, enabled: bool) -> Result<Principal, Error> {
        caller.require_operator()?;
        if !enabled && id == caller.principal() {
            return Err(Error::new("access.last_owner", "nobody shuts themselves out: let another owner do it"));
        }
        let command = if enabled { PrincipalCommand::Enable } else { PrincipalCommand::Disable { at: self.clock.now() } };
        let principal = self.change_principal(caller.actor(), id, command).await?;
        if !enabled {
            self.end_delegations(id, |_| true).await;
        }
        Ok(principal)
    }

    /// Ends what somebody who is out has let clients do in a space, or in all (`None`). Their tokens open nothing already, and can
    /// not be refreshed: should this fail, they would open something again once their person is in again.
    async fn end_delegations(&self, id: PrincipalId, is_over: impl Fn(Option<&SpaceId>) -> bool) {
        let ended = self.delegations.end(|it| it.principal == id && is_over(it.space.as_ref())).await;
        if let Err(cause) = ended {
            tracing::warn!(principal = %id, %cause, "what somebody has let clients do could not be ended yet");
        }
    }
}
