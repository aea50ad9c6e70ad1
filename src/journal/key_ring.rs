//! The stored shape of the ring of master keys. It is on disk: a field may be added that may be absent, none may change.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::domain::{
    ids::Timestamp,
    key_ring::{Check, KeyRing, KeyVersion, Peer},
};

#[derive(Serialize, Deserialize)]
struct RingV1 {
    active: u32,
    versions: Vec<VersionV1>,
}

#[derive(Serialize, Deserialize)]
struct VersionV1 {
    version: u32,
    /// 16 bytes in base64.
    check: String,
    known_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destroyed_at: Option<Timestamp>,
}

/// The bytes are no ring that this program knows.
#[derive(Debug, thiserror::Error)]
#[error("the ring of master keys does not have its stored shape")]
pub struct Error(#[source] Option<serde_json::Error>);

pub fn encode(ring: &KeyRing) -> Vec<u8> {
    let version = |known: &KeyVersion| VersionV1 {
        version: known.version,
        check: STANDARD.encode(known.check),
        known_at: known.known_at,
        destroyed_at: known.destroyed_at,
    };
    let stored = RingV1 { active: ring.active, versions: ring.versions.iter().map(version).collect() };
    serde_json::to_vec(&stored).expect("numbers, times and text always serialise")
}

pub fn decode(bytes: &[u8]) -> Result<KeyRing, Error> {
    let stored: RingV1 = serde_json::from_slice(bytes).map_err(|cause| Error(Some(cause)))?;
    let version = |stored: VersionV1| {
        let check = STANDARD.decode(stored.check).ok()?.try_into().ok()?;
        Some(KeyVersion { version: stored.version, check, known_at: stored.known_at, destroyed_at: stored.destroyed_at })
    };
    let versions = stored.versions.into_iter().map(version).collect::<Option<Vec<_>>>().ok_or(Error(None))?;
    Ok(KeyRing { versions, active: stored.active })
}

/// What a process says of itself; nobody keeps it.
#[derive(Serialize, Deserialize)]
struct PeerV1 {
    name: String,
    held: Vec<(u32, String)>,
    active: Option<u32>,
}

pub fn encode_peer(peer: &Peer) -> Vec<u8> {
    let held = peer.held.iter().map(|(version, check)| (*version, STANDARD.encode(check))).collect();
    let said = PeerV1 { name: peer.name.clone(), held, active: peer.active };
    serde_json::to_vec(&said).expect("numbers and text always serialise")
}

/// `None` for anything else.
pub fn decode_peer(bytes: &[u8]) -> Option<Peer> {
    let PeerV1 { name, held, active } = serde_json::from_slice(bytes).ok()?;
    let proven = |(version, check): (u32, String)| Some((version, Check::try_from(STANDARD.decode(check).ok()?).ok()?));
    Some(Peer { name, held: held.into_iter().map(proven).collect::<Option<_>>()?, active })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_release_stays_readable() {
        let text = r#"{"active":2,"versions":[{"version":1,"check":"AQEBAQEBAQEBAQEBAQEBAQ==","known_at":"2026-11-28T00:00:00Z","destroyed_at":"2026-11-29T00:00:00Z"},{"version":2,"check":"AgICAgICAgICAgICAgICAg==","known_at":"2026-11-28T00:00:00Z"}]}"#;
        let ring = decode(text.as_bytes()).expect("a ring");
        assert_eq!((ring.active, ring.newest(), ring.destroyed()), (2, 2, [1].into()));
        assert_eq!(String::from_utf8(encode(&ring)).expect("text"), text);
        assert!(decode(b"{}").is_err() && decode(text.replace("AQEB", "").as_bytes()).is_err());
    }
}
