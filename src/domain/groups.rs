//! What a provider's groups give: a role in one space or in all. Pure; called at each login, so that what a group no longer gives is gone
//! with the next one.

use std::collections::BTreeMap;

use super::{access::Role, ids::SpaceId};

/// A role in one space, or in every space: `editor@home`, `owner@*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAt {
    pub role: Role,
    /// `None` for all of them.
    pub space: Option<SpaceId>,
}

/// Roles by groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupRules {
    pub map: BTreeMap<String, RoleAt>,
    /// For those whose groups give none; without it they get none.
    pub default: Option<RoleAt>,
}

impl GroupRules {
    /// The role in each of these spaces, the greatest that any group gives. A space that there is not gets nobody.
    pub fn roles(&self, groups: &[String], spaces: &[SpaceId]) -> BTreeMap<SpaceId, Role> {
        let mut given: Vec<&RoleAt> = groups.iter().filter_map(|group| self.map.get(group)).collect();
        if given.is_empty() {
            given.extend(&self.default);
        }
        let mut roles: BTreeMap<SpaceId, Role> = BTreeMap::new();
        for space in spaces {
            let here = given.iter().filter(|it| it.space.as_ref().is_none_or(|wanted| wanted == space));
            if let Some(role) = here.map(|it| it.role).max() {
                roles.insert(space.clone(), role);
            }
        }
        roles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_role_counts_and_the_default_is_for_those_without_one() {
        let at = |role, space: &str| RoleAt { role, space: space.parse().ok() };
        let map = [("all", at(Role::Reader, "*")), ("home", at(Role::Editor, "home")), ("boss", at(Role::Owner, "home"))];
        let map: BTreeMap<_, _> = map.into_iter().map(|(group, role)| (group.to_owned(), role)).collect();
        let rules = GroupRules { map, default: Some(at(Role::Reader, "home")) };
        let spaces: Vec<SpaceId> = ["home", "work"].iter().map(|it| it.parse().unwrap()).collect();
        for (groups, wanted) in [
            (&["all"][..], vec![("home", Role::Reader), ("work", Role::Reader)]),
            (&["all", "home"], vec![("home", Role::Editor), ("work", Role::Reader)]),
            (&["boss", "home"], vec![("home", Role::Owner)]),
            (&["Boss"], vec![("home", Role::Reader)]),
            (&[], vec![("home", Role::Reader)]),
        ] {
            let groups: Vec<String> = groups.iter().map(|it| (*it).to_owned()).collect();
            let wanted: BTreeMap<SpaceId, Role> =
                wanted.into_iter().map(|(space, role)| (space.parse().unwrap(), role)).collect();
            assert_eq!(rules.roles(&groups, &spaces), wanted, "{groups:?}");
        }
        let strict = GroupRules { default: None, ..rules };
        assert!(strict.roles(&["nobody".into()], &spaces).is_empty());
    }
}
