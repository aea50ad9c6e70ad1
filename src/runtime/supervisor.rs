//! The one OS thread that forks, watches, restarts and stops the embedded servers.
//! Started by `Servers::start` and joined by its stop; it never ends while its servers are meant to run, because
//! their parent-death signal fires when the thread that forked them ends.

use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::account;
use super::claim::{self, Claim, RunFile, ServerNote};
use super::error::Error;
use super::folders::{DataDir, Secrets};
use super::nats::{self, NatsAccess, Ports};
use super::postgres::{self, PostgresAccess};
use super::process::{self, Launch};
use super::room::{Room, Watch};
use super::{Options, Part, PartState, database, locate};

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// After a hard end Postgres replays its own log and JetStream reads its blocks: minutes, where much is on a slow disk. A server
/// that ends meanwhile is noticed at once, so this only bounds one that hangs.
const READY_WITHIN: Duration = Duration::from_secs(600);
const SAY_EVERY: Duration = Duration::from_secs(15);
/// A fast shutdown writes a checkpoint, which takes its time on a slow disk.
const STOP_WITHIN: Duration = Duration::from_secs(30);
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A server that ran this long has recovered: the next death starts at the shortest backoff again.
const SETTLED_AFTER: Duration = Duration::from_secs(30);
/// How often the disk is measured: a tenth of a second of a fast disk's writing is less than what is kept free.
const MEASURE_EVERY: Duration = Duration::from_millis(250);
/// How often nats-server is asked whether it can write.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long nats-server may take to end before it is started again.
const END_WITHIN: Duration = Duration::from_secs(10);
/// The place of nats-server among the servers.
const LOG: usize = 0;
/// A chosen port may be taken before the server binds it; then other ports are tried.
const PORT_ATTEMPTS: u32 = 3;

/// The parts as everybody may see them; written by the supervisor only.
pub(super) type Board = Arc<Mutex<Vec<Part>>>;

/// Locks the board. A panic elsewhere cannot leave it half written, so a poisoned lock is still good.
pub(super) fn read(board: &Board) -> MutexGuard<'_, Vec<Part>> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Body of the supervisor thread: starts both servers, reports, then keeps them running until `stop` is sent or dropped.
pub(super) fn run(
    options: &Options,
    shared: (Board, Arc<Room>),
    started: &Sender<Result<(NatsAccess, PostgresAccess), Error>>,
    stop: &Receiver<()>,
) {
    let mut supervisor = match Supervisor::start(options, shared) {
        Ok((supervisor, nats, postgres)) => {
            if started.send(Ok((nats, postgres))).is_err() {
                tracing::debug!("nobody waits for the servers any more");
            }
            supervisor
        }
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(LOOK_EVERY) {
        supervisor.look();
        supervisor.look_at_the_disk();
    }
    supervisor.stop();
}

struct Supervisor {
    data: DataDir,
    board: Board,
    probes: Probes,
    servers: Vec<Server>,
    disk: Disk,
    _claim: Claim,
    #[cfg(target_os = "macos")]
    watchdog: super::watchdog::Watchdog,
}

/// One server: how to fork it, and its process while it has one.
struct Server {
    launch: Launch,
    child: Option<Child>,
    started_at: Instant,
    backoff: Duration,
    restart_at: Option<Instant>,
    /// Since when it was told to end, because it has to be started again.
    told_to_end: Option<Instant>,
}

/// The watch over the disk, and whether nats-server can write to it.
struct Disk {
    watch: Watch,
    log_is_stuck: bool,
    measure_at: Instant,
    ask_at: Instant,
}

/// What is needed to ask whether a server is ready.
struct Probes {
    runtime: tokio::runtime::Runtime,
    secrets: Secrets,
    ports: Ports,
    postgres_port: u16,
}

impl Probes {
    fn is_ready(&self, name: &str) -> bool {
        match name {
            "postgres" => self.runtime.block_on(database::is_ready(&self.secrets, self.postgres_port)),
            _ => nats::is_ready(self.ports, &self.secrets),
        }
    }
}

impl Supervisor {
    fn start(options: &Options, (board, room): (Board, Arc<Room>)) -> Result<(Self, NatsAccess, PostgresAccess), Error> {
        let progress: &dyn Fn(&str) = &*options.progress;
        let account = account::for_servers()?;
        let account = account.as_ref();
        let data = DataDir::open(&options.data_dir, account)?;
        let claim = claim::take(&data, progress)?;
        let now = Instant::now();
        let disk = Disk { watch: Watch::start(&data.root, room), log_is_stuck: false, measure_at: now, ask_at: now };
        let nats_program = locate::nats(&options.programs, account, progress)?;
        let postgres_program = locate::postgres(&options.programs, account, progress)?;
        let secrets = data.secrets()?;
        postgres::prepare_cluster(&postgres_program, &data, &secrets, account, progress)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Error::io("make a runtime for", &data.root))?;
        let ports = Ports { client: 0, monitor: 0 };
        let mut supervisor = Self {
            data: data.clone(),
            board,
            probes: Probes { runtime, secrets: secrets.clone(), ports, postgres_port: 0 },
            servers: Vec::new(),
            disk,
            _claim: claim,
            #[cfg(target_os = "macos")]
            watchdog: super::watchdog::Watchdog::start()?,
        };
        progress("starting nats-server and Postgres");
        let mut attempt = 1;
        loop {
            let [client, monitor, port] = process::free_ports()?;
            supervisor.probes.ports = Ports { client, monitor };
            supervisor.probes.postgres_port = port;
            let launches = [
                nats::launch(&nats_program, &data, &secrets, supervisor.probes.ports, options.durability, account)?,
                postgres::launch(&postgres_program, &data, port, account)?,
            ];
            match supervisor.first_start(launches, progress) {
                Ok(()) => break,
                Err(error) => {
                    supervisor.stop();
                    // Our servers are gone, so whoever sits on a port now took it from us.
                    if attempt == PORT_ATTEMPTS || ![client, monitor, port].into_iter().any(process::is_busy) {
                        return Err(error);
                    }
                    attempt += 1;
                }
            }
        }
        let prepared = supervisor.probes.runtime.block_on(database::prepare(&secrets, supervisor.probes.postgres_port));
        prepared.inspect_err(|_| supervisor.stop())?;
        let pid = |index: usize| supervisor.servers[index].child.as_ref().map_or(0, Child::id);
        let nats = nats::access(&secrets, supervisor.probes.ports, &nats_program.version, pid(0));
        let postgres = postgres::access(&secrets, supervisor.probes.postgres_port, &postgres_program.version, pid(1));
        Ok((supervisor, nats, postgres))
    }

    /// Forks both servers at once, then waits until each is ready.
    fn first_start(&mut self, launches: [Launch; 2], progress: &dyn Fn(&str)) -> Result<(), Error> {
        *read(&self.board) = launches.iter().map(Part::starting).collect();
        self.servers = launches.into_iter().map(Server::new).collect();
        for index in 0..self.servers.len() {
            self.fork(index)?;
        }
        for index in 0..self.servers.len() {
            let until = Instant::now() + READY_WITHIN;
            let mut say_at = Instant::now() + SAY_EVERY;
            let server = &mut self.servers[index];
            let name = server.launch.name;
            while !self.probes.is_ready(name) {
                if let Some(status) = server.ended() {
                    let log = server.launch.log.clone();
                    return Err(Error::DiedAtStart { name, status: status.to_string(), tail: process::tail(&log), log });
                }
                if Instant::now() > until {
                    return Err(Error::NotReady { name, waited_s: READY_WITHIN.as_secs(), log: server.launch.log.clone() });
                }
                if Instant::now() > say_at {
                    progress(&format!("still waiting for {name}; what it does is in {}", server.launch.log.display()));
                    say_at += SAY_EVERY;
                }
                sleep(LOOK_EVERY);
            }
            read(&self.board)[index].state = PartState::Running;
        }
        Ok(())
    }

    fn fork(&mut self, index: usize) -> Result<(), Error> {
        let server = &mut self.servers[index];
        let child = server.launch.spawn()?;
        read(&self.board)[index].pid = Some(child.id());
        server.child = Some(child);
        server.started_at = Instant::now();
        server.restart_at = None;
        // From here on it runs and is watched: failing now would only fork a second one beside it.
        if let Err(error) = self.make_known(index) {
            tracing::warn!(name = self.servers[index].launch.name, %error, "a later brain would not recognise this server");
        }
        Ok(())
    }

    /// Tells those who end the server should this brain die: the next brain and, where there is one, the watchdog.
    #[cfg_attr(not(target_os = "macos"), expect(unused_variables, reason = "only the watchdog asks which"))]
    fn make_known(&mut self, index: usize) -> Result<(), Error> {
        #[cfg(target_os = "macos")]
        if let Server { launch, child: Some(child), .. } = &self.servers[index] {
            self.watchdog.watch(launch.name, launch.on_parent_death, child.id())?;
        }
        self.note()
    }

    /// Writes run.json, by which a later brain recognises these servers.
    fn note(&self) -> Result<(), Error> {
        let servers = self.servers.iter().filter_map(Server::note).collect();
        RunFile { brain_pid: std::process::id(), servers }.write(&self.data)
    }

    /// One look at every server: notice a death, restart when its time has come, notice that it is ready again.
    fn look(&mut self) {
        for index in 0..self.servers.len() {
            let server = &mut self.servers[index];
            if let Some(status) = server.ended() {
                let (name, backoff_ms) = (server.launch.name, server.schedule_restart());
                match server.told_to_end.take() {
                    Some(_) => tracing::debug!(name, %status, backoff_ms, "an embedded server ended as it was told"),
                    None => tracing::warn!(name, %status, backoff_ms, "an embedded server died and will be restarted"),
                }
                let part = &mut read(&self.board)[index];
                part.state = PartState::Restarting;
                part.pid = None;
            } else if server.restart_at.is_some_and(|at| at <= Instant::now()) {
                read(&self.board)[index].restarts += 1;
                if let Err(error) = self.fork(index) {
                    let server = &mut self.servers[index];
                    let (name, backoff_ms) = (server.launch.name, server.schedule_restart());
                    tracing::warn!(name, %error, backoff_ms, "an embedded server could not be restarted");
                }
            } else if read(&self.board)[index].state == PartState::Restarting
                && server.child.is_some()
                && self.probes.is_ready(server.launch.name)
            {
                read(&self.board)[index].state = PartState::Running;
                self.disk.ask_at = Instant::now();
                tracing::info!(name = server.launch.name, "an embedded server is running again");
            }
        }
    }

    /// Measures the disk, and has nats-server started again when it says that it cannot write though there is room.
    fn look_at_the_disk(&mut self) {
        let now = Instant::now();
        let (server, part) = (&mut self.servers[LOG], read(&self.board)[LOG].state);
        let measures = now >= self.disk.measure_at;
        // Whether it can write is known before anybody is told that there is room again.
        let opens = measures && self.disk.watch.measure();
        if (opens || now >= self.disk.ask_at) && part == PartState::Running {
            self.disk.log_is_stuck = nats::has_given_up_writing(self.probes.ports, &self.probes.secrets);
            self.disk.ask_at = now + ASK_EVERY;
        }
        if measures {
            self.disk.watch.tell(self.disk.log_is_stuck);
            self.disk.measure_at = now + MEASURE_EVERY;
        }
        if server.told_to_end.is_some_and(|since| since.elapsed() > END_WITHIN)
            && let Some(child) = &mut server.child
        {
            // It is noticed in the next look whether that worked.
            let _ = child.kill();
        } else if self.disk.log_is_stuck
            && self.disk.watch.has_some()
            && part == PartState::Running
            && server.told_to_end.is_none()
        {
            tracing::warn!(name = server.launch.name, "the log cannot write though there is room: its server is started again");
            server.signal(server.launch.on_stop);
            server.told_to_end = Some(now);
            read(&self.board)[LOG].state = PartState::Restarting;
        }
    }

    /// Ends both servers, politely first, and forgets them. Bounded by `STOP_WITHIN`.
    fn stop(&mut self) {
        for server in &self.servers {
            server.signal(server.launch.on_stop);
        }
        let until = Instant::now() + STOP_WITHIN;
        for (index, server) in self.servers.iter_mut().enumerate() {
            while server.child.is_some() && server.ended().is_none() && Instant::now() < until {
                sleep(LOOK_EVERY);
            }
            if let Some(mut child) = server.child.take() {
                tracing::warn!(name = server.launch.name, "an embedded server did not stop in time and is killed");
                let _ = child.kill();
                let _ = child.wait();
            }
            let part = &mut read(&self.board)[index];
            part.state = PartState::Stopped;
            part.pid = None;
        }
        #[cfg(target_os = "macos")]
        self.watchdog.forget();
        self.servers.clear();
        // Should this fail, the next brain finds that the noted processes are gone.
        let _ = std::fs::remove_file(self.data.run_file());
    }
}

impl Server {
    fn new(launch: Launch) -> Self {
        Self { launch, child: None, started_at: Instant::now(), backoff: BACKOFF_MIN, restart_at: None, told_to_end: None }
    }

    /// Reaps the process if it has ended.
    fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        Some(status)
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok());
        if let Some(pid) = pid {
            // The child is not reaped yet, so the number cannot have been given to anybody else.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Plans the next fork and doubles the wait after it. Returns the wait in milliseconds.
    fn schedule_restart(&mut self) -> u64 {
        if self.started_at.elapsed() > SETTLED_AFTER {
            self.backoff = BACKOFF_MIN;
        }
        let wait = self.backoff;
        self.restart_at = Some(Instant::now() + wait);
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
    }

    fn note(&self) -> Option<ServerNote> {
        Some(ServerNote {
            name: self.launch.name.into(),
            pid: self.child.as_ref()?.id(),
            // The kernel names the file behind every link.
            executable: self.launch.executable.canonicalize().ok()?,
            argument: self.launch.mark.clone(),
            port: self.launch.port,
        })
    }
}
