//! The real thing, once: both servers in a fresh folder, a death, a clean stop.
//! Programs must be installed or fetchable; nothing stands in for them.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn durability_reads_what_it_writes() {
    for durability in [Durability::Power, Durability::Os] {
        assert_eq!(durability.to_string().parse(), Ok(durability));
    }
    assert!("fast".parse::<Durability>().is_err());
}

/// What the group or others may do anything with: mode and path.
fn open_to_others(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    let modes = entries.filter_map(|entry| {
        let mode = entry.metadata().ok()?.permissions().mode() & 0o7777;
        let name = entry.path().strip_prefix(folder).ok()?.display().to_string();
        (mode & 0o077 != 0).then(|| format!("{mode:o} {name}"))
    });
    modes.collect()
}

#[test]
fn both_servers_start_survive_a_death_and_stop() {
    let place = tempfile::tempdir_in("/tmp").unwrap();
    // As root a temporary folder may be closed to the servers' account; the data folder itself is opened by the start.
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = place.path().join("data");
    let programs = crate::config::Config::of_environment().unwrap().servers.programs;
    let options = Options { data_dir: folder.clone(), durability: Durability::Os, programs, progress: Arc::new(|_| ()) };
    let servers = Servers::start(options.clone()).unwrap();
    let root_mode = if account::is_root() { 0o710 } else { 0o700 };
    assert_eq!(
        open_to_others(&folder),
        [format!("{root_mode:o} ")].into_iter().filter(|_| root_mode != 0o700).collect::<Vec<_>>()
    );
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
    assert!(!folder.join("run.json").exists());
}
