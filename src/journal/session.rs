//! A session as the stream SESSIONS keeps it, for as long as it holds. Called by the adapter of that stream.
//!
//! The names are on disk until the last session of a release has ended: new fields have a default, and none changes its meaning.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    ids::{PrincipalId, Timestamp},
    session::{Origin, Session},
};

#[derive(Serialize, Deserialize)]
struct Stored {
    id: Uuid,
    principal: PrincipalId,
    /// Absent for a session that a link or a passkey has opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<StoredProvider>,
    /// The id of the passkey that has opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passkey: Option<String>,
    created_at: Timestamp,
    seen_at: Timestamp,
    #[serde(default)]
    agent: String,
    #[serde(default)]
    address: String,
}

#[derive(Serialize, Deserialize)]
struct StoredProvider {
    id: String,
    issuer: String,
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
}

/// The bytes of a session; never empty, which is how its end is told.
pub fn encode(session: &Session) -> Result<Vec<u8>, serde_json::Error> {
    let Session { id, principal, origin, created_at, seen_at, agent, address } = session.clone();
    let (provider, passkey) = match origin {
        Origin::Provider { provider: id, issuer, subject, session } => {
            (Some(StoredProvider { id, issuer, subject, session }), None)
        }
        Origin::Passkey { id } => (None, Some(id)),
        Origin::Link => (None, None),
    };
    serde_json::to_vec(&Stored { id, principal, provider, passkey, created_at, seen_at, agent, address })
}

/// Errors: these are no bytes of a session.
pub fn decode(bytes: &[u8]) -> Result<Session, serde_json::Error> {
    let Stored { id, principal, provider, passkey, created_at, seen_at, agent, address } = serde_json::from_slice(bytes)?;
    let origin = match (provider, passkey) {
        (Some(StoredProvider { id, issuer, subject, session }), _) => Origin::Provider { provider: id, issuer, subject, session },
        (None, Some(id)) => Origin::Passkey { id },
        (None, None) => Origin::Link,
    };
    Ok(Session { id, principal, origin, created_at, seen_at, agent, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first release writes it: these words stay readable.
    const FROZEN: &str = r#"{"id":"0190f3d2-0000-7000-8000-000000000001","principal":"0190f3d2-0000-7000-8000-000000000002","provider":{"id":"home","issuer":"https://id.example/","subject":"ann","session":"s1"},"created_at":"2026-11-28T12:00:00Z","seen_at":"2026-11-28T12:05:00Z","agent":"Firefox","address":"127.0.0.1"}"#;

    #[test]
    fn a_session_is_read_as_it_was_written() {
        let session = decode(FROZEN.as_bytes()).expect("readable");
        assert_eq!(String::from_utf8(encode(&session).expect("plain")).expect("UTF-8"), FROZEN);
        for origin in [Origin::Link, Origin::Passkey { id: "aWQ".into() }] {
            let other = Session { origin, ..session.clone() };
            assert_eq!(decode(&encode(&other).expect("plain")).expect("readable"), other);
        }
        assert!(decode(b"").is_err());
    }
}
