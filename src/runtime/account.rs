//! The system account that the servers run under, and whether it can reach a folder.
//! Called by the start of the servers; it never changes a folder that is not ours.
//!
//! Postgres refuses root, and a parent-death signal needs a plain change of user, so root hands both servers to `postgres` or `nobody`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use nix::unistd::{User, geteuid};

use super::error::Error;

/// Accounts that root hands the servers to, best first. `initdb` needs a passwd entry, which both have.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// An entry of the passwd file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// Whether this process is root.
pub(super) fn is_root() -> bool {
    geteuid().is_root()
}

/// The account for the servers: `None` means "as oneself", which is the case for everybody but root.
pub(super) fn for_servers() -> Result<Option<Account>, Error> {
    if !is_root() {
        return Ok(None);
    }
    for name in ACCOUNTS {
        let found = User::from_name(name).map_err(|source| Error::NoAccount(Some(source)))?;
        if let Some(user) = found {
            return Ok(Some(Account { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }));
        }
    }
    Err(Error::NoAccount(None))
}

/// Refuses a path that the account cannot walk to, naming the first closed parent.
/// `wanted` must be absolute; its own execute bit counts too when it is a folder.
pub(super) fn ensure_reachable(wanted: &Path, account: Option<&Account>) -> Result<(), Error> {
    let Some(account) = account else { return Ok(()) };
    let mut parents: Vec<&Path> = wanted.ancestors().collect();
    parents.reverse();
    for parent in parents {
        let metadata = fs::metadata(parent).map_err(Error::io("look at", parent))?;
        if !may_enter(metadata.mode(), metadata.uid(), metadata.gid(), account) {
            return Err(Error::NotTraversable { account: account.name.clone(), parent: parent.into(), wanted: wanted.into() });
        }
    }
    Ok(())
}

/// The classic permission rule: the first class that matches decides, alone.
fn may_enter(mode: u32, uid: u32, gid: u32, account: &Account) -> bool {
    let bit = if uid == account.uid {
        0o100
    } else if gid == account.gid {
        0o010
    } else {
        0o001
    };
    mode & bit != 0
}

/// Makes a folder that only `mode` opens, owned by the account; content left by another owner is handed over.
pub(super) fn own_folder(path: &Path, mode: u32, account: Option<&Account>) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("create", path))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("set the permissions of", path))?;
    let Some(account) = account else { return Ok(()) };
    if fs::metadata(path).map_err(Error::io("look at", path))?.uid() == account.uid {
        return Ok(());
    }
    // Contents first: should this be cut short, the folder itself still shows that work is left.
    for entry in walkdir::WalkDir::new(path).contents_first(true).into_iter().flatten() {
        // Links are handed over themselves, never what they point at: that may lie outside the data folder.
        lchown(entry.path(), Some(account.uid), Some(account.gid)).map_err(Error::io("hand over", entry.path()))?;
    }
    Ok(())
}

/// Lets the account, and nobody else, pass through a folder of root's own. `is_ours`: brain made it, or nobody else could enter it.
/// Another owner's folder stays as it is: `ensure_reachable` then refuses it by name.
pub(super) fn let_through(folder: &Path, is_ours: bool, account: Option<&Account>) -> Result<(), Error> {
    let Some(account) = account else { return Ok(()) };
    let metadata = fs::metadata(folder).map_err(Error::io("look at", folder))?;
    if metadata.uid() != geteuid().as_raw() {
        return Ok(());
    }
    let mode = metadata.mode() & 0o7777;
    let mode = if is_ours {
        lchown(folder, None, Some(account.gid)).map_err(Error::io("hand over", folder))?;
        0o710
    } else if may_enter(mode, metadata.uid(), metadata.gid(), account) {
        return Ok(());
    } else {
        // Its group is not ours to change, so only this way is left.
        mode | 0o001
    };
    fs::set_permissions(folder, Permissions::from_mode(mode)).map_err(Error::io("set the permissions of", folder))
}

/// Hands one file to the account. A link is handed over itself: the account may write where the file lies, so it could have
/// put one there that points at a file of root's.
pub(super) fn hand_over(path: &Path, account: Option<&Account>) -> Result<(), Error> {
    match account {
        Some(account) => lchown(path, Some(account.uid), Some(account.gid)).map_err(Error::io("hand over", path)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_matching_class_of_bits_decides() {
        let account = Account { name: "postgres".into(), uid: 101, gid: 104 };
        assert!(may_enter(0o711, 0, 0, &account));
        assert!(!may_enter(0o700, 0, 0, &account));
        assert!(may_enter(0o700, 101, 0, &account));
        assert!(!may_enter(0o707, 0, 104, &account));
        assert!(!may_enter(0o677, 101, 104, &account));
    }
}
