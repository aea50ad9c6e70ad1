//! The stand-in for a parent-death signal where the system has none (macOS): a shell on the other end of a pipe.
//! Called by the supervisor. When the pipe closes without a word, `brain` is dead and the shell ends the servers; it never acts otherwise.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sys::signal::Signal;

use super::error::Error;

/// Each line is `<name> <signal> <pid>`, the newest of a name counts; the line `forget` ends the shell in peace.
const SCRIPT: &str = r#"
while read -r name signal pid; do
  case "$name" in
    forget) exit 0 ;;
    postgres) postgres="$signal $pid" ;;
    *) nats="$signal $pid" ;;
  esac
done
for end in "$postgres" "$nats"; do
  set -- $end
  [ -n "$2" ] && kill -s "$1" "$2"
done
"#;

/// The shell and our end of its pipe.
pub(super) struct Watchdog {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    pub fn start() -> Result<Self, Error> {
        // Its own process group: Ctrl-C in the terminal must not end the watchdog before its servers.
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let mut shell = command.spawn().map_err(Error::io("run", "/bin/sh"))?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Names the process to end, replacing an earlier one of the same name.
    pub fn watch(&mut self, name: &str, signal: Signal, pid: u32) -> Result<(), Error> {
        let signal = signal.as_str().trim_start_matches("SIG");
        self.say(&format!("{name} {signal} {pid}\n"))
    }

    /// The servers were stopped in order: there is nothing left to end. A second call does nothing.
    pub fn forget(&mut self) {
        if self.say("forget\n").is_ok() {
            self.pipe = None;
            let _ = self.shell.wait();
        }
    }

    fn say(&mut self, line: &str) -> Result<(), Error> {
        match &mut self.pipe {
            Some(pipe) => pipe.write_all(line.as_bytes()).map_err(Error::io("write to", "/bin/sh")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;

    /// A child that every signal ends, also when the tests run in the background of a shell, which ignores SIGQUIT for them.
    fn sleeper() -> Child {
        let mut command = Command::new("/bin/sleep");
        let heed = || {
            // SAFETY: the default disposition runs no code of ours.
            unsafe { nix::sys::signal::signal(Signal::SIGQUIT, nix::sys::signal::SigHandler::SigDfl) }?;
            Ok(())
        };
        // SAFETY: the hook only calls signal(2), which is safe between fork and exec.
        unsafe { command.arg("60").pre_exec(heed) };
        command.spawn().unwrap()
    }

    #[test]
    fn a_closed_pipe_ends_the_newest_servers_and_a_word_of_peace_ends_none() {
        let (mut old, mut postgres, mut nats) = (sleeper(), sleeper(), sleeper());
        let mut watchdog = Watchdog::start().unwrap();
        watchdog.watch("postgres", Signal::SIGQUIT, old.id()).unwrap();
        watchdog.watch("postgres", Signal::SIGQUIT, postgres.id()).unwrap();
        watchdog.watch("nats-server", Signal::SIGTERM, nats.id()).unwrap();
        watchdog.pipe = None;
        watchdog.shell.wait().unwrap();
        assert!(!postgres.wait().unwrap().success() && !nats.wait().unwrap().success());
        assert!(old.try_wait().unwrap().is_none());

        let mut watchdog = Watchdog::start().unwrap();
        watchdog.watch("postgres", Signal::SIGQUIT, old.id()).unwrap();
        watchdog.forget();
        assert!(old.try_wait().unwrap().is_none());
        old.kill().unwrap();
        old.wait().unwrap();
    }
}
