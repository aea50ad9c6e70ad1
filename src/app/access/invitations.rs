//! Invitations: a secret that makes whoever shows it first a member.

use std::{net::IpAddr, sync::Arc};

use uuid::Uuid;

use super::{
    Access, Caller, Error, KeyMade, invalid,
    keys::{Expiry, end, first_label},
    not_found,
    secret::{fresh_invitation, sha256_hex},
};
use crate::{
    commands::Actor,
    domain::{
        access::{
            GrantSource, Invitation, InvitationCommand, Principal, PrincipalCommand, PrincipalKind, Rejection, Role,
            SpaceCommand, name,
        },
        ids::{KeyId, PrincipalId},
    },
    journal::envelope::Via,
};

/// How long an invitation is good for when nothing is said, and at most: a week, ninety days.
const EXPIRES_IN_S_DEFAULT: u64 = 7 * 24 * 3_600;
const EXPIRES_IN_S_MAX: u64 = 90 * 24 * 3_600;

/// An invitation that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewInvitation {
    pub role: Role,
    pub expires_in_s: Option<u64>,
}

/// An invitation, and the secret that is shown once.
#[derive(Clone, Debug, PartialEq)]
pub struct InvitationMade {
    pub invitation: Invitation,
    pub secret: String,
}

/// Somebody who has come by an invitation, and their first key.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    pub principal: PrincipalId,
    pub role: Role,
    pub first_key: KeyMade,
}

impl Access {
    /// Invites somebody to the caller's space. Errors: `access.invalid_field`.
    pub async fn invite(&self, caller: &Caller, new: NewInvitation) -> Result<InvitationMade, Error> {
        let lasts_s = new.expires_in_s.unwrap_or(EXPIRES_IN_S_DEFAULT);
        if !(1..=EXPIRES_IN_S_MAX).contains(&lasts_s) {
            let refused = invalid("expires_in_s", format!("expires_in_s is {lasts_s}; it goes from 1 to {EXPIRES_IN_S_MAX}"));
            return Err(refused);
        }
        let (now, secret) = (self.clock.now(), fresh_invitation(&*self.vault));
        let invitation = Invitation {
            id: self.writing.ids.command_id().0,
            space: caller.space().clone(),
            role: new.role,
            secret_sha256: sha256_hex(secret.as_bytes()),
            created_by: caller.principal(),
            created_at: now,
            expires_at: end(now, Expiry::InS(lasts_s))?,
            accepted: None,
            revoked_at: None,
        };
        let id = invitation.id;
        let invitation = self.settle_invitation(caller.actor(), id, InvitationCommand::Create(invitation)).await?;
        Ok(InvitationMade { invitation, secret })
    }

    /// Every invitation to the caller's space, in the order of their ids.
    pub fn invitations(&self, caller: &Caller) -> Vec<Arc<Invitation>> {
        self.directory.invitations(caller.space())
    }

    /// Withdraws an invitation. Errors: `access.not_found`, `access.invitation_over` when it was taken.
    pub async fn withdraw(&self, caller: &Caller, id: Uuid) -> Result<Invitation, Error> {
        let is_here = self.directory.invitation(id).is_some_and(|it| it.space == *caller.space());
        if !is_here {
            return Err(not_found("invitation"));
        }
        self.settle_invitation(caller.actor(), id, InvitationCommand::Revoke { at: self.clock.now() }).await
    }

    /// Makes a person of whoever shows the secret, a member of them, and gives them a key with all that the role allows. It can be done
    /// again after a crash until there is that key, and never after.
    /// Errors: `access.not_found` for an unknown secret, `access.invitation_over`, `access.invalid_name`.
    pub async fn join(&self, secret: &str, called: &str, from: Option<IpAddr>) -> Result<Joined, Error> {
        let called = name("name", called)?;
        let found = self.directory.invitation_of(&sha256_hex(secret.trim().as_bytes())).ok_or_else(|| not_found("invitation"))?;
        let (principal, at) = (PrincipalId(Uuid::new_v5(&found.id, b"principal")), self.clock.now());
        let key = KeyId(Uuid::new_v5(&found.id, b"key"));
        if self.directory.key(key).is_some() {
            return Err(Rejection::InvitationOver.into());
        }
        let via = Some(Via { address: from, ..Via::default() });
        let actor = Actor { space: found.space.clone(), principal, via };
        self.settle_invitation(actor.clone(), found.id, InvitationCommand::Accept { by: principal, at }).await?;
        let newcomer = Principal::new(principal, PrincipalKind::Person, called.clone(), at);
        self.change_principal(actor.clone(), principal, PrincipalCommand::Create(newcomer)).await?;
        let grant = SpaceCommand::Grant { principal, role: found.role, source: GrantSource::Manual, at };
        self.change_space(actor, &found.space, grant).await?;
        let there = Caller::newcomer(&found.space, principal, key, found.role).from(from);
        let first_key = self.issue(&there, (key, principal), (first_label(&called), found.role.scopes().to_vec()), None).await?;
        if first_key.key.secret_sha256 != sha256_hex(first_key.secret.as_bytes()) {
            // Somebody else was as fast, and has the key.
            return Err(Rejection::InvitationOver.into());
        }
        Ok(Joined { principal, role: found.role, first_key })
    }

    /// Makes the caller a member, as the one who they are already. It cannot be done again after a crash in the middle, which would be a way
    /// back for whoever was removed since. Errors: `access.not_found` for an unknown secret, `access.invitation_over`,
    /// `access.too_many_members`.
    pub async fn join_as(&self, caller: &Caller, secret: &str) -> Result<Arc<Invitation>, Error> {
        let found = self.directory.invitation_of(&sha256_hex(secret.trim().as_bytes())).ok_or_else(|| not_found("invitation"))?;
        if found.accepted.is_some() {
            return Err(Rejection::InvitationOver.into());
        }
        let (principal, at) = (caller.principal(), self.clock.now());
        let actor = Actor { space: found.space.clone(), ..caller.actor() };
        self.settle_invitation(actor.clone(), found.id, InvitationCommand::Accept { by: principal, at }).await?;
        // Whoever has a role there already loses nothing by coming again.
        let has = self.directory.role_in(&found.space, principal);
        if has.is_none_or(|role| role < found.role) {
            let grant = SpaceCommand::Grant { principal, role: found.role, source: GrantSource::Manual, at };
            self.change_space(actor, &found.space, grant).await?;
        }
        Ok(found)
    }

    async fn settle_invitation(&self, actor: Actor, id: Uuid, command: InvitationCommand) -> Result<Invitation, Error> {
        let request = self.request(actor, id, command);
        Ok(self.known(self.writing.commands.invitation(request).await?).await)
    }
}
