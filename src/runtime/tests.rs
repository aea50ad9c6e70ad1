//! The real thing, once: both servers in a fresh folder, a death, a clean stop.
//! Programs must be installed or fetchable; nothing stands in for them.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn durability_reads_what_it_writes() {
    for durability in [Durability::Power, Durability::Os] {
        assert_eq!(durability.to_string().parse(), Ok(durability));
    }
    assert!("fast".parse::<Durability>().is_err());
}

#[test]
fn both_servers_start_survive_a_death_and_stop() {
    let folder = tempfile::tempdir().unwrap();
    // As root a temporary folder is closed to the servers' account; the data folder itself is opened by the start.
    let options = Options { data_dir: folder.path().to_path_buf(), durability: Durability::Os, progress: Arc::new(|_| ()) };
    let servers = Servers::start(options.clone()).unwrap();
    assert!(servers.parts().iter().all(|part| part.state == PartState::Running));
    assert!(matches!(Servers::start(options).unwrap_err(), Error::AlreadyRunning { .. }));

    let before = servers.postgres().pid;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(before.try_into().unwrap()), nix::sys::signal::Signal::SIGKILL).unwrap();
    let until = Instant::now() + Duration::from_secs(15);
    let recovered = |part: &Part| part.restarts > 0 && part.state == PartState::Running && part.pid != Some(before);
    while !recovered(&servers.parts()[1]) {
        assert!(Instant::now() < until, "{:?}", servers.parts());
        thread::sleep(Duration::from_millis(50));
    }
    servers.stop().unwrap();
    assert!(!folder.path().join("run.json").exists());
}
