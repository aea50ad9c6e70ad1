//! Packages of npm that tests speak with, fetched once. Where they cannot be had, for want of node, npm or a registry, that is said, and the
//! tests that need them pass.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tokio::{sync::Mutex, task::spawn_blocking};

static FETCHING: Mutex<()> = Mutex::const_new(());

/// Where node finds the packages; `None` where they cannot be had, which `loss` says what of.
pub async fn modules(name: &'static str, packages: &'static [&'static str], loss: &'static str) -> Option<PathBuf> {
    let _one_at_a_time = FETCHING.lock().await;
    spawn_blocking(move || fetch(name, packages, loss)).await.expect("fetched")
}

fn fetch(name: &str, packages: &[&str], loss: &str) -> Option<PathBuf> {
    for program in ["node", "npm"] {
        let is_there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
        if !is_there {
            eprintln!("SKIPPED: {loss}, FOR THERE IS NO {program} HERE");
            return None;
        }
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (modules, wanted) = (home.join("node_modules"), home.join("wanted"));
    if std::fs::read_to_string(&wanted).is_ok_and(|fetched| fetched == packages.join(" ")) {
        return Some(modules);
    }
    let _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).expect("a folder");
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
    let output = npm.arg(&home).args(packages).output().expect("npm runs");
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        eprintln!("SKIPPED: {loss}, FOR npm CANNOT FETCH {packages:?}: {why}");
        return None;
    }
    std::fs::write(wanted, packages.join(" ")).expect("written");
    Some(modules)
}
