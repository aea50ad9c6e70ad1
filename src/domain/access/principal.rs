//! The aggregate `principal`: a person or an agent. What they may do stands in the spaces that they belong to.

use serde::{Deserialize, Serialize};

use super::{
    super::{
        decider::Decider,
        ids::{PrincipalId, Timestamp},
    },
    Rejection, name,
};

/// The names are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    Person,
    Agent,
}

impl PrincipalKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Agent => "agent",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Person, Self::Agent].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// By what a login provider knows somebody: its issuer, byte by byte, and the subject that it never gives to anybody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Identity {
    pub issuer: String,
    pub subject: String,
}

/// Somebody who acts.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    pub id: PrincipalId,
    pub kind: PrincipalKind,
    pub name: String,
    pub email: Option<String>,
    pub identities: Vec<Identity>,
    pub created_at: Timestamp,
    /// From then on nothing opens for them, whatever they hold.
    pub disabled_at: Option<Timestamp>,
}

impl Principal {
    /// One whom no provider knows, and of whom nothing else is known yet.
    pub fn new(id: PrincipalId, kind: PrincipalKind, name: String, created_at: Timestamp) -> Self {
        Self { id, kind, name, email: None, identities: vec![], created_at, disabled_at: None }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum PrincipalCommand {
    Create(Principal),
    /// What is `None` stays.
    Update {
        name: Option<String>,
        email: Option<String>,
    },
    Link(Identity),
    /// A token of theirs came twice, so that what they had let a client do has ended.
    NoteReuse,
    Disable {
        at: Timestamp,
    },
    Enable,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PrincipalEvent {
    Created(Principal),
    Updated(Principal),
    Disabled(Principal),
    Enabled(Principal),
    /// Nothing about them has changed.
    TokenReused(Principal),
}

impl PrincipalEvent {
    pub fn principal(&self) -> &Principal {
        match self {
            Self::Created(it) | Self::Updated(it) | Self::Disabled(it) | Self::Enabled(it) | Self::TokenReused(it) => it,
        }
    }
}

/// Principals: created once, disabled and enabled, never deleted, for events name them.
pub struct PrincipalDecider;

impl Decider for PrincipalDecider {
    type Command = PrincipalCommand;
    type Event = PrincipalEvent;
    type State = Option<Principal>;
    type Rejection = Rejection;

    fn decide(command: PrincipalCommand, state: &Option<Principal>) -> Result<Vec<PrincipalEvent>, Rejection> {
        let Some(old) = state else {
            let PrincipalCommand::Create(new) = command else { return Err(Rejection::NotFound("principal")) };
            let (name, email) = (name("name", &new.name)?, email(new.email)?);
            return Ok(vec![PrincipalEvent::Created(Principal { name, email, ..new })]);
        };
        let unless_so = |new: Principal, event: fn(Principal) -> PrincipalEvent| {
            if new == *old { vec![] } else { vec![event(new)] }
        };
        Ok(match command {
            PrincipalCommand::Create(_) => vec![],
            PrincipalCommand::NoteReuse => vec![PrincipalEvent::TokenReused(old.clone())],
            PrincipalCommand::Update { name: named, email: address } => {
                let named = named.map_or(Ok(old.name.clone()), |text| name("name", &text))?;
                let email = email(address)?.or_else(|| old.email.clone());
                unless_so(Principal { name: named, email, ..old.clone() }, PrincipalEvent::Updated)
            }
            PrincipalCommand::Link(identity) => {
                let mut new = old.clone();
                if !new.identities.contains(&identity) {
                    new.identities.push(identity);
                }
                unless_so(new, PrincipalEvent::Updated)
            }
            PrincipalCommand::Disable { .. } if old.disabled_at.is_some() => vec![],
            PrincipalCommand::Disable { at } => {
                vec![PrincipalEvent::Disabled(Principal { disabled_at: Some(at), ..old.clone() })]
            }
            PrincipalCommand::Enable => unless_so(Principal { disabled_at: None, ..old.clone() }, PrincipalEvent::Enabled),
        })
    }

    fn evolve(_: Option<Principal>, event: &PrincipalEvent) -> Option<Principal> {
        Some(event.principal().clone())
    }
}

fn email(text: Option<String>) -> Result<Option<String>, Rejection> {
    text.map(|text| name("email", &text)).transpose()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::decider::kit::given;

    fn ann() -> Principal {
        Principal::new(PrincipalId(Uuid::nil()), PrincipalKind::Person, "Ann".into(), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_principal_is_created_once_and_can_be_disabled_and_enabled() {
        let created = || PrincipalEvent::Created(ann());
        given::<PrincipalDecider>([]).when(PrincipalCommand::Create(ann())).then([created()]);
        given::<PrincipalDecider>([created()]).when(PrincipalCommand::Create(ann())).then([]);
        let gone = || PrincipalEvent::Disabled(Principal { disabled_at: Some(DateTime::UNIX_EPOCH), ..ann() });
        let disable = || PrincipalCommand::Disable { at: DateTime::UNIX_EPOCH };
        given::<PrincipalDecider>([created()]).when(disable()).then([gone()]);
        given::<PrincipalDecider>([gone()]).when(disable()).then([]);
        given::<PrincipalDecider>([gone()]).when(PrincipalCommand::Enable).then([PrincipalEvent::Enabled(ann())]);
        given::<PrincipalDecider>([created()]).when(PrincipalCommand::Enable).then([]);
        let reused = || PrincipalEvent::TokenReused(ann());
        given::<PrincipalDecider>([created()]).when(PrincipalCommand::NoteReuse).then([reused()]);
        given::<PrincipalDecider>([]).when(PrincipalCommand::NoteReuse).then_rejected(Rejection::NotFound("principal"));
        given::<PrincipalDecider>([]).when(disable()).then_rejected(Rejection::NotFound("principal"));
    }

    #[test]
    fn an_identity_is_linked_once_and_what_is_not_said_stays() {
        let identity = || Identity { issuer: "https://id.example/".into(), subject: "ann".into() };
        let linked = || PrincipalEvent::Updated(Principal { identities: vec![identity()], ..ann() });
        given::<PrincipalDecider>([PrincipalEvent::Created(ann())]).when(PrincipalCommand::Link(identity())).then([linked()]);
        given::<PrincipalDecider>([linked()]).when(PrincipalCommand::Link(identity())).then([]);
        let update = |name: Option<&str>| PrincipalCommand::Update { name: name.map(Into::into), email: None };
        given::<PrincipalDecider>([linked()]).when(update(None)).then([]);
        let invalid = Rejection::InvalidName { field: "name", chars: 1 };
        given::<PrincipalDecider>([linked()]).when(update(Some("\u{7}"))).then_rejected(invalid);
    }
}
