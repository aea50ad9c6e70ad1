//! The ring of master keys: which versions there ever were, what proves each, which one seals. Judges whether a process holds the right ones.
//!
//! Called when a process starts and by those who turn the ring. Absent here: keys, files, the stream in which the ring is kept.

use std::collections::{BTreeMap, BTreeSet};

use super::ids::Timestamp;

/// What proves a key and tells nothing of it.
pub type Check = [u8; 16];

/// A version that there is or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVersion {
    pub version: u32,
    pub check: Check,
    pub known_at: Timestamp,
    /// From when on nobody opens anything by it.
    pub destroyed_at: Option<Timestamp>,
}

/// Every version, and the one that seals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRing {
    /// In the order of their numbers.
    pub versions: Vec<KeyVersion>,
    pub active: u32,
}

/// What a process says of the versions that it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Its machine and process.
    pub name: String,
    pub held: BTreeMap<u32, Check>,
    pub active: Option<u32>,
}

/// Why a process may not work with the keys that it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("version {version} of the master key is missing")]
    Missing { version: u32 },
    #[error("version {version} of the master key is another one than this log knows")]
    Differs { version: u32 },
}

impl KeyRing {
    /// The first ring: everything that is held, sealed under the newest.
    pub fn of(held: &BTreeMap<u32, Check>, now: Timestamp) -> Option<Self> {
        let active = *held.keys().next_back()?;
        let known =
            |(version, check): (&u32, &Check)| KeyVersion { version: *version, check: *check, known_at: now, destroyed_at: None };
        Some(Self { versions: held.iter().map(known).collect(), active })
    }

    /// Holds a process's keys against the ring; answers the versions that the ring does not know yet.
    /// Errors: a version that something may be sealed under is missing, or one is another key.
    pub fn judge(&self, held: &BTreeMap<u32, Check>) -> Result<Vec<u32>, Mismatch> {
        for known in self.versions.iter().filter(|known| known.destroyed_at.is_none()) {
            match held.get(&known.version) {
                // One that was only announced has sealed nothing.
                None if known.version > self.active => {}
                None => return Err(Mismatch::Missing { version: known.version }),
                Some(check) if *check != known.check => return Err(Mismatch::Differs { version: known.version }),
                Some(_) => {}
            }
        }
        Ok(held.keys().filter(|version| self.find(**version).is_none()).copied().collect())
    }

    pub fn find(&self, version: u32) -> Option<&KeyVersion> {
        self.versions.iter().find(|known| known.version == version)
    }

    /// Versions that nobody opens anything by.
    pub fn destroyed(&self) -> BTreeSet<u32> {
        self.versions.iter().filter(|known| known.destroyed_at.is_some()).map(|known| known.version).collect()
    }

    /// The highest number that was ever given: it is never given again.
    pub fn newest(&self) -> u32 {
        self.versions.last().map_or(0, |known| known.version)
    }

    /// A version that was announced, and that is held as it was.
    pub fn announced(&self, held: &BTreeMap<u32, Check>) -> Option<u32> {
        let is_ready = |known: &&KeyVersion| {
            known.version > self.active && known.destroyed_at.is_none() && held.get(&known.version) == Some(&known.check)
        };
        self.versions.iter().find(is_ready).map(|known| known.version)
    }

    /// The same, where versions below this one that never sealed anything are over.
    pub fn passing_over(mut self, version: u32, now: Timestamp) -> Self {
        let is_passed_over = |known: &&mut KeyVersion| (self.active + 1..version).contains(&known.version);
        self.versions.iter_mut().filter(is_passed_over).for_each(|known| known.destroyed_at = known.destroyed_at.or(Some(now)));
        self
    }

    /// The same with a version that does not seal yet. One that is known stays as it is.
    pub fn with(mut self, version: u32, check: Check, now: Timestamp) -> Self {
        if self.find(version).is_none() {
            self.versions.push(KeyVersion { version, check, known_at: now, destroyed_at: None });
            self.versions.sort_by_key(|known| known.version);
        }
        self
    }

    /// The same, sealing under this version.
    pub fn sealing_under(self, active: u32) -> Self {
        Self { active, ..self }
    }

    /// The same with a version that is destroyed since then, or is not any more.
    pub fn destroying(mut self, version: u32, at: Option<Timestamp>) -> Self {
        self.versions.iter_mut().filter(|known| known.version == version).for_each(|known| known.destroyed_at = at);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(pairs: &[(u32, u8)]) -> BTreeMap<u32, Check> {
        pairs.iter().map(|(version, byte)| (*version, [*byte; 16])).collect()
    }

    #[test]
    fn what_is_missing_or_another_key_is_named_and_what_is_new_is_told() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(KeyRing::of(&held(&[]), now), None);
        let ring = KeyRing::of(&held(&[(1, 1), (2, 2)]), now).expect("two versions");
        assert_eq!((ring.active, ring.newest()), (2, 2));
        assert_eq!(ring.judge(&held(&[(1, 1), (2, 2)])), Ok(vec![]));
        assert_eq!(ring.judge(&held(&[(1, 1), (2, 2), (3, 3)])), Ok(vec![3]));
        assert_eq!(ring.judge(&held(&[(2, 2)])), Err(Mismatch::Missing { version: 1 }));
        assert_eq!(ring.judge(&held(&[(1, 1), (2, 9)])), Err(Mismatch::Differs { version: 2 }));
        let announced = ring.clone().with(3, [3; 16], now).with(4, [4; 16], now);
        assert_eq!(announced.judge(&held(&[(1, 1), (2, 2)])), Ok(vec![]), "what was announced has sealed nothing");
        assert_eq!(announced.announced(&held(&[(1, 1), (2, 2), (3, 9), (4, 4)])), Some(4));
        let passed = announced.passing_over(4, now).sealing_under(4);
        assert_eq!((passed.judge(&held(&[(1, 1), (2, 2), (4, 4)])), passed.destroyed()), (Ok(vec![]), [3].into()));
        let ring = ring.with(3, [3; 16], now).sealing_under(3).destroying(1, Some(now));
        assert_eq!((ring.judge(&held(&[(2, 2), (3, 3)])), ring.destroyed()), (Ok(vec![]), [1].into()));
        assert_eq!(ring.judge(&held(&[(1, 9), (2, 2), (3, 3)])), Ok(vec![]), "nobody asks for what is destroyed");
        assert_eq!(ring.clone().with(3, [9; 16], now), ring, "a version is proven once");
    }
}
