//! The owner's key: made once, kept in `<data folder>/credentials.json`, and known to the log. Called at start only.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    api::http::auth::sha256_hex,
    commands::Commands,
    domain::{
        access::{Key, KeyCommand, KeyScope},
        ids::{KeyId, PrincipalId, SpaceId, StreamSeq, Timestamp},
    },
};

/// Random bytes in a key.
const SECRET_BYTES: usize = 32;

/// What client verbs read: where brain serves, and the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credentials {
    pub url: String,
    pub api_key: String,
}

pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("credentials.json")
}

/// A fresh API key as a client sends it.
pub fn fresh_key() -> anyhow::Result<String> {
    let mut secret = [0u8; SECRET_BYTES];
    getrandom::fill(&mut secret).context("no randomness for an API key")?;
    Ok(format!("sbk_{}", URL_SAFE_NO_PAD.encode(secret)))
}

/// Reads the credentials or makes them, tells them where brain serves, and makes them durable before the log hears of the key:
/// a crash in between leaves a key that the next start appends.
pub fn open(data_dir: &Path, url: &str) -> anyhow::Result<Credentials> {
    let path = path(data_dir);
    let api_key = match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice::<Credentials>(&bytes).with_context(|| format!("{} is not readable", path.display()))?.api_key
        }
        Err(absent) if absent.kind() == std::io::ErrorKind::NotFound => fresh_key()?,
        Err(cause) => return Err(cause).with_context(|| format!("cannot read {}", path.display())),
    };
    let credentials = Credentials { url: url.to_owned(), api_key };
    write(&path, &credentials).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(credentials)
}

fn write(path: &Path, credentials: &Credentials) -> anyhow::Result<()> {
    let fresh = path.with_extension("json.new");
    // A file left by a crash keeps its own mode, so it goes first.
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh)?;
    file.write_all(&serde_json::to_vec_pretty(credentials)?)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(path.parent().context("the data folder has a name")?)?.sync_all()?;
    Ok(())
}

/// Makes the log know the default space and the key; answers the position from which the key is valid.
pub async fn record(commands: &Commands, api_key: &str, space: SpaceId, now: Timestamp) -> anyhow::Result<StreamSeq> {
    let principal = PrincipalId(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"second-brain owner"));
    let created = commands.create_space(space.clone(), principal).await?;
    let issued = issue(commands, api_key, (space, principal), "owner", now).await?;
    Ok(created.max(issued))
}

/// The id of a key follows from its secret.
pub fn key_id(api_key: &str) -> KeyId {
    KeyId(Uuid::new_v5(&Uuid::NAMESPACE_OID, sha256_hex(api_key.as_bytes()).as_bytes()))
}

/// Makes the log know a key that opens everything in a space that there is; answers the position from which it is valid.
pub async fn issue(
    commands: &Commands,
    api_key: &str,
    (space, principal): (SpaceId, PrincipalId),
    label: &str,
    now: Timestamp,
) -> anyhow::Result<StreamSeq> {
    let secret_sha256 = sha256_hex(api_key.as_bytes());
    let key = Key {
        id: key_id(api_key),
        space,
        principal,
        label: label.into(),
        secret_sha256,
        scopes: KeyScope::ALL.to_vec(),
        issued_at: now,
        expires_at: None,
        revoked_at: None,
    };
    Ok(commands.key(&key, KeyCommand::Issue(key.clone())).await?)
}
