//! Files that hold a secret: for their owner's eyes alone, and whole or as they were, whenever a crash comes. Used by whoever keeps one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Puts a file in place of what is there, if anything. When this returns it is on the disk, its name included.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = write_beside(path, content)?;
    fs::rename(&fresh, path)?;
    sync_folder(path)
}

/// Puts a file where there is none; answers whether this one was put there. It never replaces another.
pub fn create(path: &Path, content: &[u8]) -> io::Result<bool> {
    let fresh = write_beside(path, content)?;
    let is_made = match fs::hard_link(&fresh, path) {
        Ok(()) => true,
        Err(other) if other.kind() == io::ErrorKind::AlreadyExists => false,
        Err(cause) => return Err(cause),
    };
    fs::remove_file(&fresh)?;
    sync_folder(path)?;
    Ok(is_made)
}

/// The same path with more at its end.
pub fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    path.with_file_name(name)
}

fn write_beside(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let fresh = beside(path, "new");
    // A file left by a crash keeps its own mode and owner, so it goes first.
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok(fresh)
}

/// What was renamed or linked is on the disk as well.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_its_owners_alone_is_replaced_whole_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(beside(&path, "new"), "left by a crash").unwrap();
        assert!(create(&path, b"one").unwrap() && !create(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
