//! A whole brain as a process of its own, `brain up`, with servers, a folder and words on its output that are its own.

use std::{
    fs::File,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use reqwest::Method;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{Reply, WORK_MAX, client, done, reply, within};

pub struct Alone {
    pub url: String,
    client: reqwest::Client,
    folder: PathBuf,
    process: Process,
    /// Held open: a program that cannot write to its output ends.
    _output: Lines<BufReader<ChildStdout>>,
}

/// Ends with the test, and takes its servers with it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a brain finds in its environment besides.
pub type Variables<'a> = &'a [(&'a str, &'a str)];

/// `brain up` on a folder, with what it says in the file `said` beside the folder, and as many descriptors as given.
fn command(folder: &Path, listen: &str, descriptors: &str) -> Command {
    let said = File::options().create(true).append(true).open(said_file(folder)).expect("a file");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_brain")]);
    command.args(["up", "--durability", "os", "--listen", listen, "--data-dir"]).arg(folder).stderr(said);
    command
}

fn said_file(folder: &Path) -> PathBuf {
    folder.with_extension("said")
}

/// All that a brain on this folder has said on its standard error.
pub fn said(folder: &Path) -> String {
    std::fs::read_to_string(said_file(folder)).expect("readable")
}

/// Starts a brain that does not come up, and waits for its end.
pub async fn fail_to_start(folder: &Path, listen: &str) -> ExitStatus {
    fail_to_start_with(folder, listen, &[]).await
}

/// The same in this environment.
pub async fn fail_to_start_with(folder: &Path, listen: &str, variables: Variables<'_>) -> ExitStatus {
    let mut command = command(folder, listen, "1024");
    command.envs(variables.iter().copied());
    ended(Process(command.stdout(Stdio::null()).spawn().expect("the program runs"))).await
}

async fn ended(mut process: Process) -> ExitStatus {
    within(WORK_MAX, "the brain ends", async || process.0.try_wait().expect("it was started").ok_or("it runs")).await
}

impl Alone {
    /// Starts and waits until it serves.
    pub async fn start(folder: &Path, listen: &str) -> Self {
        Self::with_descriptors(folder, listen, "1024").await
    }

    /// The same in this environment.
    pub async fn with_variables(folder: &Path, listen: &str, variables: Variables<'_>) -> Self {
        let mut command = command(folder, listen, "1024");
        command.envs(variables.iter().copied());
        Self::run(folder, command).await
    }

    /// The same with another limit of open files and connections.
    pub async fn with_descriptors(folder: &Path, listen: &str, limit: &str) -> Self {
        Self::run(folder, command(folder, listen, limit)).await
    }

    async fn run(folder: &Path, mut command: Command) -> Self {
        second_brain::adapters::http::install_tls();
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
        let out = child.stdout.take().expect("piped");
        let process = Process(child);
        let greeting = spawn_blocking(move || {
            let mut lines = BufReader::new(out).lines();
            let url =
                lines.by_ref().map_while(Result::ok).find_map(|line| Some(line.trim().strip_prefix("URL")?.trim().to_owned()));
            (url, lines)
        });
        let (url, output) = done("the brain says where it is", greeting).await.expect("no panic");
        let url = url.unwrap_or_else(|| panic!("it did not start: {}", said(folder)));
        Self { url, client: client(), folder: folder.to_owned(), process, _output: output }
    }

    pub async fn send(&self, method: Method, path: &str, body: Value) -> Reply {
        let text = std::fs::read(self.folder.join("credentials.json")).expect("credentials");
        let credentials: Value = serde_json::from_slice(&text).expect("JSON");
        let key = credentials["api_key"].as_str().expect("a key");
        reply(self.client.request(method, format!("{}{path}", self.url)).bearer_auth(key).json(&body)).await
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Stops it in order.
    pub async fn stop(self) {
        let pid = nix::unistd::Pid::from_raw(self.process.0.id().try_into().expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it runs");
        let ended = ended(self.process).await;
        assert!(ended.success(), "{ended}");
    }
}
