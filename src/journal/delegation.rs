//! Delegations, waiting devices and signing keys as the stream SESSIONS keeps them, for as long as they hold. Called by its adapter.
//!
//! The names are on disk until the last of a release has ended: new fields have a default, and none changes its meaning.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::Error as _};
use uuid::Uuid;

use crate::domain::{
    access::Scope,
    delegation::{Decision, Delegation, Device, SigningKey},
    ids::{PrincipalId, SpaceId, Timestamp},
};

/// What is kept under a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    Delegation(Delegation),
    Device(Device),
    Key(SigningKey),
}

/// The kinds of what is kept, as subjects say them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Delegation,
    Device,
    Key,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Delegation, Self::Device, Self::Key];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delegation => "delegation",
            Self::Device => "device",
            Self::Key => "key",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Kept {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Delegation(_) => Kind::Delegation,
            Self::Device(_) => Kind::Device,
            Self::Key(_) => Kind::Key,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredDelegation {
    id: Uuid,
    principal: PrincipalId,
    client: String,
    client_name: String,
    scopes: Vec<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    space: Option<SpaceId>,
    created_at: Timestamp,
    refreshed_at: Timestamp,
    #[serde(default)]
    agent: String,
    #[serde(default)]
    address: String,
    refresh_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced_sha256: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredDevice {
    device_sha256: String,
    client: String,
    client_name: String,
    scopes: Vec<Scope>,
    #[serde(default)]
    agent: String,
    #[serde(default)]
    address: String,
    asked_at: Timestamp,
    /// Absent while nobody has said anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    principal: Option<PrincipalId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    space: Option<SpaceId>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    id: String,
    public: String,
    sealed_seed: String,
    made_at: Timestamp,
}

/// The bytes of what is kept; never empty, which is how its end is told.
pub fn encode(kept: &Kept) -> Result<Vec<u8>, serde_json::Error> {
    match kept.clone() {
        Kept::Delegation(it) => serde_json::to_vec(&StoredDelegation {
            id: it.id,
            principal: it.principal,
            client: it.client,
            client_name: it.client_name,
            scopes: it.scopes,
            space: it.space,
            created_at: it.created_at,
            refreshed_at: it.refreshed_at,
            agent: it.agent,
            address: it.address,
            refresh_sha256: it.refresh_sha256,
            replaced_sha256: it.replaced_sha256,
        }),
        Kept::Device(it) => {
            let (allowed, principal, space) = match it.decision {
                Decision::Pending => (None, None, None),
                Decision::Denied => (Some(false), None, None),
                Decision::Allowed { principal, space } => (Some(true), Some(principal), space),
            };
            let Device { device_sha256, client, client_name, scopes, agent, address, asked_at, .. } = it;
            let stored =
                StoredDevice { device_sha256, client, client_name, scopes, agent, address, asked_at, allowed, principal, space };
            serde_json::to_vec(&stored)
        }
        Kept::Key(SigningKey { id, public, sealed_seed, made_at }) => {
            serde_json::to_vec(&StoredKey { id, public: URL_SAFE_NO_PAD.encode(public), sealed_seed, made_at })
        }
    }
}

/// Errors: these are no bytes of that kind.
pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Kept, serde_json::Error> {
    match kind {
        Kind::Delegation => {
            let it: StoredDelegation = serde_json::from_slice(bytes)?;
            Ok(Kept::Delegation(Delegation {
                id: it.id,
                principal: it.principal,
                client: it.client,
                client_name: it.client_name,
                scopes: it.scopes,
                space: it.space,
                created_at: it.created_at,
                refreshed_at: it.refreshed_at,
                agent: it.agent,
                address: it.address,
                refresh_sha256: it.refresh_sha256,
                replaced_sha256: it.replaced_sha256,
            }))
        }
        Kind::Device => {
            let it: StoredDevice = serde_json::from_slice(bytes)?;
            let decision = match (it.allowed, it.principal) {
                (None, _) => Decision::Pending,
                (Some(true), Some(principal)) => Decision::Allowed { principal, space: it.space },
                _ => Decision::Denied,
            };
            let StoredDevice { device_sha256, client, client_name, scopes, agent, address, asked_at, .. } = it;
            Ok(Kept::Device(Device { device_sha256, client, client_name, scopes, agent, address, asked_at, decision }))
        }
        Kind::Key => {
            let StoredKey { id, public, sealed_seed, made_at } = serde_json::from_slice(bytes)?;
            let public = URL_SAFE_NO_PAD.decode(public).ok().and_then(|bytes| bytes.try_into().ok());
            let public = public.ok_or_else(|| serde_json::Error::custom("a public key has 32 bytes in base64url"))?;
            Ok(Kept::Key(SigningKey { id, public, sealed_seed, made_at }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first release writes them: these words stay readable.
    const FROZEN: [(Kind, &str); 4] = [
        (
            Kind::Delegation,
            r#"{"id":"0190f3d2-0000-7000-8000-000000000001","principal":"0190f3d2-0000-7000-8000-000000000002","client":"brain-cli","client_name":"brain","scopes":["memory:read","graph:read"],"space":"default","created_at":"2026-11-28T12:00:00Z","refreshed_at":"2026-11-28T12:05:00Z","agent":"brain/0.1.0","address":"127.0.0.1","refresh_sha256":"aa","replaced_sha256":"bb"}"#,
        ),
        (
            Kind::Device,
            r#"{"device_sha256":"aa","client":"brain-cli","client_name":"brain","scopes":["memory:read"],"agent":"brain/0.1.0","address":"127.0.0.1","asked_at":"2026-11-28T12:00:00Z"}"#,
        ),
        (
            Kind::Device,
            r#"{"device_sha256":"aa","client":"brain-cli","client_name":"brain","scopes":["memory:read"],"agent":"","address":"","asked_at":"2026-11-28T12:00:00Z","allowed":true,"principal":"0190f3d2-0000-7000-8000-000000000002","space":"default"}"#,
        ),
        (
            Kind::Key,
            r#"{"id":"k1","public":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","sealed_seed":"1.abc","made_at":"2026-11-28T12:00:00Z"}"#,
        ),
    ];

    #[test]
    fn what_is_kept_is_read_as_it_was_written() {
        for (kind, text) in FROZEN {
            let kept = decode(kind, text.as_bytes()).expect("readable");
            assert_eq!((kept.kind(), String::from_utf8(encode(&kept).expect("plain")).expect("UTF-8")), (kind, text.to_owned()));
            assert!(decode(kind, b"").is_err() && Kind::parse(kind.as_str()) == Some(kind));
        }
    }
}
