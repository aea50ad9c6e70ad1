//! The ledger of erased memories: `<data folder>/erased.ledger`, a JSON object a line, ids and times only. Implements [`Ledger`].
//!
//! It belongs to no backup of the log: a log that is put back from an older copy is held against it before anything is served.

use std::{
    collections::HashSet,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    domain::ids::{MemoryId, SpaceId, StreamSeq, Timestamp},
    ports::erasure::{EraseError, Ledger, LedgerEntry},
};

/// A line of the file. The names are on disk.
#[derive(Serialize, Deserialize)]
struct Line {
    space: SpaceId,
    memory: MemoryId,
    erased_at: Timestamp,
    position: u64,
}

/// The ledger as a file.
pub struct LedgerFile {
    path: PathBuf,
    /// What it holds, once it was read; and that only one writes.
    known: Mutex<Option<HashSet<(SpaceId, MemoryId, StreamSeq)>>>,
}

impl LedgerFile {
    /// In a data folder; made by the first entry.
    pub fn of(data_dir: &Path) -> Self {
        Self { path: data_dir.join("erased.ledger"), known: Mutex::new(None) }
    }

    fn read(&self) -> io::Result<Vec<LedgerEntry>> {
        let text = match fs::read_to_string(&self.path) {
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            text => text?,
        };
        // The last line may have been cut off by a kill: it was not acted upon, and its memory is still open.
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let entry = |Line { space, memory, erased_at, position }: Line| {
            let position = StreamSeq(position);
            LedgerEntry { space, memory, erased_at, position }
        };
        Ok(lines.map(entry).collect())
    }

    fn write(&self, entries: &[LedgerEntry]) -> io::Result<()> {
        let is_new = !self.path.exists();
        let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&self.path)?;
        // After a line that was cut off a new one begins.
        let mut text = String::from("\n");
        for LedgerEntry { space, memory, erased_at, position } in entries {
            let line = Line { space: space.clone(), memory: *memory, erased_at: *erased_at, position: position.0 };
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
        file.write_all(text.trim_start_matches(if is_new { "\n" } else { "" }).as_bytes())?;
        file.sync_all()?;
        if is_new && let Some(folder) = self.path.parent() {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Ledger for LedgerFile {
    fn note(&self, entries: &[LedgerEntry]) -> Result<(), EraseError> {
        let failed = |cause: io::Error| EraseError::new("writing the ledger of erased memories", cause);
        let key = |it: &LedgerEntry| (it.space.clone(), it.memory, it.position);
        let mut place = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_none() {
            *place = Some(self.read().map_err(failed)?.iter().map(key).collect());
        }
        let known = place.get_or_insert_default();
        let fresh: Vec<LedgerEntry> = entries.iter().filter(|it| !known.contains(&key(it))).cloned().collect();
        if !fresh.is_empty() {
            self.write(&fresh).map_err(failed)?;
            known.extend(fresh.iter().map(key));
        }
        Ok(())
    }

    fn entries(&self) -> Result<Vec<LedgerEntry>, EraseError> {
        self.read().map_err(|cause| EraseError::new("reading the ledger of erased memories", cause))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn entries_stay_once_each_and_a_torn_line_is_passed() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |number: u128| LedgerEntry {
            space: SpaceId::default_space(),
            memory: MemoryId(Uuid::from_u128(number)),
            erased_at: DateTime::UNIX_EPOCH,
            position: StreamSeq(7),
        };
        let ledger = LedgerFile::of(folder.path());
        assert_eq!(ledger.entries().unwrap(), []);
        ledger.note(&[entry(1), entry(2)]).unwrap();
        ledger.note(&[entry(2)]).unwrap();
        let path = folder.path().join("erased.ledger");
        let torn = fs::read_to_string(&path).unwrap() + "{\"space\":\"def";
        fs::write(&path, torn).unwrap();
        let again = LedgerFile::of(folder.path());
        again.note(&[entry(1), entry(3)]).unwrap();
        assert_eq!(again.entries().unwrap(), [entry(1), entry(2), entry(3)]);
    }
}
