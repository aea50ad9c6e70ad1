//! Scopes, and the roles that give them. The names are on disk and in the API.

use serde::{Deserialize, Serialize};

/// One thing that may be done in a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Scope {
    #[serde(rename = "memory:read")]
    MemoryRead,
    #[serde(rename = "memory:write")]
    MemoryWrite,
    /// May set `created_at` when putting memories.
    #[serde(rename = "memory:import")]
    MemoryImport,
    #[serde(rename = "graph:read")]
    GraphRead,
    #[serde(rename = "graph:write")]
    GraphWrite,
    /// May read and change webhooks, and see their secrets.
    #[serde(rename = "webhook:admin")]
    WebhookAdmin,
    /// May start tasks of analysis and export.
    #[serde(rename = "task:run")]
    TaskRun,
    /// May read who did what from where.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// May manage the space: its members, its invitations, everybody's keys.
    #[serde(rename = "space:admin")]
    SpaceAdmin,
    /// May rebuild, repair and verify read models. Of use in the instance's own space only.
    #[serde(rename = "replay:admin")]
    ReplayAdmin,
}

impl Scope {
    pub const ALL: [Self; 10] = [
        Self::MemoryRead,
        Self::MemoryWrite,
        Self::MemoryImport,
        Self::GraphRead,
        Self::GraphWrite,
        Self::WebhookAdmin,
        Self::TaskRun,
        Self::AuditRead,
        Self::SpaceAdmin,
        Self::ReplayAdmin,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemoryRead => "memory:read",
            Self::MemoryWrite => "memory:write",
            Self::MemoryImport => "memory:import",
            Self::GraphRead => "graph:read",
            Self::GraphWrite => "graph:write",
            Self::WebhookAdmin => "webhook:admin",
            Self::TaskRun => "task:run",
            Self::AuditRead => "audit:read",
            Self::SpaceAdmin => "space:admin",
            Self::ReplayAdmin => "replay:admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// Several scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(u16);

impl ScopeSet {
    pub fn of(scopes: &[Scope]) -> Self {
        Self(scopes.iter().fold(0, |bits, scope| bits | 1 << *scope as u16))
    }

    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u16) != 0
    }

    /// What stands in both.
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// In the order in which they are declared.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

/// What a member may do in a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Reader,
    Editor,
    Owner,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Reader, Self::Editor, Self::Owner];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// All that the role allows.
    pub fn scopes(self) -> &'static [Scope] {
        use Scope::{GraphRead, GraphWrite, MemoryImport, MemoryRead, MemoryWrite, TaskRun};
        match self {
            Self::Reader => &[MemoryRead, GraphRead],
            Self::Editor => &[MemoryRead, MemoryWrite, MemoryImport, GraphRead, GraphWrite, TaskRun],
            Self::Owner => &Scope::ALL,
        }
    }

    pub fn allows(self, scope: Scope) -> bool {
        self.scopes().contains(&scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greater_role_allows_what_a_smaller_one_does() {
        for pair in Role::ALL.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].scopes().iter().all(|scope| pair[1].allows(*scope)), "{pair:?}");
        }
        for scope in Scope::ALL {
            assert_eq!((Scope::parse(scope.as_str()), Role::Owner.allows(scope)), (Some(scope), true));
        }
        let (some, others) = (ScopeSet::of(Role::Reader.scopes()), ScopeSet::of(&[Scope::GraphRead, Scope::AuditRead]));
        assert_eq!(some.both(others).iter().collect::<Vec<_>>(), [Scope::GraphRead]);
        assert!(Role::parse("owner") == Some(Role::Owner) && Role::parse("Owner").is_none() && Scope::parse("memory").is_none());
    }
}
