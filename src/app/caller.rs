//! Who asks, and what that allows: the one place where it is decided who may do what. Made by a surface from a credential.

use crate::{
    commands::Actor,
    domain::{
        access::{Key, KeyScope},
        ids::{PrincipalId, SpaceId, Timestamp},
    },
};

use super::Error;

/// The key that a request came with.
#[derive(Clone, Debug)]
pub struct Caller(Key);

impl Caller {
    /// `key` is known and valid: the surface has looked.
    pub fn new(key: Key) -> Self {
        Self(key)
    }

    pub fn key(&self) -> &Key {
        &self.0
    }

    /// The space whose memories the key opens; it opens no other.
    pub fn space(&self) -> &SpaceId {
        &self.0.space
    }

    pub fn principal(&self) -> PrincipalId {
        self.0.principal
    }

    /// As events name who has caused them.
    pub fn actor(&self) -> Actor {
        Actor { space: self.0.space.clone(), principal: self.0.principal }
    }

    /// Errors: `auth.scope_missing`.
    pub fn require(&self, scope: KeyScope) -> Result<(), Error> {
        if self.0.scopes.contains(&scope) {
            return Ok(());
        }
        Err(Error::new("auth.scope_missing", format!("this key lacks the scope {}", scope.as_str())))
    }

    /// Whether the key is of the space that the instance's owner has: replay sees the rows of every space.
    /// Errors: `auth.operator_only`.
    pub fn require_operator(&self) -> Result<(), Error> {
        if self.is_operator() {
            return Ok(());
        }
        Err(Error::new("auth.operator_only", "only keys of the instance's own space operate it"))
    }

    pub fn is_operator(&self) -> bool {
        self.0.space == SpaceId::default_space()
    }

    /// Whether it may say itself when something was created. Errors: `auth.scope_missing`.
    pub fn may_date(&self, created_at: Option<Timestamp>) -> Result<(), Error> {
        created_at.map_or(Ok(()), |_| self.require(KeyScope::MemoryImport))
    }
}
