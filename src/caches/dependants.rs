//! Which answers depend on what, in few bytes: most things have but one answer that depends on them. Held by the ledger.

use std::collections::HashMap;

use super::entry::EntryId;
use crate::ports::cache::Dep;

/// The answers by what they depend on.
#[derive(Clone, Default)]
pub struct Dependants {
    single: HashMap<Dep, EntryId>,
    /// Of those that more than one depends on, all.
    several: HashMap<Dep, Vec<EntryId>>,
}

impl Dependants {
    pub fn add(&mut self, dep: Dep, id: EntryId) {
        if let Some(ids) = self.several.get_mut(&dep) {
            ids.push(id);
        } else if let Some(other) = self.single.insert(dep, id) {
            self.single.remove(&dep);
            self.several.insert(dep, vec![other, id]);
        }
    }

    pub fn of(&self, dep: Dep) -> Vec<EntryId> {
        let single = self.single.get(&dep).copied();
        single.into_iter().chain(self.several.get(&dep).into_iter().flatten().copied()).collect()
    }

    pub fn remove(&mut self, dep: Dep, id: EntryId) {
        if let Some(ids) = self.several.get_mut(&dep) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.several.remove(&dep);
            }
        } else if self.single.get(&dep) == Some(&id) {
            self.single.remove(&dep);
        }
    }

    pub fn clear(&mut self) {
        self.single.clear();
        self.several.clear();
    }

    /// An estimate by the sizes of its parts.
    pub fn bytes(&self) -> usize {
        let ids: usize = self.several.values().map(|ids| ids.capacity() * size_of::<EntryId>()).sum();
        map_bytes(self.single.len(), size_of::<(Dep, EntryId)>())
            + map_bytes(self.several.len(), size_of::<(Dep, Vec<EntryId>)>())
            + ids
    }
}

/// What a map of so many pairs of that size takes: a byte beside each, and an eighth of the places empty.
pub fn map_bytes(len: usize, pair: usize) -> usize {
    len * 8 / 7 * (pair + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_by_each_thing_that_they_depend_on_until_they_go() {
        let mut dependants = Dependants::default();
        for id in [1, 2, 3] {
            dependants.add(Dep(7), id);
        }
        dependants.add(Dep(8), 1);
        assert_eq!((dependants.of(Dep(7)), dependants.of(Dep(8)), dependants.of(Dep(9))), (vec![1, 2, 3], vec![1], vec![]));
        for id in [2, 1, 4] {
            dependants.remove(Dep(7), id);
        }
        dependants.remove(Dep(8), 3);
        assert_eq!((dependants.of(Dep(7)), dependants.of(Dep(8))), (vec![3], vec![1]));
        dependants.remove(Dep(7), 3);
        dependants.remove(Dep(8), 1);
        dependants.add(Dep(7), 5);
        assert_eq!((dependants.of(Dep(7)), dependants.of(Dep(8))), (vec![5], vec![]));
    }
}
