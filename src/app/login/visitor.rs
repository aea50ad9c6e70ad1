//! Who asks to be in or is in, and commands in their name. Used by the rest of [`super`].

use std::net::IpAddr;

use uuid::Uuid;

use super::Login;
use crate::{
    app::{Error, sessions::Shown},
    commands::{Actor, Request},
    domain::{
        access::PrincipalCommand,
        ids::{PrincipalId, SpaceId},
    },
    journal::envelope::Via,
};

/// What the browser says of itself.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    pub agent: String,
    pub address: Option<IpAddr>,
    /// The session in which it asks, where it is in already.
    pub session: Option<Uuid>,
}

impl Visitor {
    pub fn within(self, shown: &Shown) -> Self {
        Self { session: Some(shown.session.id), ..self }
    }
}

impl Login {
    /// A command of the one who logs in or is in, from where they do.
    pub(super) fn request<Id, Action>(
        &self,
        principal: PrincipalId,
        visitor: &Visitor,
        id: Id,
        action: Action,
    ) -> Request<Id, Action> {
        let via = Some(Via { address: visitor.address, session: visitor.session, ..Via::default() });
        let actor = Actor { space: SpaceId::sys(), principal, via };
        Request::once(self.writing.ids.command_id(), actor, id, action)
    }

    /// A change to somebody by themselves, known here when this returns. Errors: those of commands.
    pub(super) async fn change(&self, principal: PrincipalId, command: PrincipalCommand, visitor: &Visitor) -> Result<(), Error> {
        let settled = self.writing.commands.principal(self.request(principal, visitor, principal, command)).await?;
        self.directory.reached(settled.position).await;
        Ok(())
    }
}
