//! Who may come in, and who says so: spaces with their members, API keys, invitations. Every change is an event in the log; what is answered
//! is known to every request of this process when the answer goes out.

mod invitations;
mod keys;
mod last_use;
mod members;
pub mod secret;
mod spaces;

use std::sync::Arc;

pub use self::{
    invitations::{InvitationMade, Joined, NewInvitation},
    keys::{Expiry, KeyMade, NewKey},
    last_use::LastUse,
    members::{Member, NewMember},
    spaces::{Belonging, Me, SpaceMade},
};
use super::{Caller, Error, Writing, delegations::Delegations};
use crate::{
    commands::{Actor, Request, Settled},
    domain::{
        access::{Principal, PrincipalCommand, Space, SpaceCommand},
        ids::{PrincipalId, SpaceId},
    },
    ports::{AccessDirectory, Clock, webhooks::Vault},
};

/// The use cases of access.
pub struct Access {
    pub writing: Arc<Writing>,
    pub directory: Arc<dyn AccessDirectory>,
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub vault: Arc<dyn Vault>,
    /// What those who are out have let clients do.
    pub delegations: Arc<Delegations>,
    pub last_use: Arc<LastUse>,
}

impl Access {
    /// A command of its own: what is done to access is not repeated under a key, for its secrets are shown once.
    fn request<Id, Action>(&self, actor: Actor, id: Id, action: Action) -> Request<Id, Action> {
        Request::once(self.writing.ids.command_id(), actor, id, action)
    }

    /// What was settled, once this process knows of it.
    async fn known<T>(&self, settled: Settled<T>) -> T {
        self.directory.reached(settled.position).await;
        settled.state
    }

    async fn change_space(&self, actor: Actor, id: &SpaceId, command: SpaceCommand) -> Result<Space, Error> {
        let request = self.request(actor, id.clone(), command);
        Ok(self.known(self.writing.commands.space(request).await?).await)
    }

    async fn change_principal(&self, actor: Actor, id: PrincipalId, command: PrincipalCommand) -> Result<Principal, Error> {
        let request = self.request(actor, id, command);
        Ok(self.known(self.writing.commands.principal(request).await?).await)
    }
}

/// A refusal that is about one field.
fn invalid(field: &str, detail: impl Into<String>) -> Error {
    Error::new("access.invalid_field", detail).at(field, None, None)
}

fn not_found(what: &str) -> Error {
    Error::new("access.not_found", format!("there is no such {what} here"))
}
