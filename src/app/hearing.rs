//! What a process takes leave of when it hears a stream of its own from the beginning again: what ended while nobody listened may be told of
//! no more, so that whatever is not told by the end of what was there is over. Called by those who follow sessions and delegations.

use std::{collections::HashSet, hash::Hash};

/// One hearing of a stream.
pub struct Hearing<Name> {
    /// Known before, and not told of yet. `None` once all that was there is told.
    missing: Option<HashSet<Name>>,
}

impl<Name: Eq + Hash> Hearing<Name> {
    /// Begins, with what is known.
    pub fn of(known: impl IntoIterator<Item = Name>) -> Self {
        Self { missing: Some(known.into_iter().collect()) }
    }

    /// This one is told of.
    pub fn note(&mut self, name: &Name) {
        if let Some(missing) = &mut self.missing {
            missing.remove(name);
        }
    }

    /// All that was there is told: what is over. `None` when that was so before.
    pub fn told_all(&mut self) -> Option<HashSet<Name>> {
        self.missing.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_of_is_over_once() {
        let mut hearing = Hearing::of(["a", "b"]);
        hearing.note(&"b");
        hearing.note(&"c");
        assert_eq!(hearing.told_all(), Some(["a"].into()));
        hearing.note(&"a");
        assert_eq!(hearing.told_all(), None);
    }
}
