//! Where things lie: the cache of provisioned programs, the data folder and what is inside it, the servers' secrets.
//! Called by `provision` and by the start of the servers; it never removes anything.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::account::{self, Account};
use super::error::Error;

const PRODUCT: &str = "second-brain";
const SECRET_BYTES: usize = 24;
/// Beyond this a log is set aside at the next start; one older log is kept.
const LOG_BYTES_MAX: u64 = 32 << 20;

/// The data folder when nobody names one: `/var/lib/second-brain` for root, else `$XDG_DATA_HOME/second-brain`.
pub fn default_data_dir() -> PathBuf {
    standard("/var/lib", "XDG_DATA_HOME", ".local/share")
}

/// The folder of provisioned programs and weights: `BRAIN_CACHE_DIR`, else `/var/cache/second-brain` for root, else the XDG cache.
pub(super) fn cache_dir() -> PathBuf {
    match std::env::var_os("BRAIN_CACHE_DIR") {
        Some(dir) if !dir.is_empty() => std::path::absolute(&dir).unwrap_or_else(|_| dir.into()),
        _ => standard("/var/cache", "XDG_CACHE_HOME", ".cache"),
    }
}

fn standard(for_root: &str, variable: &str, under_home: &str) -> PathBuf {
    if account::is_root() {
        return Path::new(for_root).join(PRODUCT);
    }
    // The XDG specification says that a relative path is to be ignored.
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().unwrap_or_else(std::env::temp_dir).join(under_home);
    named.unwrap_or_else(home).join(PRODUCT)
}

/// The data folder, made and reachable for the servers' account.
#[derive(Debug, Clone)]
pub(super) struct DataDir {
    pub root: PathBuf,
}

impl DataDir {
    /// Makes the folder, closed to others. As root it is then opened for passing through only: the servers' account must reach its
    /// sub-folders, and everything in it that is not the servers' own is 0600. Parents are not ours, so a closed one is refused,
    /// not opened; and a folder that was there before keeps its permissions but for that passage, for it may be anybody's.
    pub fn open(path: &Path, account: Option<&Account>) -> Result<Self, Error> {
        let fresh = !path.exists();
        fs::create_dir_all(path).map_err(Error::io("create", path))?;
        let root = path.canonicalize().map_err(Error::io("resolve", path))?;
        if fresh {
            fs::set_permissions(&root, Permissions::from_mode(0o700)).map_err(Error::io("set the permissions of", &root))?;
        }
        account::let_through(&root, account)?;
        account::ensure_reachable(&root, account)?;
        Ok(Self { root })
    }

    pub fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    pub fn nats(&self) -> PathBuf {
        self.root.join("nats")
    }

    pub fn run_file(&self) -> PathBuf {
        self.root.join("run.json")
    }

    pub fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Makes the log file of a server, owned by its account; a long one is set aside first.
    pub fn log(&self, name: &str, account: Option<&Account>) -> Result<PathBuf, Error> {
        let folder = self.root.join("logs");
        account::own_folder(&folder, 0o750, account)?;
        let path = folder.join(format!("{name}.log"));
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LOG_BYTES_MAX) {
            fs::rename(&path, path.with_extension("log.1")).map_err(Error::io("set aside", &path))?;
        }
        let file = open_log(&path)?;
        if let Some(account) = account {
            fchown(&file, Some(account.uid), Some(account.gid)).map_err(Error::io("hand over", &path))?;
        }
        Ok(path)
    }

    /// Reads the secrets, or makes them on the first start.
    pub fn secrets(&self) -> Result<Secrets, Error> {
        let path = self.root.join("secrets.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| Error::Malformed { path, source }),
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                let secrets = Secrets::generate()?;
                let text = serde_json::to_vec_pretty(&secrets).expect("strings serialise");
                write_private(&path, &text)?;
                Ok(secrets)
            }
            Err(source) => Err(Error::Io { what: "read", path, source }),
        }
    }
}

/// Opens a log to append to. The folder belongs to the servers' account, so a link in it is not followed: root must not be led
/// to write anywhere else.
pub(super) fn open_log(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640).custom_flags(nix::libc::O_NOFOLLOW);
    options.open(path).map_err(Error::io("open", path))
}

/// Passwords of both servers, hex, so that they need no quoting in a URL, in SQL or in a server's configuration.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Secrets {
    pub nats_user: String,
    pub nats_password: String,
    pub postgres_password: String,
    pub owner_password: String,
    pub app_password: String,
}

impl Secrets {
    fn generate() -> Result<Self, Error> {
        Ok(Self {
            nats_user: "brain".into(),
            nats_password: secret()?,
            postgres_password: secret()?,
            owner_password: secret()?,
            app_password: secret()?,
        })
    }
}

fn secret() -> Result<String, Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::Randomness(error.to_string()))?;
    Ok(hex(&bytes))
}

/// Lower-case hex, two digits per byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    })
}

/// Writes a file that only its owner reads, whole or not at all.
pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    let partial = path.with_extension("partial");
    // A left-over of a crash may have another owner or wider permissions: start from nothing.
    let _ = fs::remove_file(&partial);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(Error::io("create", &partial))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(Error::io("write", &partial))?;
    fs::rename(&partial, path).map_err(Error::io("replace", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_new_folder_is_closed_and_one_that_was_there_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        DataDir::open(&folder.path().join("new"), None).unwrap();
        assert_eq!(mode(&folder.path().join("new")), 0o700);
        let shared = folder.path().join("shared");
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
        DataDir::open(&shared, None).unwrap();
        assert_eq!(mode(&shared), 0o1777);
    }

    #[test]
    fn a_log_that_is_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("nats.log"));
        fs::write(&target, b"").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(open_log(&link).is_err());
        open_log(&target).unwrap();
    }

    #[test]
    fn secrets_are_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path(), None).unwrap();
        let first = data.secrets().unwrap();
        assert_eq!(first.app_password.len(), SECRET_BYTES * 2);
        assert_eq!(data.secrets().unwrap().app_password, first.app_password);
        assert_eq!(mode(&folder.path().join("secrets.json")), 0o600);
    }
}
