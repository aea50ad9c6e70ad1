//! What `brain login` has brought: the tokens of each server, in `logins.json` of the data folder, for its owner's eyes only. Read by
//! every verb that finds no key; a token that is over is replaced by one process at a time.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::ask;
use crate::{
    adapters::system::SystemClock, api::oauth::TokenAnswer, app::oauth::CLI, cli::client::Error, domain::ids::Timestamp,
    ports::Clock, private_file,
};
use anyhow::Context;
use serde::{Deserialize, Serialize};

/// A token that is good for less than this is replaced before it is used, in seconds.
const AHEAD_S: i64 = 30;
/// How often whoever waits for the file looks.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What stands in the file.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// The server that was logged in to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    #[serde(default)]
    logins: BTreeMap<String, Tokens>,
}

/// The tokens of one server.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    pub access_token: String,
    pub expires_at: Timestamp,
    pub refresh_token: String,
    pub token_endpoint: String,
    pub revocation_endpoint: String,
    /// Is said with every request, where the tokens are for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
}

impl Tokens {
    /// The same with what a server has given.
    pub fn renewed(self, given: TokenAnswer) -> Self {
        let expires_at = SystemClock.now() + chrono::TimeDelta::seconds(given.expires_in);
        Self { access_token: given.access_token, refresh_token: given.refresh_token, expires_at, ..self }
    }

    fn is_fresh(&self) -> bool {
        SystemClock.now() + chrono::TimeDelta::seconds(AHEAD_S) < self.expires_at
    }
}

/// The file.
#[derive(Clone)]
pub struct Logins(PathBuf);

impl Logins {
    pub fn of(data_dir: &Path) -> Self {
        Self(data_dir.join("logins.json"))
    }

    /// The server that was logged in to: the named one, or the last one.
    pub fn server(&self, named: Option<&str>) -> anyhow::Result<Option<String>> {
        let kept = self.read()?;
        let url = named.map(str::to_owned).or(kept.current);
        Ok(url.filter(|url| kept.logins.contains_key(url)))
    }

    pub fn get(&self, url: &str) -> anyhow::Result<Option<Tokens>> {
        Ok(self.read()?.logins.remove(url))
    }

    /// Keeps the tokens of a server, which is the current one from now on.
    pub async fn keep(&self, url: &str, tokens: Tokens) -> anyhow::Result<()> {
        let _lock = self.lock().await?;
        let mut kept = self.read()?;
        kept.current = Some(url.to_owned());
        kept.logins.insert(url.to_owned(), tokens);
        self.write(&kept)
    }

    pub async fn forget(&self, url: &str) -> anyhow::Result<()> {
        let _lock = self.lock().await?;
        let mut kept = self.read()?;
        kept.logins.remove(url);
        if kept.current.as_deref() == Some(url) {
            kept.current = None;
        }
        self.write(&kept)
    }

    fn read(&self) -> anyhow::Result<Kept> {
        match fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is no file of logins", self.0.display())),
            Err(absent) if absent.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(cause) => Err(cause).with_context(|| format!("cannot read {}", self.0.display())),
        }
    }

    /// Held until it is dropped; others wait, and let this thread do other work meanwhile: they may be of one process.
    async fn lock(&self) -> anyhow::Result<File> {
        let file = self.lock_file()?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
                Err(TryLockError::Error(cause)) => return Err(cause).context("the file of logins cannot be locked"),
            }
        }
    }

    fn lock_file(&self) -> anyhow::Result<File> {
        let path = self.0.with_extension("lock");
        let folder = path.parent().context("the data folder has a name")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        Ok(file)
    }

    fn write(&self, kept: &Kept) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(kept)?;
        private_file::replace(&self.0, &text).with_context(|| format!("cannot write {}", self.0.display()))
    }
}

/// A login that requests are made by.
#[derive(Clone)]
pub struct Held {
    pub logins: Logins,
    pub url: String,
    pub space: Option<String>,
}

impl Held {
    /// A token that is good. `refused` is one that the server did not take, however long it was to be good. Of all processes that need
    /// another one, one asks for it, and the others find it. Errors: the login is over, or the server cannot be reached.
    pub async fn token(&self, http: &reqwest::Client, refused: Option<&str>) -> Result<String, Error> {
        let is_good = |tokens: &Tokens| tokens.is_fresh() && refused != Some(tokens.access_token.as_str());
        let broken = |cause: anyhow::Error| Error::Login { url: self.url.clone(), why: format!("{cause:#}") };
        let find = || self.logins.get(&self.url).map_err(broken)?.ok_or_else(|| broken(anyhow::anyhow!("nobody is logged in")));
        if let Some(tokens) = Some(find()?).filter(is_good) {
            return Ok(tokens.access_token);
        }
        let lock = self.logins.lock().await.map_err(broken)?;
        let old = find()?;
        if is_good(&old) {
            return Ok(old.access_token);
        }
        let form = [("grant_type", "refresh_token"), ("refresh_token", &old.refresh_token), ("client_id", CLI)];
        let given: TokenAnswer = ask::form(http, &old.token_endpoint, &form).await?.map_err(|problem| Error::Login {
            url: self.url.clone(),
            why: format!("{} ({})", problem.error_description, problem.error),
        })?;
        let new = old.renewed(given);
        let mut kept = self.logins.read().map_err(broken)?;
        kept.logins.insert(self.url.clone(), new.clone());
        self.logins.write(&kept).map_err(broken)?;
        drop(lock);
        Ok(new.access_token)
    }
}
