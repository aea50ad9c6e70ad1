//! Who may do what, where: spaces with their members, principals, keys, invitations. Their events live in the reserved space `sys`.
//!
//! Called by the write path, and by the in-memory directory that authenticates. Pure: a secret is known here only by its SHA-256.

mod invitation;
mod key;
mod passkey;
mod principal;
mod role;
mod space;

use uuid::Uuid;

use super::ids::KeyId;

pub use self::{
    invitation::{Invitation, InvitationCommand, InvitationDecider, InvitationEvent},
    key::{Key, KeyCommand, KeyDecider, KeyEvent, OldSecret, ROTATION_GRACE_MAX_S},
    passkey::{Curve, PASSKEYS_MAX, Passkey, PublicKey},
    principal::{IDENTITIES_MAX, Identity, Principal, PrincipalCommand, PrincipalDecider, PrincipalEvent, PrincipalKind},
    role::{Role, Scope, ScopeSet},
    space::{Grant, GrantSource, MEMBERS_MAX, Space, SpaceCommand, SpaceDecider, SpaceEvent},
};

/// What somebody has shown to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    Key(KeyId),
    /// A browser's session, by its public name.
    Session(Uuid),
    /// An access token, by the name of its delegation.
    Token(Uuid),
}

/// Characters of the name of a space, a principal or a key.
pub const NAME_CHARS_MAX: usize = 200;

/// Why something about access is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("{field} has {chars} characters; it has 1 to {NAME_CHARS_MAX}, none of them a control character")]
    InvalidName { field: &'static str, chars: usize },
    #[error("a space keeps at least one owner: make somebody else owner first")]
    LastOwner,
    #[error("the space has {MEMBERS_MAX} members, which is the most that there can be")]
    TooManyMembers,
    #[error("the key is revoked for ever; make a new one")]
    KeyRevoked,
    #[error("this invitation was taken, withdrawn or is over")]
    InvitationOver,
    #[error("somebody has at most {PASSKEYS_MAX} passkeys: remove one first")]
    TooManyPasskeys,
    #[error("somebody is known to at most {IDENTITIES_MAX} login providers: remove one first")]
    TooManyIdentities,
    #[error("this is the last way in that you have: add another one first")]
    LastWayIn,
}

impl Rejection {
    /// The stable code; part of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "access.not_found",
            Self::InvalidName { .. } => "access.invalid_name",
            Self::LastOwner => "access.last_owner",
            Self::TooManyMembers => "access.too_many_members",
            Self::KeyRevoked => "access.key_revoked",
            Self::InvitationOver => "access.invitation_over",
            Self::TooManyPasskeys => "access.too_many_passkeys",
            Self::TooManyIdentities => "access.too_many_identities",
            Self::LastWayIn => "access.last_way_in",
        }
    }
}

/// The name without the white space around it. Errors: `InvalidName`.
pub fn name(field: &'static str, text: &str) -> Result<String, Rejection> {
    let text = text.trim();
    let chars = text.chars().count();
    if (1..=NAME_CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(Rejection::InvalidName { field, chars })
    }
}
