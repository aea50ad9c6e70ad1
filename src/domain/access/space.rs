//! The aggregate `space`: a tenant, and who belongs to it. Members stand in the space itself, so that it can never lose its last owner.

use super::{
    super::{
        decider::Decider,
        ids::{PrincipalId, SpaceId, Timestamp},
    },
    Rejection, name,
    role::Role,
};

/// Members of one space: every event of a space tells them all.
pub const MEMBERS_MAX: usize = 1_000;

/// Who has given a role. What a login derives from groups is kept apart from what people have given, so that neither takes the other's away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GrantSource {
    /// A person or the instance itself.
    Manual,
    /// Groups that this login provider tells of.
    Provider(String),
}

/// One role of one principal from one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    pub principal: PrincipalId,
    pub role: Role,
    pub source: GrantSource,
    pub granted_at: Timestamp,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    pub id: SpaceId,
    pub name: String,
    pub created_at: Timestamp,
    pub grants: Vec<Grant>,
    /// Whether every memory that is written there is sensitive.
    pub is_sensitive: bool,
}

impl Space {
    /// The greatest role that the principal was given; `None` for one that does not belong here.
    pub fn role_of(&self, principal: PrincipalId) -> Option<Role> {
        self.grants.iter().filter(|grant| grant.principal == principal).map(|grant| grant.role).max()
    }

    /// Every member with the greatest role that they were given, in the order of their ids.
    pub fn members(&self) -> Vec<(PrincipalId, Role)> {
        let mut all: Vec<_> = self.grants.iter().map(|grant| (grant.principal, grant.role)).collect();
        all.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
        all.dedup_by_key(|member| member.0);
        all
    }

    fn has_owner(&self) -> bool {
        self.grants.iter().any(|grant| grant.role == Role::Owner)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum SpaceCommand {
    Create {
        id: SpaceId,
        name: String,
        owner: PrincipalId,
        at: Timestamp,
    },
    Rename {
        name: String,
    },
    /// Says whether every memory that is written there from now on is sensitive.
    SetSensitivity {
        sensitive: bool,
    },
    /// Gives a role in place of the one that the same source gave before.
    Grant {
        principal: PrincipalId,
        role: Role,
        source: GrantSource,
        at: Timestamp,
    },
    /// Takes back what the source gave; with `None` what any source gave.
    Remove {
        principal: PrincipalId,
        source: Option<GrantSource>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum SpaceEvent {
    Created(Space),
    Renamed(Space),
    MemberGranted(Space),
    MemberRemoved(Space),
    SensitivityChanged(Space),
}

impl SpaceEvent {
    pub fn space(&self) -> &Space {
        match self {
            Self::Created(space)
            | Self::Renamed(space)
            | Self::MemberGranted(space)
            | Self::MemberRemoved(space)
            | Self::SensitivityChanged(space) => space,
        }
    }
}

/// Spaces: created once, again is "already so"; never without an owner once they have had one.
pub struct SpaceDecider;

impl Decider for SpaceDecider {
    type Command = SpaceCommand;
    type Event = SpaceEvent;
    type State = Option<Space>;
    type Rejection = Rejection;

    fn decide(command: SpaceCommand, state: &Option<Space>) -> Result<Vec<SpaceEvent>, Rejection> {
        let Some(space) = state else {
            let SpaceCommand::Create { id, name: named, owner, at } = command else { return Err(Rejection::NotFound("space")) };
            let grants = vec![Grant { principal: owner, role: Role::Owner, source: GrantSource::Manual, granted_at: at }];
            let space = Space { id, name: name("name", &named)?, created_at: at, grants, is_sensitive: false };
            return Ok(vec![SpaceEvent::Created(space)]);
        };
        match command {
            SpaceCommand::Create { .. } => Ok(vec![]),
            SpaceCommand::Rename { name: named } => {
                let named = name("name", &named)?;
                let is_so = named == space.name;
                Ok(if is_so { vec![] } else { vec![SpaceEvent::Renamed(Space { name: named, ..space.clone() })] })
            }
            SpaceCommand::SetSensitivity { sensitive } if sensitive == space.is_sensitive => Ok(vec![]),
            SpaceCommand::SetSensitivity { sensitive } => {
                Ok(vec![SpaceEvent::SensitivityChanged(Space { is_sensitive: sensitive, ..space.clone() })])
            }
            SpaceCommand::Grant { principal, role, source, at } => {
                granted(space, Grant { principal, role, source, granted_at: at })
            }
            SpaceCommand::Remove { principal, source } => {
                let goes =
                    |grant: &Grant| grant.principal == principal && source.as_ref().is_none_or(|source| *source == grant.source);
                let grants: Vec<_> = space.grants.iter().filter(|grant| !goes(grant)).cloned().collect();
                if grants.len() == space.grants.len() {
                    return Ok(vec![]);
                }
                with_an_owner(space, Space { grants, ..space.clone() }).map(|space| vec![SpaceEvent::MemberRemoved(space)])
            }
        }
    }

    fn evolve(_: Option<Space>, event: &SpaceEvent) -> Option<Space> {
        Some(event.space().clone())
    }
}

fn granted(space: &Space, grant: Grant) -> Result<Vec<SpaceEvent>, Rejection> {
    let is_same = |other: &Grant| other.principal == grant.principal && other.source == grant.source;
    let before = space.grants.iter().find(|other| is_same(other));
    if before.is_some_and(|before| before.role == grant.role) {
        return Ok(vec![]);
    }
    let mut grants: Vec<_> = space.grants.iter().filter(|other| !is_same(other)).cloned().collect();
    grants.push(grant);
    let changed = Space { grants, ..space.clone() };
    if before.is_none() && changed.members().len() > MEMBERS_MAX {
        return Err(Rejection::TooManyMembers);
    }
    with_an_owner(space, changed).map(|space| vec![SpaceEvent::MemberGranted(space)])
}

/// Errors: `LastOwner`.
fn with_an_owner(before: &Space, after: Space) -> Result<Space, Rejection> {
    if before.has_owner() && !after.has_owner() { Err(Rejection::LastOwner) } else { Ok(after) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::decider::kit::given;

    const AT: Timestamp = DateTime::UNIX_EPOCH;

    fn principal(number: u128) -> PrincipalId {
        PrincipalId(Uuid::from_u128(number))
    }

    fn grant(number: u128, role: Role, source: GrantSource) -> Grant {
        Grant { principal: principal(number), role, source, granted_at: AT }
    }

    fn space(grants: Vec<Grant>) -> Space {
        Space { id: SpaceId::default_space(), name: "Home".into(), created_at: AT, grants, is_sensitive: false }
    }

    fn owned() -> Vec<Grant> {
        vec![grant(1, Role::Owner, GrantSource::Manual)]
    }

    fn create() -> SpaceCommand {
        SpaceCommand::Create { id: SpaceId::default_space(), name: " Home ".into(), owner: principal(1), at: AT }
    }

    #[test]
    fn a_space_is_created_once_with_its_owner() {
        given::<SpaceDecider>([]).when(create()).then([SpaceEvent::Created(space(owned()))]);
        given::<SpaceDecider>([SpaceEvent::Created(space(owned()))]).when(create()).then([]);
        let rename = |name: &str| SpaceCommand::Rename { name: name.into() };
        let renamed = SpaceEvent::Renamed(Space { name: "Work".into(), ..space(owned()) });
        given::<SpaceDecider>([SpaceEvent::Created(space(owned()))]).when(rename("Work")).then([renamed.clone()]);
        given::<SpaceDecider>([renamed]).when(rename("Work")).then([]);
        let seal = || SpaceCommand::SetSensitivity { sensitive: true };
        let sealed = || SpaceEvent::SensitivityChanged(Space { is_sensitive: true, ..space(owned()) });
        given::<SpaceDecider>([SpaceEvent::Created(space(owned()))]).when(seal()).then([sealed()]);
        given::<SpaceDecider>([sealed()]).when(seal()).then([]);
        let invalid = Rejection::InvalidName { field: "name", chars: 0 };
        given::<SpaceDecider>([SpaceEvent::Created(space(owned()))]).when(rename(" ")).then_rejected(invalid);
        given::<SpaceDecider>([]).when(rename("x")).then_rejected(Rejection::NotFound("space"));
    }

    #[test]
    fn the_last_owner_stays_one_whoever_takes_the_role_away() {
        let home = || SpaceEvent::Created(space(owned()));
        let give = |number, role, source| SpaceCommand::Grant { principal: principal(number), role, source, at: AT };
        let take = |number, source| SpaceCommand::Remove { principal: principal(number), source };
        given::<SpaceDecider>([home()]).when(take(1, None)).then_rejected(Rejection::LastOwner);
        given::<SpaceDecider>([home()]).when(give(1, Role::Reader, GrantSource::Manual)).then_rejected(Rejection::LastOwner);
        let groups = GrantSource::Provider("home".into());
        let both = || [owned(), vec![grant(2, Role::Owner, groups.clone())]].concat();
        given::<SpaceDecider>([home()])
            .when(give(2, Role::Owner, groups.clone()))
            .then([SpaceEvent::MemberGranted(space(both()))]);
        let two = || SpaceEvent::MemberGranted(space(both()));
        given::<SpaceDecider>([two()]).when(give(2, Role::Owner, groups.clone())).then([]);
        given::<SpaceDecider>([two()]).when(take(2, Some(GrantSource::Manual))).then([]);
        given::<SpaceDecider>([two()]).when(take(2, Some(groups.clone()))).then([SpaceEvent::MemberRemoved(space(owned()))]);
        let left = vec![grant(2, Role::Owner, groups.clone())];
        given::<SpaceDecider>([two()]).when(take(1, None)).then([SpaceEvent::MemberRemoved(space(left))]);
    }

    #[test]
    fn of_two_grants_the_greater_counts() {
        let groups = GrantSource::Provider("home".into());
        let it = space([owned(), vec![grant(2, Role::Editor, GrantSource::Manual), grant(2, Role::Reader, groups)]].concat());
        assert_eq!((it.role_of(principal(2)), it.role_of(principal(3))), (Some(Role::Editor), None));
        assert_eq!(it.members(), [(principal(1), Role::Owner), (principal(2), Role::Editor)]);
    }

    #[test]
    fn there_is_room_for_so_many_members() {
        let full: Vec<_> = (1..=MEMBERS_MAX as u128).map(|number| grant(number, Role::Owner, GrantSource::Manual)).collect();
        let more = SpaceCommand::Grant { principal: principal(0), role: Role::Reader, source: GrantSource::Manual, at: AT };
        given::<SpaceDecider>([SpaceEvent::Created(space(full))]).when(more).then_rejected(Rejection::TooManyMembers);
    }
}
