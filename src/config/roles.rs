//! What a process does of all that a brain does. Chosen by `brain serve --roles`; `brain up` does everything.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// One of the things that processes can do apart from each other, each any number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Answers HTTP and keeps its own keyword index.
    Api,
    /// Fills the read models; of two that do, one waits for the other to end.
    Projector,
    /// Turns events into derived facts.
    Reactor,
    /// Sends events to webhooks; of two that do, one waits for the other to end.
    Fanout,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Api, Self::Projector, Self::Reactor, Self::Fanout];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Projector => "projector",
            Self::Reactor => "reactor",
            Self::Fanout => "fanout",
        }
    }
}

/// The roles of a process, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    pub fn all() -> Self {
        Self(Role::ALL.into())
    }

    pub fn include(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let role = |name: &str| {
            let known = Role::ALL.into_iter().find(|role| role.as_str() == name.trim());
            known.ok_or_else(|| format!("{name:?} is no role; there are {}", Role::ALL.map(Role::as_str).join(", ")))
        };
        text.split(',').map(role).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_named_with_commas() {
        let some: Roles = "projector, api".parse().unwrap();
        assert!(some.include(Role::Api) && !some.include(Role::Reactor));
        assert_eq!(some.to_string(), "api,projector");
        assert!("".parse::<Roles>().is_err() && "api,cook".parse::<Roles>().unwrap_err().contains("cook"));
    }
}
