//! Room on the disk of the data folder: measured, some of it kept in reserve, and published to whoever wants to write.
//! Called by the supervisor, some times a second; it never decides about a server.
//!
//! Decision 2026-11-27: writes are refused while Postgres and nats-server still have room. A nats-server that once was told "no space
//! left on device" writes nothing more, whatever room there is, until it is started again; it does not even answer who appends. A
//! Postgres that cannot extend its log ends. So the log is closed below 5 % of the disk, within 16 and 128 MiB, and half as much lies
//! in the file `reserve`, which is given up when something else fills the disk all the same.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::sys::statvfs::statvfs;

use super::error::Error;
use crate::ports::storage::{NoRoom, Storage};

const MIB: u64 = 1 << 20;
const RESERVE_FILE: &str = "reserve";

/// How much is enough, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Levels {
    /// With less than this nothing is appended.
    limit: u64,
    /// Once there was less, it takes this much: room comes and goes with every file that is merged.
    enough: u64,
    /// Size of the reserve.
    reserve: u64,
    /// With less than this the reserve is given up.
    last: u64,
}

impl Levels {
    fn of_disk(bytes: u64) -> Self {
        let limit = (bytes / 20).clamp(16 * MIB, 128 * MIB);
        Self { limit, enough: limit + limit / 4, reserve: limit / 2, last: limit / 8 }
    }
}

/// What the writers of this process are told.
#[derive(Debug, Default)]
pub(super) struct Room(Mutex<Option<NoRoom>>);

impl Room {
    fn set(&self, state: Option<NoRoom>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Storage for Room {
    fn room(&self) -> Result<(), NoRoom> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }
}

/// Size of the disk that a path lies on, in bytes.
#[allow(clippy::useless_conversion, reason = "macOS counts blocks in 32 bits")]
pub(super) fn disk_bytes(path: &Path) -> Option<u64> {
    statvfs(path).ok().map(|disk| u64::from(disk.blocks()).saturating_mul(disk.fragment_size()))
}

/// What somebody who is not root may still write there, in bytes.
#[allow(clippy::useless_conversion, reason = "macOS counts blocks in 32 bits")]
fn free_bytes(path: &Path) -> Option<u64> {
    statvfs(path).ok().map(|disk| u64::from(disk.blocks_available()).saturating_mul(disk.fragment_size()))
}

/// The watch over one data folder.
pub(super) struct Watch {
    folder: PathBuf,
    levels: Levels,
    is_full: bool,
    free: u64,
    room: std::sync::Arc<Room>,
}

impl Watch {
    /// Looks for the first time, so that a start on a full disk has the reserve.
    pub fn start(folder: &Path, room: std::sync::Arc<Room>) -> Self {
        let levels = Levels::of_disk(disk_bytes(folder).unwrap_or(u64::MAX));
        let mut watch = Self { folder: folder.into(), levels, is_full: false, free: u64::MAX, room };
        watch.measure();
        watch.tell(false);
        watch
    }

    /// Whether a server that is started now could write for a while.
    pub fn has_some(&self) -> bool {
        self.free >= self.levels.limit / 4
    }

    /// Measures, and gives up or makes the reserve. Answers whether there is room again just now.
    pub fn measure(&mut self) -> bool {
        // A disk that cannot be measured is not refused.
        self.judge(free_bytes(&self.folder).unwrap_or(u64::MAX))
    }

    fn judge(&mut self, free: u64) -> bool {
        let Levels { limit, enough, reserve, last } = self.levels;
        self.free = free;
        if free < last {
            self.give_up_reserve();
        } else if free.saturating_sub(reserve) >= enough && !has_reserve(&self.reserve(), reserve) {
            match make_reserve(&self.reserve(), reserve) {
                Ok(()) => self.free = free - reserve,
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "no reserve on this disk"),
            }
        }
        let is_full = self.free < if self.is_full { enough } else { limit };
        if is_full != self.is_full {
            let (free_bytes, folder) = (self.free, self.folder.display().to_string());
            match is_full {
                true => tracing::warn!(
                    free_bytes,
                    limit_bytes = limit,
                    folder,
                    "the disk is nearly full: writes are refused until there is room"
                ),
                false => tracing::info!(free_bytes, folder, "there is room on the disk again"),
            }
        }
        metrics::gauge!("brain_storage_free_bytes").set(self.free as f64);
        let opens = self.is_full && !is_full;
        self.is_full = is_full;
        opens
    }

    /// Tells the writers. `log_is_stuck`: nats-server says that it cannot write.
    pub fn tell(&self, log_is_stuck: bool) {
        let folder = || self.folder.display().to_string();
        self.room.set(match (self.is_full, log_is_stuck) {
            (true, _) => Some(NoRoom::Full { free_bytes: self.free, limit_bytes: self.levels.limit, folder: folder() }),
            (false, true) => Some(NoRoom::Restarting { folder: folder() }),
            (false, false) => None,
        });
    }

    fn reserve(&self) -> PathBuf {
        self.folder.join(RESERVE_FILE)
    }

    fn give_up_reserve(&self) {
        if fs::remove_file(self.reserve()).is_ok() {
            tracing::warn!(folder = %self.folder.display(), "the disk is full: the reserve is given up, so that reads can go on");
        }
    }
}

/// Whether the file is there with its blocks, not only with its length.
fn has_reserve(path: &Path, bytes: u64) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() == bytes && file.blocks() * 512 >= bytes)
}

fn make_reserve(path: &Path, bytes: u64) -> Result<(), Error> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let made = file.and_then(|file| allocate(&file, bytes));
    made.map_err(|cause| {
        // Half a reserve is only in the way.
        let _ = fs::remove_file(path);
        Error::io("allocate", path)(cause)
    })
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, bytes: u64) -> std::io::Result<()> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(nix::fcntl::posix_fallocate(file, 0, bytes)?)
}

/// Without the system's help every block is written.
#[cfg(not(target_os = "linux"))]
fn allocate(mut file: &File, bytes: u64) -> std::io::Result<()> {
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), bytes), &mut file).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_limit_is_a_share_of_the_disk_within_bounds() {
        assert_eq!([0, 700 * MIB, 1 << 40].map(|bytes| Levels::of_disk(bytes).limit / MIB), [16, 35, 128]);
    }

    fn judged(watch: &mut Watch, free: u64, log_is_stuck: bool) {
        watch.judge(free);
        watch.tell(log_is_stuck);
    }

    #[test]
    fn writes_are_refused_before_the_disk_is_full_and_the_reserve_goes_when_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let room = Arc::new(Room::default());
        let levels = Levels { limit: 8 * MIB, enough: 10 * MIB, reserve: 4 * MIB, last: MIB };
        let mut watch = Watch { folder: folder.path().into(), levels, is_full: false, free: 0, room: room.clone() };
        let reserve = folder.path().join(RESERVE_FILE);

        judged(&mut watch, 100 * MIB, false);
        assert!(room.room().is_ok() && has_reserve(&reserve, 4 * MIB));
        judged(&mut watch, 8 * MIB - 1, false);
        let Err(NoRoom::Full { free_bytes, limit_bytes, .. }) = room.room() else { panic!("{:?}", room.room()) };
        assert_eq!((free_bytes, limit_bytes, reserve.exists()), (8 * MIB - 1, 8 * MIB, true));
        judged(&mut watch, MIB - 1, true);
        assert!(room.room().is_err() && !reserve.exists() && !watch.has_some());
        // What the reserve was worth is no room to write.
        judged(&mut watch, 5 * MIB, true);
        assert!(matches!(room.room(), Err(NoRoom::Full { .. })) && watch.has_some());
        judged(&mut watch, 9 * MIB, true);
        assert!(matches!(room.room(), Err(NoRoom::Full { .. })), "as long as it may be a moment's room");
        judged(&mut watch, 50 * MIB, true);
        assert!(matches!(room.room(), Err(NoRoom::Restarting { .. })) && reserve.exists());
        judged(&mut watch, 46 * MIB, false);
        assert!(room.room().is_ok());
    }
}
