//! The owner's key: made once, kept in `<data folder>/credentials.json`, and known to the log. Called at start only.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    adapters::system::SystemIds,
    app::access::secret::{fresh_key, prefix, sha256_hex},
    commands::{Actor, Commands, Request},
    domain::{
        access::{GrantSource, Key, KeyCommand, Principal, PrincipalCommand, PrincipalKind, Role, Scope, SpaceCommand},
        ids::{KeyId, PrincipalId, SpaceId, StreamSeq, Timestamp},
    },
    ports::{IdSource, webhooks::Vault},
    private_file,
};

/// What client verbs read: where brain serves, and the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credentials {
    pub url: String,
    pub api_key: String,
}

pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("credentials.json")
}

/// Reads the credentials or makes them, tells them where brain serves, and makes them durable before the log hears of the key:
/// a crash in between leaves a key that the next start appends.
pub fn open(data_dir: &Path, url: &str, vault: &dyn Vault) -> anyhow::Result<Credentials> {
    let path = path(data_dir);
    let api_key = match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice::<Credentials>(&bytes).with_context(|| format!("{} is not readable", path.display()))?.api_key
        }
        Err(absent) if absent.kind() == std::io::ErrorKind::NotFound => fresh_key(vault),
        Err(cause) => return Err(cause).with_context(|| format!("cannot read {}", path.display())),
    };
    let credentials = Credentials { url: url.to_owned(), api_key };
    let text = serde_json::to_vec_pretty(&credentials)?;
    private_file::replace(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(credentials)
}

/// Who owns the instance. The id is the same everywhere, for its first release had no other.
pub fn owner() -> PrincipalId {
    PrincipalId(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"second-brain owner"))
}

/// The id of a key that stands in a file follows from its secret.
pub fn key_id(api_key: &str) -> KeyId {
    KeyId(Uuid::new_v5(&Uuid::NAMESPACE_OID, sha256_hex(api_key.as_bytes()).as_bytes()))
}

/// Makes the log know a space, its owner and their key, where it does not; answers the position from which the key is valid.
pub async fn record(commands: &Commands, api_key: &str, space: SpaceId, now: Timestamp) -> anyhow::Result<StreamSeq> {
    issue(commands, api_key, (space, owner()), "owner", now).await
}

/// Makes the log know a key that opens everything in a space, whose owner the principal becomes if it is not; answers the position from
/// which the key is valid.
pub async fn issue(
    commands: &Commands,
    api_key: &str,
    (space, principal): (SpaceId, PrincipalId),
    label: &str,
    now: Timestamp,
) -> anyhow::Result<StreamSeq> {
    let known = Principal::new(principal, PrincipalKind::Person, label.into(), now);
    let create = SpaceCommand::Create { id: space.clone(), name: space.to_string(), owner: principal, at: now };
    // Spaces of the first release have no members.
    let own = SpaceCommand::Grant { principal, role: Role::Owner, source: GrantSource::Manual, at: now };
    let key = Key {
        id: key_id(api_key),
        space: space.clone(),
        principal,
        label: label.into(),
        secret_sha256: sha256_hex(api_key.as_bytes()),
        prefix: prefix(api_key),
        scopes: Scope::ALL.to_vec(),
        issued_at: now,
        expires_at: None,
        revoked_at: None,
        rotated_at: None,
        old_secret: None,
    };
    let actor = Actor::within(space.clone(), principal);
    let known = commands.principal(request(&actor, principal, PrincipalCommand::Create(known))).await?.position;
    let created = commands.space(request(&actor, space.clone(), create)).await?.position;
    let owned = commands.space(request(&actor, space, own)).await?.position;
    let issued = commands.key(request(&actor, key.id, KeyCommand::Issue(key))).await?;
    if issued.state.revoked_at.is_some() {
        tracing::warn!(key = %issued.state.id, "the key in credentials.json is revoked; without the file the next start makes a new one");
    }
    Ok(known.max(created).max(owned).max(issued.position))
}

fn request<Id, Action>(actor: &Actor, id: Id, action: Action) -> Request<Id, Action> {
    Request::once(SystemIds.command_id(), actor.clone(), id, action)
}
