//! One brain per data folder: the lock, and what a dead brain left running.
//! Called first at the start of the servers; it never signals a process without checking that it still is the one that was noted.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::folders::{DataDir, write_private};

/// Servers of a dead brain get this long to end by themselves: their parent-death signal is at work.
const OWN_END_S: u64 = 30;
const AFTER_SIGNAL_S: u64 = 10;
const AFTER_KILL_S: u64 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// `run.json`: the servers of the brain that holds, or last held, the data folder.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunFile {
    pub brain_pid: u32,
    pub servers: Vec<ServerNote>,
}

/// Enough to recognise a server again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerNote {
    pub name: String,
    pub pid: u32,
    pub executable: PathBuf,
    /// A path of the data folder that stands in its command line: another brain may run the same executable.
    pub argument: PathBuf,
    pub port: u16,
}

impl RunFile {
    pub fn write(&self, data: &DataDir) -> Result<(), Error> {
        write_private(&data.run_file(), &serde_json::to_vec_pretty(self).expect("plain fields serialise"))
    }
}

/// The lock on a data folder, held until dropped. The kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Claim(#[expect(dead_code, reason = "held for its Drop")] Flock<File>);

/// Takes the data folder, then waits for or ends the servers that a dead brain left behind.
pub(super) fn take(data: &DataDir, progress: &dyn Fn(&str)) -> Result<Claim, Error> {
    let path = data.lock_file();
    let mut options = File::options();
    let file = options.create(true).read(true).write(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(Error::io("open", &path))?;
    let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => lock,
        Err((mut file, _busy)) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            return Err(Error::AlreadyRunning { pid: text.trim().parse().unwrap_or(0), data_dir: data.root.clone() });
        }
    };
    let written = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", std::process::id()));
    written.map_err(Error::io("write", &path))?;
    end_left_overs(data, progress)?;
    Ok(Claim(lock))
}

fn end_left_overs(data: &DataDir, progress: &dyn Fn(&str)) -> Result<(), Error> {
    let path = data.run_file();
    let Ok(bytes) = fs::read(&path) else { return Ok(()) };
    // A run.json that cannot be read names nobody to wait for; a server that still runs then shows at its port or lock.
    let noted: RunFile = serde_json::from_slice(&bytes).unwrap_or_default();
    let alive = |note: &&ServerNote| is_same_process(note);
    if noted.servers.iter().any(|note| alive(&note)) {
        progress("waiting for the servers of an earlier brain to end");
        wait_until(OWN_END_S, || !noted.servers.iter().any(|note| alive(&note)));
    }
    for note in noted.servers.iter().filter(alive) {
        end(note)?;
    }
    fs::remove_file(&path).map_err(Error::io("remove", &path))
}

fn end(note: &ServerNote) -> Result<(), Error> {
    let pid = Pid::from_raw(i32::try_from(note.pid).unwrap_or(i32::MAX));
    let polite = if note.name == "postgres" { Signal::SIGQUIT } else { Signal::SIGTERM };
    for (signal, wait_s) in [(polite, AFTER_SIGNAL_S), (Signal::SIGKILL, AFTER_KILL_S)] {
        tracing::warn!(name = note.name, pid = note.pid, %signal, "ending a server that an earlier brain left behind");
        // It may end between the look and the signal; the wait below is what counts.
        let _ = kill(pid, signal);
        if wait_until(wait_s, || !is_same_process(note)) {
            return Ok(());
        }
    }
    Err(Error::LeftOver { name: note.name.clone(), pid: note.pid })
}

fn wait_until(limit_s: u64, done: impl Fn() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(limit_s);
    while Instant::now() < until {
        if done() {
            return true;
        }
        sleep(LOOK_EVERY);
    }
    done()
}

/// Whether the noted process still runs: same executable, and the data folder in its command line. A zombie does not run.
#[cfg(target_os = "linux")]
pub(super) fn is_same_process(note: &ServerNote) -> bool {
    let process = Path::new("/proc").join(note.pid.to_string());
    let Ok(executable) = fs::read_link(process.join("exe")) else { return false };
    // The kernel adds this word when the file was replaced, for instance by an upgrade of the cache.
    let executable = executable.to_string_lossy();
    let executable = executable.strip_suffix(" (deleted)").unwrap_or(&executable);
    let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
    let argument = note.argument.to_string_lossy();
    Path::new(executable) == note.executable && String::from_utf8_lossy(&arguments).contains(&*argument)
}

/// The same question where there is no /proc: `ps` tells the whole command line.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_same_process(note: &ServerNote) -> bool {
    let output = std::process::Command::new("ps").args(["-ww", "-o", "command=", "-p", &note.pid.to_string()]).output();
    let Ok(output) = output else { return false };
    let line = String::from_utf8_lossy(&output.stdout);
    line.starts_with(&*note.executable.to_string_lossy()) && line.contains(&*note.argument.to_string_lossy())
}

/// Removes the pid file of a Postgres that is gone. Postgres itself refuses to start when the number in it was given to
/// any other process of the same account, which happens after a reboot and in containers.
pub(super) fn remove_stale_postmaster_file(cluster: &Path, executable: &Path) -> Result<(), Error> {
    let path = cluster.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
    let note = ServerNote { name: "postgres".into(), pid, executable: executable.into(), argument: cluster.into(), port: 0 };
    if pid != 0 && is_same_process(&note) {
        end(&note)?;
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::Io { what: "remove", path, source: error }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_recognised_by_executable_and_argument() {
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let executable = Path::new("/bin/sleep").canonicalize().unwrap();
        let note = ServerNote { name: "x".into(), pid: child.id(), executable, argument: "60".into(), port: 0 };
        // The executable is `sleep` only after exec, a moment after spawn returns on some systems.
        assert!(wait_until(5, || is_same_process(&note)));
        assert!(!is_same_process(&ServerNote { executable: "/bin/other".into(), ..note.clone() }));
        assert!(!is_same_process(&ServerNote { argument: "/data/of/another".into(), ..note.clone() }));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_same_process(&note));
    }

    #[test]
    fn a_second_brain_is_refused_by_pid() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path(), None).unwrap();
        let first = take(&data, &|_| ()).unwrap();
        let error = take(&data, &|_| ()).unwrap_err();
        assert!(matches!(error, Error::AlreadyRunning { pid, .. } if pid == std::process::id()), "{error}");
        drop(first);
        take(&data, &|_| ()).unwrap();
    }
}
