//! The aggregate `invitation`: a role in a space for whoever shows its secret first.

use uuid::Uuid;

use super::{
    super::{
        decider::Decider,
        ids::{PrincipalId, SpaceId, Timestamp},
    },
    Rejection,
    role::Role,
};

/// An invitation as the log knows it: the secret only as its SHA-256, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq)]
pub struct Invitation {
    pub id: Uuid,
    pub space: SpaceId,
    pub role: Role,
    pub secret_sha256: String,
    pub created_by: PrincipalId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub accepted: Option<(PrincipalId, Timestamp)>,
    pub revoked_at: Option<Timestamp>,
}

impl Invitation {
    /// Whether somebody can still take it.
    pub fn is_open_at(&self, now: Timestamp) -> bool {
        self.accepted.is_none() && self.revoked_at.is_none() && now < self.expires_at
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum InvitationCommand {
    Create(Invitation),
    /// By the one who took it before it is "already so": the role may not have been given yet.
    Accept {
        by: PrincipalId,
        at: Timestamp,
    },
    Revoke {
        at: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum InvitationEvent {
    Created(Invitation),
    Accepted(Invitation),
    Revoked(Invitation),
}

impl InvitationEvent {
    pub fn invitation(&self) -> &Invitation {
        match self {
            Self::Created(it) | Self::Accepted(it) | Self::Revoked(it) => it,
        }
    }
}

/// Invitations: taken once, by one.
pub struct InvitationDecider;

impl Decider for InvitationDecider {
    type Command = InvitationCommand;
    type Event = InvitationEvent;
    type State = Option<Invitation>;
    type Rejection = Rejection;

    fn decide(command: InvitationCommand, state: &Option<Invitation>) -> Result<Vec<InvitationEvent>, Rejection> {
        match (command, state) {
            (InvitationCommand::Create(new), None) => Ok(vec![InvitationEvent::Created(new)]),
            (InvitationCommand::Create(_), Some(_)) => Ok(vec![]),
            (_, None) => Err(Rejection::NotFound("invitation")),
            (InvitationCommand::Accept { by, at }, Some(it)) => match it.accepted {
                Some((before, _)) if before == by => Ok(vec![]),
                None if it.is_open_at(at) => {
                    Ok(vec![InvitationEvent::Accepted(Invitation { accepted: Some((by, at)), ..it.clone() })])
                }
                _ => Err(Rejection::InvitationOver),
            },
            (InvitationCommand::Revoke { .. }, Some(it)) if it.revoked_at.is_some() => Ok(vec![]),
            (InvitationCommand::Revoke { .. }, Some(it)) if it.accepted.is_some() => Err(Rejection::InvitationOver),
            (InvitationCommand::Revoke { at }, Some(it)) => {
                Ok(vec![InvitationEvent::Revoked(Invitation { revoked_at: Some(at), ..it.clone() })])
            }
        }
    }

    fn evolve(_: Option<Invitation>, event: &InvitationEvent) -> Option<Invitation> {
        Some(event.invitation().clone())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::domain::decider::kit::given;

    const AT: Timestamp = DateTime::UNIX_EPOCH;

    fn invitation() -> Invitation {
        Invitation {
            id: Uuid::nil(),
            space: SpaceId::default_space(),
            role: Role::Editor,
            secret_sha256: "00".into(),
            created_by: PrincipalId(Uuid::nil()),
            created_at: AT,
            expires_at: AT + TimeDelta::hours(1),
            accepted: None,
            revoked_at: None,
        }
    }

    #[test]
    fn it_is_taken_by_one_in_time() {
        let open = || InvitationEvent::Created(invitation());
        let accept = |who: u128, at| InvitationCommand::Accept { by: PrincipalId(Uuid::from_u128(who)), at };
        let taken =
            || InvitationEvent::Accepted(Invitation { accepted: Some((PrincipalId(Uuid::from_u128(1)), AT)), ..invitation() });
        let late = AT + TimeDelta::hours(1);
        given::<InvitationDecider>([]).when(InvitationCommand::Create(invitation())).then([open()]);
        given::<InvitationDecider>([open()]).when(accept(1, AT)).then([taken()]);
        given::<InvitationDecider>([taken()]).when(accept(1, late)).then([]);
        given::<InvitationDecider>([taken()]).when(accept(2, AT)).then_rejected(Rejection::InvitationOver);
        given::<InvitationDecider>([open()]).when(accept(1, late)).then_rejected(Rejection::InvitationOver);
        let revoke = || InvitationCommand::Revoke { at: AT };
        let revoked = || InvitationEvent::Revoked(Invitation { revoked_at: Some(AT), ..invitation() });
        given::<InvitationDecider>([open()]).when(revoke()).then([revoked()]);
        given::<InvitationDecider>([revoked()]).when(revoke()).then([]);
        given::<InvitationDecider>([revoked()]).when(accept(1, AT)).then_rejected(Rejection::InvitationOver);
        given::<InvitationDecider>([taken()]).when(revoke()).then_rejected(Rejection::InvitationOver);
        given::<InvitationDecider>([]).when(revoke()).then_rejected(Rejection::NotFound("invitation"));
    }
}
