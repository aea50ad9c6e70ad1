//! Spaces, and who somebody is in them.

use std::sync::Arc;

use super::{Access, Caller, Error, KeyMade, invalid, keys::first_label, not_found};
use crate::{
    domain::access::Credential,
    domain::{
        access::{Key, Principal, Role, Scope, Space, SpaceCommand},
        ids::{KeyId, PrincipalId, SpaceId},
    },
};

/// A space, and what somebody is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Belonging {
    pub space: Arc<Space>,
    pub role: Role,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Me {
    pub principal: Option<Arc<Principal>>,
    pub key: Option<Arc<Key>>,
    pub spaces: Vec<Belonging>,
}

/// A space, and the first key to it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpaceMade {
    pub space: Space,
    pub first_key: KeyMade,
}

impl Access {
    /// Who calls, by what, and where they belong.
    pub fn me(&self, caller: &Caller) -> Me {
        let key = match caller.credential() {
            Credential::Key(key) => self.directory.key(key),
            Credential::Session(_) | Credential::Token(_) => None,
        };
        let principal = self.directory.principal(caller.principal());
        Me { principal, key, spaces: self.spaces(caller) }
    }

    /// The spaces that the caller belongs to. A key opens one, and is shown no other; a session opens all, and a token what it was given for.
    pub fn spaces(&self, caller: &Caller) -> Vec<Belonging> {
        let all = self.directory.spaces_of(caller.principal()).into_iter();
        let is_open = |space: &SpaceId| match caller.credential() {
            Credential::Session(_) => true,
            Credential::Token(id) => self.delegations.get(id).is_some_and(|it| it.space.is_none()) || space == caller.space(),
            Credential::Key(_) => space == caller.space(),
        };
        all.filter(|(space, _)| is_open(&space.id)).map(|(space, role)| Belonging { space, role }).collect()
    }

    /// Where somebody belongs, in the order of the spaces' names; nowhere while they are disabled.
    pub fn belongings(&self, principal: PrincipalId) -> Vec<Belonging> {
        let all = self.directory.spaces_of(principal).into_iter();
        let is_in = |space: &SpaceId| self.directory.role_in(space, principal).is_some();
        all.filter(|(space, _)| is_in(&space.id)).map(|(space, role)| Belonging { space, role }).collect()
    }

    /// Makes a space with the caller as its owner, and a key to it. Only operators may.
    /// Errors: `auth.operator_only`, `access.space_taken`, `access.invalid_field` for a name that no space has, `access.invalid_name`.
    pub async fn create_space(&self, caller: &Caller, id: &str, name: Option<String>) -> Result<SpaceMade, Error> {
        caller.require_operator()?;
        let id: SpaceId = id.parse().map_err(|cause: crate::domain::ids::InvalidSpace| invalid("id", cause.to_string()))?;
        if id.is_sys() || self.directory.space(&id).is_some() {
            return Err(Error::new("access.space_taken", format!("there is a space {id} already")).at("id", None, None));
        }
        let (owner, at) = (caller.principal(), self.clock.now());
        let name = name.unwrap_or_else(|| id.to_string());
        let request = self.request(caller.actor(), id.clone(), SpaceCommand::Create { id: id.clone(), name, owner, at });
        let settled = self.writing.commands.space(request).await?;
        if !settled.changed {
            return Err(Error::new("access.space_taken", format!("there is a space {id} already")).at("id", None, None));
        }
        let space = self.known(settled).await;
        let there = caller.as_owner_of(&space.id);
        let key = (KeyId(self.writing.ids.command_id().0), owner);
        let first_key = self.issue(&there, key, (first_label(id.as_str()), Scope::ALL.to_vec()), None).await?;
        Ok(SpaceMade { space, first_key })
    }

    /// Renames the caller's space. Errors: `access.not_found` for another one, `access.invalid_name`.
    pub async fn rename_space(&self, caller: &Caller, id: &str, name: String) -> Result<Space, Error> {
        if id != caller.space().as_str() {
            return Err(not_found("space"));
        }
        self.change_space(caller.actor(), caller.space(), SpaceCommand::Rename { name }).await
    }

    /// Says whether every memory that is written from now on in the caller's space is sensitive. Errors: `access.not_found` for another one.
    pub async fn set_sensitivity(&self, caller: &Caller, id: &str, sensitive: bool) -> Result<Space, Error> {
        if id != caller.space().as_str() {
            return Err(not_found("space"));
        }
        self.change_space(caller.actor(), caller.space(), SpaceCommand::SetSensitivity { sensitive }).await
    }
}
