//! Where things lie: the cache of provisioned programs, the data folder and what is inside it, the servers' secrets.
//! Called by `provision` and by the start of the servers; it never removes anything.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use serde::{Deserialize, Serialize};

use super::account::{self, Account};
use super::error::Error;
use crate::private_file;

const PRODUCT: &str = "second-brain";
const SECRETS: &str = "secrets.json";
const SECRET_BYTES: usize = 24;
/// What earlier versions left open to others.
const ONCE_OPEN: [&str; 2] = ["keyword", "logs"];
/// Beyond this a log is set aside at the next start; one older log is kept.
const LOG_BYTES_MAX: u64 = 32 << 20;

/// The data folder when nobody names one: `/var/lib/second-brain` for root, else `$XDG_DATA_HOME/second-brain`.
pub fn default_data_dir() -> PathBuf {
    standard("/var/lib", "XDG_DATA_HOME", ".local/share")
}

/// The folder of provisioned programs and weights when nobody names one: `/var/cache/second-brain` for root, else the XDG cache.
pub fn default_cache_dir() -> PathBuf {
    standard("/var/cache", "XDG_CACHE_HOME", ".cache")
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

/// Whatever this process and its children make from now on is closed to others: 0700 and 0600, unless they say otherwise.
pub fn close_to_others() {
    umask(Mode::from_bits_truncate(0o077));
}

/// Makes a data folder, closed to others, and closes what earlier versions left open in it; answers its path, links resolved.
/// A folder that was there keeps its own permissions: it may be anybody's. When others can look into it, that is said.
pub fn private_folder(path: &Path) -> Result<PathBuf, Error> {
    let fresh = !path.exists();
    fs::create_dir_all(path).map_err(Error::io("create", path))?;
    let root = path.canonicalize().map_err(Error::io("resolve", path))?;
    if fresh {
        fs::set_permissions(&root, Permissions::from_mode(0o700)).map_err(Error::io("set the permissions of", &root))?;
    }
    for name in ONCE_OPEN {
        close(&root.join(name))?;
    }
    let mode = fs::metadata(&root).map_err(Error::io("look at", &root))?.permissions().mode() & 0o7777;
    if mode & 0o066 != 0 {
        tracing::warn!(
            folder = %root.display(), mode = format!("{mode:o}"),
            "the data folder is open to others: what brain keeps there is closed to them, but they see its names, or may even remove it"
        );
    }
    Ok(root)
}

/// Takes a folder and everything in it from the group and from others.
///
/// The folder may belong to the servers' account while we are root: nothing is followed through a link, and only what has the
/// folder's own owner is touched, so that nothing of somebody else's can be put there to be changed.
fn close(folder: &Path) -> Result<(), Error> {
    let Ok(owner) = fs::symlink_metadata(folder).map(|metadata| metadata.uid()) else { return Ok(()) };
    for entry in walkdir::WalkDir::new(folder).follow_root_links(false).into_iter().flatten() {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
        // What went meanwhile is gone, and what we may not read is not ours.
        let Ok(file) = options.open(entry.path()) else { continue };
        let Ok(metadata) = file.metadata() else { continue };
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.uid() == owner && mode & 0o077 != 0 {
            let closed = Permissions::from_mode(mode & 0o700);
            file.set_permissions(closed).map_err(Error::io("set the permissions of", entry.path()))?;
        }
    }
    Ok(())
}

/// The data folder, made and reachable for the servers' account.
#[derive(Debug, Clone)]
pub(super) struct DataDir {
    pub root: PathBuf,
}

impl DataDir {
    /// Makes the folder, closed to others. As root it is then opened to the servers' account for passing through only: it must reach
    /// its sub-folders, and everything in it that is not the servers' own is 0600. Parents are not ours, so a closed one is refused,
    /// not opened; and a folder that was there before and is open to others keeps its permissions, for it may be anybody's.
    pub fn open(path: &Path, account: Option<&Account>) -> Result<Self, Error> {
        let root = private_folder(path)?;
        let mode = fs::metadata(&root).map_err(Error::io("look at", &root))?.permissions().mode() & 0o7777;
        // 0711 is what earlier versions gave a folder of their own.
        let is_ours = mode == 0o700 || (mode == 0o711 && root.join(SECRETS).exists());
        account::let_through(&root, is_ours, account)?;
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
        account::own_folder(&folder, 0o700, account)?;
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
        let path = self.root.join(SECRETS);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| Error::Malformed { path, source }),
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                if self.postgres().join("PG_VERSION").exists() {
                    return Err(Error::SecretsGone { secrets: path, cluster: self.postgres() });
                }
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
    options.append(true).create(true).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
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
    private_file::replace(path, content).map_err(Error::io("write", path))
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
    fn what_earlier_versions_left_open_is_closed_and_nothing_beyond_it() {
        let folder = tempfile::tempdir().unwrap();
        let (data, target) = (folder.path().join("data"), folder.path().join("target"));
        let index = data.join("keyword/v2");
        fs::create_dir_all(&index).unwrap();
        fs::write(&target, b"").unwrap();
        fs::write(index.join("a.pos"), b"words").unwrap();
        std::os::unix::fs::symlink(&target, index.join("link")).unwrap();
        for (path, mode) in [(&data, 0o711), (&index, 0o755), (&index.join("a.pos"), 0o644), (&target, 0o644)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        fs::set_permissions(data.join("keyword"), Permissions::from_mode(0o755)).unwrap();
        private_folder(&data).unwrap();
        assert_eq!([mode(&data.join("keyword")), mode(&index), mode(&index.join("a.pos"))], [0o700, 0o700, 0o600]);
        assert_eq!(mode(&target), 0o644);
    }

    #[test]
    fn the_passage_is_for_the_account_alone() {
        if !account::is_root() {
            return;
        }
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let account = Account { name: "nobody".into(), uid: 65_534, gid: 65_534 };
        let opened = |name: &str, before: u32, has_secrets: bool| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            if has_secrets {
                fs::write(path.join(SECRETS), b"{}").unwrap();
            }
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            account::let_through(folder.path(), true, Some(&account)).unwrap();
            DataDir::open(&path, Some(&account)).unwrap();
            (mode(&path), fs::metadata(&path).unwrap().gid())
        };
        assert_eq!(opened("closed", 0o700, false), (0o710, 65_534));
        assert_eq!(opened("of an earlier version", 0o711, true), (0o710, 65_534));
        assert_eq!(opened("anybody's", 0o1777, true), (0o1777, 0));
        assert_eq!(opened("of a group", 0o750, true), (0o751, 0));
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
        fs::create_dir(data.postgres()).unwrap();
        fs::write(data.postgres().join("PG_VERSION"), "18").unwrap();
        data.secrets().unwrap();
        fs::remove_file(folder.path().join("secrets.json")).unwrap();
        assert!(matches!(data.secrets().map(drop), Err(Error::SecretsGone { .. })), "nobody knows the cluster's passwords");
        fs::remove_dir_all(data.postgres()).unwrap();
        data.secrets().unwrap();
        assert_eq!(mode(&folder.path().join("secrets.json")), 0o600);
    }
}
