//! How a server is forked: as which account, where its output goes, and what it is sent when its parent dies.
//! Called by the supervisor thread only, since the parent-death signal fires when the forking thread ends; it never waits for a server.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
#[cfg(target_os = "linux")]
use nix::sys::stat::{Mode, umask};

use super::account::Account;
use super::error::Error;
use super::folders::open_log;

/// What a server may see of our environment; the rest may hold secrets that are not its business.
const ENVIRONMENT: [&str; 5] = ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZDIR"];
const TAIL_LINES: usize = 8;
const TAIL_BYTES: usize = 8 << 10;
/// Below the ports that systems give to outgoing connections (from 32768 on Linux): while a server is down, no connection can
/// be given its port, not even that of a client that tries to reach it and would then talk to itself.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
const PORT_TRIES: u32 = 1_000;

/// Everything needed to fork one server, any number of times.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub name: &'static str,
    pub version: String,
    pub executable: PathBuf,
    pub arguments: Vec<OsString>,
    /// The argument that tells this data folder's server from another one's.
    pub mark: PathBuf,
    pub folder: PathBuf,
    pub log: PathBuf,
    pub port: u16,
    pub account: Option<Account>,
    pub on_parent_death: Signal,
    pub on_stop: Signal,
}

impl Launch {
    pub fn spawn(&self) -> Result<Child, Error> {
        let log = open_log(&self.log)?;
        let errors = log.try_clone().map_err(Error::io("open", &self.log))?;
        let mut command = command(&self.executable, &self.folder, self.account.as_ref(), self.on_parent_death);
        command.args(&self.arguments).stdout(log).stderr(errors);
        command.spawn().map_err(Error::io("run", &self.executable))
    }
}

/// A command under the servers' account, in its own process group (so that Ctrl-C reaches only `brain`), tied to this thread's life.
pub(super) fn command(executable: &Path, folder: &Path, account: Option<&Account>, on_parent_death: Signal) -> Command {
    let mut command = Command::new(executable);
    command.env_clear().current_dir(folder).stdin(Stdio::null()).process_group(0);
    for name in ENVIRONMENT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(account) = account {
        // Given to the standard library because it changes user before it runs the hook below: a change of user
        // forgets the parent-death signal.
        command.uid(account.uid).gid(account.gid);
    }
    tie_to_this_thread(&mut command, on_parent_death);
    command
}

#[cfg(target_os = "linux")]
fn tie_to_this_thread(command: &mut Command, on_parent_death: Signal) {
    let parent = nix::unistd::Pid::this();
    let hook = move || {
        // Its files are closed to others, whatever umask we were started with.
        umask(Mode::from_bits_truncate(0o077));
        nix::sys::prctl::set_pdeathsig(on_parent_death)?;
        // The parent may have died before the line above: then no signal will ever come.
        if nix::unistd::Pid::parent() == parent { Ok(()) } else { Err(io::Error::from_raw_os_error(nix::libc::ESRCH)) }
    };
    // SAFETY: the hook runs between fork and exec and makes three system calls; it neither allocates nor locks.
    unsafe { command.pre_exec(hook) };
}

/// Other systems have no such signal; a watchdog child does the work (`watchdog.rs`).
#[cfg(not(target_os = "linux"))]
fn tie_to_this_thread(_command: &mut Command, _on_parent_death: Signal) {}

/// Chooses that many different free loopback ports. They are free at this moment only: the caller tries again if one is taken.
pub(super) fn free_ports<const N: usize>() -> Result<[u16; N], Error> {
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        // All are held until the last is chosen, so that they differ.
        let listener = bind_any()?;
        *port = listener.local_addr().map_err(Error::io("choose a free port on", "127.0.0.1"))?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

fn bind_any() -> Result<TcpListener, Error> {
    for _ in 0..PORT_TRIES {
        let random = getrandom::u32().map_err(|error| Error::Randomness(error.to_string()))?;
        let offset = u16::try_from(random % PORTS.len() as u32).expect("a remainder by a u16 range fits");
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", PORTS.start + offset)) {
            return Ok(listener);
        }
    }
    // Then something else is wrong, and the system says what, or it gives a port of its own range.
    TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("choose a free port on", "127.0.0.1"))
}

/// Whether somebody else sits on a port.
pub(super) fn is_busy(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_err()
}

/// The last lines of a log on one line, for an error message.
pub(super) fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let end = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    let text = String::from_utf8_lossy(end);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ_and_are_free() {
        let [first, second, third] = free_ports().unwrap();
        assert!(first != second && second != third && first != third);
        assert!([first, second, third].iter().all(|port| PORTS.contains(port)));
        assert!(!is_busy(first));
        let _holder = TcpListener::bind(("127.0.0.1", second)).unwrap();
        assert!(is_busy(second));
    }

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        fs::write(&log, (1..=20).map(|line| format!("line {line}\n")).collect::<String>()).unwrap();
        assert!(tail(&log).starts_with("line 13 | ") && tail(&log).ends_with("line 20"));
    }
}
