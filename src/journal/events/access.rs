//! The stored shapes of spaces, principals, keys and invitations. The names are on disk: see `upcast.rs` before changing one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Error, Storable, Stored, read, stored, unknown};
use crate::domain::{
    access::{
        Grant, GrantSource, Identity, Invitation, InvitationEvent, Key, KeyEvent, OldSecret, Passkey, Principal, PrincipalEvent,
        PrincipalKind, PublicKey, Role, Scope, Space, SpaceEvent,
    },
    ids::{KeyId, PrincipalId, SpaceId, Timestamp},
};

/// The data of `space.…`; version 1 knew neither name nor members, version 2 no sensitivity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SpaceV3 {
    pub id: SpaceId,
    pub name: String,
    pub created_at: Timestamp,
    pub grants: Vec<GrantV1>,
    /// Whether every memory that is written there is sensitive.
    pub sensitive: bool,
}

/// A role of a principal; `provider` names the login provider whose groups it comes from, and is absent for one that a person gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GrantV1 {
    pub principal: PrincipalId,
    pub role: Role,
    pub provider: Option<String>,
    pub granted_at: Timestamp,
}

impl From<&Grant> for GrantV1 {
    fn from(grant: &Grant) -> Self {
        let provider = match &grant.source {
            GrantSource::Manual => None,
            GrantSource::Provider(provider) => Some(provider.clone()),
        };
        Self { principal: grant.principal, role: grant.role, provider, granted_at: grant.granted_at }
    }
}

impl From<GrantV1> for Grant {
    fn from(grant: GrantV1) -> Self {
        let GrantV1 { principal, role, provider, granted_at } = grant;
        Self { principal, role, source: provider.map_or(GrantSource::Manual, GrantSource::Provider), granted_at }
    }
}

impl Storable for SpaceEvent {
    fn store(&self) -> Stored {
        let kind = match self {
            Self::Created(_) => "space.created",
            Self::Renamed(_) => "space.renamed",
            Self::MemberGranted(_) => "space.member_granted",
            Self::MemberRemoved(_) => "space.member_removed",
            Self::SensitivityChanged(_) => "space.sensitivity_changed",
        };
        let Space { id, name, created_at, grants, is_sensitive } = self.space();
        let grants = grants.iter().map(GrantV1::from).collect();
        let data = SpaceV3 { id: id.clone(), name: name.clone(), created_at: *created_at, grants, sensitive: *is_sensitive };
        Stored { version: 3, ..stored(kind, &data) }
    }

    fn load(kind: &str, data: &Value) -> Result<Self, Error> {
        let SpaceV3 { id, name, created_at, grants, sensitive } = read(kind, data)?;
        let grants = grants.into_iter().map(Grant::from).collect();
        let space = Space { id, name, created_at, grants, is_sensitive: sensitive };
        match kind {
            "space.created" => Ok(Self::Created(space)),
            "space.renamed" => Ok(Self::Renamed(space)),
            "space.member_granted" => Ok(Self::MemberGranted(space)),
            "space.member_removed" => Ok(Self::MemberRemoved(space)),
            "space.sensitivity_changed" => Ok(Self::SensitivityChanged(space)),
            _ => Err(unknown(kind)),
        }
    }
}

/// The data of `principal.…`; version 1 knew neither passkeys nor whether the address is vouched for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PrincipalV2 {
    pub id: PrincipalId,
    pub kind: PrincipalKind,
    pub name: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub identities: Vec<Identity>,
    pub passkeys: Vec<PasskeyV1>,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

/// A passkey: its credential id in base64url, and its public half as a JSON Web Key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PasskeyV1 {
    pub id: String,
    pub label: String,
    pub public_key: PublicKey,
    pub counter: u32,
    pub is_synced: bool,
    pub added_at: Timestamp,
}

impl From<Passkey> for PasskeyV1 {
    fn from(Passkey { id, label, public_key, counter, is_synced, added_at }: Passkey) -> Self {
        Self { id, label, public_key, counter, is_synced, added_at }
    }
}

impl From<PasskeyV1> for Passkey {
    fn from(PasskeyV1 { id, label, public_key, counter, is_synced, added_at }: PasskeyV1) -> Self {
        Self { id, label, public_key, counter, is_synced, added_at }
    }
}

impl Storable for PrincipalEvent {
    fn store(&self) -> Stored {
        let type_name = match self {
            Self::Created(_) => "principal.created",
            Self::Updated(_) => "principal.updated",
            Self::PasskeyAdded(_) => "principal.passkey_added",
            Self::PasskeyRemoved(_) => "principal.passkey_removed",
            Self::Disabled(_) => "principal.disabled",
            Self::Enabled(_) => "principal.enabled",
            Self::TokenReused(_) => "principal.token_reused",
        };
        let Principal { id, kind, name, email, email_verified, identities, passkeys, created_at, disabled_at } =
            self.principal().clone();
        let passkeys = passkeys.into_iter().map(PasskeyV1::from).collect();
        let data = PrincipalV2 { id, kind, name, email, email_verified, identities, passkeys, created_at, disabled_at };
        Stored { version: 2, ..stored(type_name, &data) }
    }

    fn load(type_name: &str, data: &Value) -> Result<Self, Error> {
        let PrincipalV2 { id, kind, name, email, email_verified, identities, passkeys, created_at, disabled_at } =
            read(type_name, data)?;
        let passkeys = passkeys.into_iter().map(Passkey::from).collect();
        let principal = Principal { id, kind, name, email, email_verified, identities, passkeys, created_at, disabled_at };
        match type_name {
            "principal.created" => Ok(Self::Created(principal)),
            "principal.updated" => Ok(Self::Updated(principal)),
            "principal.passkey_added" => Ok(Self::PasskeyAdded(principal)),
            "principal.passkey_removed" => Ok(Self::PasskeyRemoved(principal)),
            "principal.disabled" => Ok(Self::Disabled(principal)),
            "principal.enabled" => Ok(Self::Enabled(principal)),
            "principal.token_reused" => Ok(Self::TokenReused(principal)),
            _ => Err(unknown(type_name)),
        }
    }
}

/// The data of `key.…`; version 2 had fewer scopes and one secret, version 1 no `webhook:admin` among the scopes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct KeyV3 {
    pub id: KeyId,
    pub space: SpaceId,
    pub principal: PrincipalId,
    pub label: String,
    pub secret_sha256: String,
    pub prefix: String,
    pub scopes: Vec<Scope>,
    pub issued_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub rotated_at: Option<Timestamp>,
    pub old_secret: Option<OldSecretV1>,
}

/// The secret before the last rotation, and how long it is still good for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OldSecretV1 {
    pub sha256: String,
    pub expires_at: Timestamp,
}

impl From<&Key> for KeyV3 {
    fn from(key: &Key) -> Self {
        let key = key.clone();
        Self {
            id: key.id,
            space: key.space,
            principal: key.principal,
            label: key.label,
            secret_sha256: key.secret_sha256,
            prefix: key.prefix,
            scopes: key.scopes,
            issued_at: key.issued_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            rotated_at: key.rotated_at,
            old_secret: key.old_secret.map(|OldSecret { sha256, expires_at }| OldSecretV1 { sha256, expires_at }),
        }
    }
}

impl From<KeyV3> for Key {
    fn from(key: KeyV3) -> Self {
        Self {
            id: key.id,
            space: key.space,
            principal: key.principal,
            label: key.label,
            secret_sha256: key.secret_sha256,
            prefix: key.prefix,
            scopes: key.scopes,
            issued_at: key.issued_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            rotated_at: key.rotated_at,
            old_secret: key.old_secret.map(|OldSecretV1 { sha256, expires_at }| OldSecret { sha256, expires_at }),
        }
    }
}

impl Storable for KeyEvent {
    fn store(&self) -> Stored {
        let kind = match self {
            Self::Issued(_) => "key.issued",
            Self::Rotated(_) => "key.rotated",
            Self::Revoked(_) => "key.revoked",
        };
        Stored { version: 3, ..stored(kind, &KeyV3::from(self.key())) }
    }

    fn load(kind: &str, data: &Value) -> Result<Self, Error> {
        let key = Key::from(read::<KeyV3>(kind, data)?);
        match kind {
            "key.issued" => Ok(Self::Issued(key)),
            "key.rotated" => Ok(Self::Rotated(key)),
            "key.revoked" => Ok(Self::Revoked(key)),
            _ => Err(unknown(kind)),
        }
    }
}

/// The data of `invitation.…`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct InvitationV1 {
    pub id: Uuid,
    pub space: SpaceId,
    pub role: Role,
    pub secret_sha256: String,
    pub created_by: PrincipalId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub accepted_by: Option<PrincipalId>,
    pub accepted_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl Storable for InvitationEvent {
    fn store(&self) -> Stored {
        let kind = match self {
            Self::Created(_) => "invitation.created",
            Self::Accepted(_) => "invitation.accepted",
            Self::Revoked(_) => "invitation.revoked",
        };
        let it = self.invitation().clone();
        let data = InvitationV1 {
            id: it.id,
            space: it.space,
            role: it.role,
            secret_sha256: it.secret_sha256,
            created_by: it.created_by,
            created_at: it.created_at,
            expires_at: it.expires_at,
            accepted_by: it.accepted.map(|(by, _)| by),
            accepted_at: it.accepted.map(|(_, at)| at),
            revoked_at: it.revoked_at,
        };
        stored(kind, &data)
    }

    fn load(kind: &str, data: &Value) -> Result<Self, Error> {
        let it = read::<InvitationV1>(kind, data)?;
        let invitation = Invitation {
            id: it.id,
            space: it.space,
            role: it.role,
            secret_sha256: it.secret_sha256,
            created_by: it.created_by,
            created_at: it.created_at,
            expires_at: it.expires_at,
            accepted: it.accepted_by.zip(it.accepted_at),
            revoked_at: it.revoked_at,
        };
        match kind {
            "invitation.created" => Ok(Self::Created(invitation)),
            "invitation.accepted" => Ok(Self::Accepted(invitation)),
            "invitation.revoked" => Ok(Self::Revoked(invitation)),
            _ => Err(unknown(kind)),
        }
    }
}
