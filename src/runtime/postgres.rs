//! The embedded Postgres: its cluster on disk, how it is started, how it is reached.
//! Called by the supervisor; what is inside the databases is prepared by `database`. It never deletes a cluster that holds data.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use super::account::{self, Account};
use super::claim;
use super::error::Error;
use super::folders::{DataDir, Secrets, write_private};
use super::locate::PostgresProgram;
use super::process::{self, Launch};
use super::room;

/// Roles of the read models: the first owns and migrates, the second only queries.
pub(super) const OWNER: &str = "brain_owner";
pub(super) const APP: &str = "brain_app";
pub(super) const SUPERUSER: &str = "postgres";

/// Settings for a small shared machine. A commit may be acknowledged before it is on the disk, because the read models can be
/// refilled from the log, but `fsync` stays on: a torn cluster would have to be refilled whole.
const SETTINGS: [&str; 13] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "random_page_cost=1.1",
    "jit=off",
    "synchronous_commit=off",
    "password_encryption=scram-sha-256",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_destination=stderr",
    "logging_collector=off",
    "log_line_prefix=%m [%p] ",
    "log_checkpoints=off",
];

#[cfg(target_os = "linux")]
const SHARED_MEMORY_BYTES_MIN: u64 = 512 << 20;

/// What a client needs to reach the embedded Postgres.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAccess {
    pub host: String,
    pub port: u16,
    pub version: String,
    /// The process at the first start; `Part::pid` has the present one.
    pub pid: u32,
    admin_password: String,
    owner_password: String,
    app_password: String,
}

impl std::fmt::Debug for PostgresAccess {
    /// Without the secrets: this ends up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("PostgresAccess");
        shown.field("host", &self.host).field("port", &self.port).field("version", &self.version).field("pid", &self.pid);
        shown.finish_non_exhaustive()
    }
}

impl PostgresAccess {
    /// URL of a database as the superuser `postgres`. It holds the secret: not for logs.
    pub fn admin_url(&self, database: &str) -> String {
        self.url(SUPERUSER, &self.admin_password, database)
    }

    /// URL of a database as `brain_owner` (migrations, projectors). It holds the secret: not for logs.
    pub fn owner_url(&self, database: &str) -> String {
        self.url(OWNER, &self.owner_password, database)
    }

    /// URL of a database as `brain_app` (queries). It holds the secret: not for logs.
    pub fn app_url(&self, database: &str) -> String {
        self.url(APP, &self.app_password, database)
    }

    fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@{}:{}/{database}?sslmode=disable", self.host, self.port)
    }
}

/// Shapes the access of a running server.
pub(super) fn access(secrets: &Secrets, port: u16, version: &str, pid: u32) -> PostgresAccess {
    PostgresAccess {
        host: "127.0.0.1".into(),
        port,
        version: version.into(),
        pid,
        admin_password: secrets.postgres_password.clone(),
        owner_password: secrets.owner_password.clone(),
        app_password: secrets.app_password.clone(),
    }
}

/// Makes sure that there is a cluster of this major version: creates it, or sets one of another version aside.
pub(super) fn prepare_cluster(
    program: &PostgresProgram,
    data: &DataDir,
    secrets: &Secrets,
    account: Option<&Account>,
    progress: &dyn Fn(&str),
) -> Result<(), Error> {
    let cluster = data.postgres();
    match cluster_major(&cluster) {
        Some(major) if major == program.major => {
            account::own_folder(&cluster, 0o700, account)?;
            return claim::remove_stale_postmaster_file(&cluster, &program.bin.join("postgres"));
        }
        Some(major) => {
            let aside = data.root.join(format!("postgres.{major}"));
            progress(&format!(
                "the Postgres cluster is of version {major}, the program of {}: it is kept as {} and a new one is refilled from the log",
                program.major,
                aside.display()
            ));
            remove_folder(&aside)?;
            fs::rename(&cluster, &aside).map_err(Error::io("set aside", &cluster))?;
        }
        None => {}
    }
    create_cluster(program, data, secrets, account, progress)
}

fn cluster_major(cluster: &Path) -> Option<u32> {
    fs::read_to_string(cluster.join("PG_VERSION")).ok()?.trim().parse().ok()
}

fn remove_folder(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::Io { what: "remove", path: path.into(), source: error })
        }
        _ => Ok(()),
    }
}

/// Runs initdb beside the final place and renames: a cut leaves no half cluster behind.
fn create_cluster(
    program: &PostgresProgram,
    data: &DataDir,
    secrets: &Secrets,
    account: Option<&Account>,
    progress: &dyn Fn(&str),
) -> Result<(), Error> {
    progress("creating the Postgres cluster");
    let fresh = data.root.join("postgres.new");
    remove_folder(&fresh)?;
    account::own_folder(&fresh, 0o700, account)?;
    let password = data.root.join("postgres.password");
    write_private(&password, secrets.postgres_password.as_bytes())?;
    account::hand_over(&password, account)?;
    let output = process::command(&program.bin.join("initdb"), &data.root, account, Signal::SIGKILL)
        .args([
            "--encoding=UTF8",
            "--auth-host=scram-sha-256",
            "--auth-local=scram-sha-256",
            "--data-checksums",
            "--no-instructions",
        ])
        .args(locale(program.major))
        .arg(format!("--username={SUPERUSER}"))
        .arg(joined("--pwfile=", &password))
        .arg(joined("--pgdata=", &fresh))
        .output();
    let removed = fs::remove_file(&password).map_err(Error::io("remove", &password));
    let output = output.map_err(Error::io("run", program.bin.join("initdb")))?;
    removed?;
    if !output.status.success() {
        let text = format!("{} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        return Err(Error::InitDb { output: lines[lines.len().saturating_sub(4)..].join(" | ") });
    }
    // Only an empty folder or one without a version can be in the way here, never a cluster.
    remove_folder(&data.postgres())?;
    fs::rename(&fresh, data.postgres()).map_err(Error::io("rename", &fresh))
}

/// From 17 on Postgres brings its own C.UTF-8, the same on every system.
fn locale(major: u32) -> &'static [&'static str] {
    if major >= 17 {
        &["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    } else if cfg!(target_os = "macos") {
        &["--locale=C"]
    } else {
        &["--locale=C.UTF-8"]
    }
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}

/// Says how to start the server on a port.
pub(super) fn launch(program: &PostgresProgram, data: &DataDir, port: u16, account: Option<&Account>) -> Result<Launch, Error> {
    let cluster: PathBuf = data.postgres();
    let compression = if program.lz4 { "lz4" } else { "on" };
    let mut arguments: Vec<OsString> = vec!["-D".into(), cluster.clone().into()];
    let own = [
        format!("port={port}"),
        format!("max_wal_size={}MB", wal_mib(room::disk_bytes(&data.root))),
        "min_wal_size=32MB".into(),
        format!("shared_buffers={}MB", shared_buffers_mib(memory_bytes())),
        format!("wal_compression={compression}"),
        format!("dynamic_shared_memory_type={}", if shared_memory_is_small() { "mmap" } else { "posix" }),
    ];
    for setting in SETTINGS.iter().map(ToString::to_string).chain(own) {
        arguments.extend(["-c".into(), setting.into()]);
    }
    Ok(Launch {
        name: "postgres",
        version: program.version.clone(),
        executable: program.bin.join("postgres"),
        arguments,
        mark: cluster.clone(),
        folder: cluster,
        log: data.log("postgres", account)?,
        port,
        account: account.cloned(),
        on_parent_death: Signal::SIGQUIT,
        on_stop: Signal::SIGINT,
    })
}

/// A sixteenth of the disk: between two checkpoints Postgres' log takes this much, and only a checkpoint gives it back.
fn wal_mib(disk: Option<u64>) -> u64 {
    disk.map_or(2_048, |bytes| (bytes / 16) >> 20).clamp(64, 2_048)
}

/// An eighth of the memory: of a large index of vectors a search touches pages everywhere, and each one that is not at hand is copied.
fn shared_buffers_mib(memory: Option<u64>) -> u64 {
    memory.map_or(256, |bytes| (bytes / 8) >> 20).clamp(128, 4_096)
}

/// What this machine has, or what this container may use of it.
fn memory_bytes() -> Option<u64> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let kib = read("/proc/meminfo")?.lines().next()?.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    let allowed = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse::<u64>().ok());
    Some(allowed.unwrap_or(u64::MAX).min(kib << 10))
}

/// A parallel build of a vector index shares its working memory through /dev/shm, of which containers often have 64 MB, and fails
/// when that is full; files under the cluster do instead.
#[cfg(target_os = "linux")]
fn shared_memory_is_small() -> bool {
    let size = nix::sys::statvfs::statvfs("/dev/shm").map(|shm| shm.blocks().saturating_mul(shm.fragment_size()));
    size.map_or(true, |bytes| bytes < SHARED_MEMORY_BYTES_MIN)
}

#[cfg(not(target_os = "linux"))]
fn shared_memory_is_small() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_buffers_grow_with_the_memory_within_bounds() {
        assert_eq!([None, Some(1 << 30), Some(24 << 30), Some(1 << 40)].map(shared_buffers_mib), [256, 128, 3_072, 4_096]);
    }

    #[test]
    fn the_log_of_postgres_is_a_share_of_the_disk_within_bounds() {
        assert_eq!([None, Some(700 << 20), Some(8 << 30), Some(1 << 40)].map(wal_mib), [2_048, 64, 512, 2_048]);
    }

    #[test]
    fn each_role_has_its_own_url() {
        let secrets = Secrets {
            nats_user: String::new(),
            nats_password: String::new(),
            postgres_password: "a".into(),
            owner_password: "b".into(),
            app_password: "c".into(),
        };
        let access = access(&secrets, 5432, "18.4", 1);
        assert_eq!(access.owner_url("brain"), "postgres://brain_owner:b@127.0.0.1:5432/brain?sslmode=disable");
        assert!(access.app_url("x").contains("brain_app:c@") && access.admin_url("x").contains("postgres:a@"));
    }

    #[test]
    fn the_major_of_a_cluster_is_read_from_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(cluster_major(folder.path()), None);
        fs::write(folder.path().join("PG_VERSION"), "18\n").unwrap();
        assert_eq!(cluster_major(folder.path()), Some(18));
    }
}
