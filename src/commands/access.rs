//! Commands on spaces, principals, keys and invitations. Called by wiring when a brain starts and by the use cases; idempotent
//! by state.

use std::fmt::Display;

use uuid::Uuid;

use super::{
    Actor, Commands, Error, Request,
    append::{self, Load, Outcome},
};
use crate::{
    domain::{
        access::{
            Invitation, InvitationCommand, InvitationDecider, Key, KeyCommand, KeyDecider, Principal, PrincipalCommand,
            PrincipalDecider, Rejection, Space, SpaceCommand, SpaceDecider,
        },
        decider::Decider,
        ids::{KeyId, PrincipalId, SpaceId, StreamSeq},
    },
    journal::{
        catalog::{INVITATION, KEY, PRINCIPAL, SPACE},
        events::Storable,
    },
};

/// An aggregate after a command, and the position from which everybody knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled<T> {
    pub state: T,
    pub position: StreamSeq,
    pub changed: bool,
}

impl Commands {
    /// Creates a space or changes it. Errors: see [`Error`]; every one but `Unavailable` means that nothing was appended.
    pub async fn space(&self, request: Request<SpaceId, SpaceCommand>) -> Result<Settled<Space>, Error> {
        self.settle::<SpaceDecider, _, _>(SPACE, request).await
    }

    /// Creates a principal or changes it. Errors: see [`Error`].
    pub async fn principal(&self, request: Request<PrincipalId, PrincipalCommand>) -> Result<Settled<Principal>, Error> {
        self.settle::<PrincipalDecider, _, _>(PRINCIPAL, request).await
    }

    /// Issues a key or changes it. Errors: see [`Error`].
    pub async fn key(&self, request: Request<KeyId, KeyCommand>) -> Result<Settled<Key>, Error> {
        self.settle::<KeyDecider, _, _>(KEY, request).await
    }

    /// Makes an invitation or settles it. Errors: see [`Error`].
    pub async fn invitation(&self, request: Request<Uuid, InvitationCommand>) -> Result<Settled<Invitation>, Error> {
        self.settle::<InvitationDecider, _, _>(INVITATION, request).await
    }

    /// What is done to access stands in the space of spaces, whatever space it was asked for in.
    async fn settle<D, Id, T>(&self, aggregate: &'static str, request: Request<Id, D::Command>) -> Result<Settled<T>, Error>
    where
        D: Decider<State = Option<T>, Rejection = Rejection>,
        D::Command: Clone,
        D::Event: Storable,
        Id: Display,
    {
        let Request { actor, key, id, if_match, action } = request;
        let actor = Actor { space: SpaceId::sys(), ..actor };
        let load = Load { if_match, ..Load::new(actor, (aggregate, id.to_string()), (key, "settle"), self.clock.now()) };
        let Outcome { state, position, changed, .. } = append::run::<D, _>(self, &load, || action.clone(), Error::Access).await?;
        let state = state.ok_or(Error::Access(Rejection::NotFound(aggregate)))?;
        Ok(Settled { state, position, changed })
    }
}
