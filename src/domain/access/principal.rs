//! The aggregate `principal`: a person or an agent. What they may do stands in the spaces that they belong to.

use serde::{Deserialize, Serialize};

use super::{
    super::{
        decider::Decider,
        ids::{PrincipalId, Timestamp},
    },
    Rejection, name,
    passkey::{PASSKEYS_MAX, Passkey},
};

/// Identities of one principal.
pub const IDENTITIES_MAX: usize = 20;

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
    /// Whether a login provider vouches for the address.
    pub email_verified: bool,
    pub identities: Vec<Identity>,
    pub passkeys: Vec<Passkey>,
    pub created_at: Timestamp,
    /// From then on nothing opens for them, whatever they hold.
    pub disabled_at: Option<Timestamp>,
}

impl Principal {
    /// One whom no provider knows, and of whom nothing else is known yet.
    pub fn new(id: PrincipalId, kind: PrincipalKind, name: String, created_at: Timestamp) -> Self {
        let (identities, passkeys) = (vec![], vec![]);
        Self { id, kind, name, email: None, email_verified: false, identities, passkeys, created_at, disabled_at: None }
    }

    /// In how many ways of their own they can log in.
    fn ways_in(&self) -> usize {
        self.identities.len() + self.passkeys.len()
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
    /// A login provider vouches for this address.
    VerifyEmail(String),
    Link(Identity),
    /// A token of theirs came twice, so that what they had let a client do has ended.
    NoteReuse,
    /// Takes an identity away; the last way in only from somebody who has yet another one.
    Unlink {
        identity: Identity,
        may_be_last: bool,
    },
    AddPasskey(Passkey),
    /// As `Unlink`, for the passkey with this id.
    RemovePasskey {
        id: String,
        may_be_last: bool,
    },
    Disable {
        at: Timestamp,
    },
    Enable,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PrincipalEvent {
    Created(Principal),
    Updated(Principal),
    PasskeyAdded(Principal),
    PasskeyRemoved(Principal),
    Disabled(Principal),
    Enabled(Principal),
    /// Nothing about them has changed.
    TokenReused(Principal),
}

impl PrincipalEvent {
    pub fn principal(&self) -> &Principal {
        match self {
            Self::Created(it)
            | Self::Updated(it)
            | Self::PasskeyAdded(it)
            | Self::PasskeyRemoved(it)
            | Self::Disabled(it)
            | Self::Enabled(it)
            | Self::TokenReused(it) => it,
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
                let email_verified = old.email_verified && email == old.email;
                unless_so(Principal { name: named, email, email_verified, ..old.clone() }, PrincipalEvent::Updated)
            }
            PrincipalCommand::VerifyEmail(address) => {
                let email = email(Some(address))?;
                unless_so(Principal { email, email_verified: true, ..old.clone() }, PrincipalEvent::Updated)
            }
            PrincipalCommand::Link(identity) => unless_so(linked(old, identity)?, PrincipalEvent::Updated),
            PrincipalCommand::Unlink { identity, may_be_last } => {
                let mut new = old.clone();
                new.identities.retain(|one| *one != identity);
                unless_so(still_open(new, may_be_last)?, PrincipalEvent::Updated)
            }
            PrincipalCommand::AddPasskey(passkey) => unless_so(with_passkey(old, passkey)?, PrincipalEvent::PasskeyAdded),
            PrincipalCommand::RemovePasskey { id, may_be_last } => {
                let mut new = old.clone();
                new.passkeys.retain(|one| one.id != id);
                unless_so(still_open(new, may_be_last)?, PrincipalEvent::PasskeyRemoved)
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

fn linked(old: &Principal, identity: Identity) -> Result<Principal, Rejection> {
    let mut new = old.clone();
    if !new.identities.contains(&identity) {
        new.identities.push(identity);
    }
    if new.identities.len() > IDENTITIES_MAX { Err(Rejection::TooManyIdentities) } else { Ok(new) }
}

fn with_passkey(old: &Principal, passkey: Passkey) -> Result<Principal, Rejection> {
    let label = name("label", &passkey.label)?;
    let mut new = old.clone();
    if !new.passkeys.iter().any(|one| one.id == passkey.id) {
        new.passkeys.push(Passkey { label, ..passkey });
    }
    if new.passkeys.len() > PASSKEYS_MAX { Err(Rejection::TooManyPasskeys) } else { Ok(new) }
}

fn still_open(new: Principal, may_be_last: bool) -> Result<Principal, Rejection> {
    if may_be_last || new.ways_in() > 0 { Ok(new) } else { Err(Rejection::LastWayIn) }
}

fn email(text: Option<String>) -> Result<Option<String>, Rejection> {
    text.map(|text| name("email", &text)).transpose()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{access::PublicKey, decider::kit::given};

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

    #[test]
    fn whoever_has_several_ways_in_loses_all_but_the_last() {
        let passkey = |id: &str| Passkey {
            id: id.into(),
            label: "phone".into(),
            public_key: PublicKey::Rsa { n: "AQ".into(), e: "AQAB".into() },
            counter: 0,
            is_synced: true,
            added_at: DateTime::UNIX_EPOCH,
        };
        let identity = || Identity { issuer: "https://id.example/".into(), subject: "ann".into() };
        let with = |passkeys: Vec<Passkey>, identities| Principal { passkeys, identities, ..ann() };
        let added = || PrincipalEvent::PasskeyAdded(with(vec![passkey("a")], vec![]));
        let both = || PrincipalEvent::Updated(with(vec![passkey("a")], vec![identity()]));
        let remove = |id: &str, may_be_last| PrincipalCommand::RemovePasskey { id: id.into(), may_be_last };
        let unlink = |may_be_last| PrincipalCommand::Unlink { identity: identity(), may_be_last };
        let created = || PrincipalEvent::Created(ann());
        given::<PrincipalDecider>([created()]).when(PrincipalCommand::AddPasskey(passkey("a"))).then([added()]);
        given::<PrincipalDecider>([added()]).when(PrincipalCommand::AddPasskey(passkey("a"))).then([]);
        given::<PrincipalDecider>([added()]).when(remove("b", false)).then([]);
        given::<PrincipalDecider>([added()]).when(remove("a", false)).then_rejected(Rejection::LastWayIn);
        given::<PrincipalDecider>([added()]).when(remove("a", true)).then([PrincipalEvent::PasskeyRemoved(ann())]);
        given::<PrincipalDecider>([both()])
            .when(remove("a", false))
            .then([PrincipalEvent::PasskeyRemoved(with(vec![], vec![identity()]))]);
        given::<PrincipalDecider>([both()]).when(unlink(false)).then([PrincipalEvent::Updated(with(vec![passkey("a")], vec![]))]);
        let many = (0..PASSKEYS_MAX).map(|index| passkey(&index.to_string())).collect();
        given::<PrincipalDecider>([PrincipalEvent::PasskeyAdded(with(many, vec![]))])
            .when(PrincipalCommand::AddPasskey(passkey("one more")))
            .then_rejected(Rejection::TooManyPasskeys);
    }

    #[test]
    fn an_address_is_vouched_for_until_it_changes() {
        let vouched = || {
            let email = Some("ann@example.org".to_owned());
            PrincipalEvent::Updated(Principal { email, email_verified: true, ..ann() })
        };
        let other = || Principal { email: Some("eve@example.org".into()), ..ann() };
        let verify = || PrincipalCommand::VerifyEmail("ann@example.org".into());
        given::<PrincipalDecider>([PrincipalEvent::Created(ann())]).when(verify()).then([vouched()]);
        given::<PrincipalDecider>([vouched()]).when(verify()).then([]);
        given::<PrincipalDecider>([vouched()])
            .when(PrincipalCommand::Update { name: None, email: Some("eve@example.org".into()) })
            .then([PrincipalEvent::Updated(other())]);
    }
}
