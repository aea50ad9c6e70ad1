//! What is known of one kind of kept things, by name, with the place of each in its stream. Used by [`super::Delegations`].

use std::{collections::HashMap, sync::Arc};

use crate::domain::ids::StreamSeq;

#[derive(Debug)]
struct Entry<T> {
    seq: StreamSeq,
    /// `None` for what this process has ended and the stream has not told of yet: what was written before must not bring it back.
    value: Option<Arc<T>>,
}

/// Things by name. What the stream tells late never replaces what is newer.
#[derive(Debug)]
pub struct Shelf<T>(HashMap<String, Entry<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Shelf<T> {
    pub fn get(&self, name: &str) -> Option<(StreamSeq, Arc<T>)> {
        let entry = self.0.get(name)?;
        entry.value.clone().map(|value| (entry.seq, value))
    }

    pub fn values(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.values().filter_map(|entry| entry.value.as_ref())
    }

    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub fn keep(&mut self, name: &str, seq: StreamSeq, value: Arc<T>) {
        if self.0.get(name).is_none_or(|before| before.seq < seq) {
            self.0.insert(name.to_owned(), Entry { seq, value: Some(value) });
        }
    }

    /// This process has written an end at `seq`.
    pub fn ended(&mut self, name: &str, seq: StreamSeq) {
        if self.0.get(name).is_none_or(|before| before.seq < seq) {
            self.0.insert(name.to_owned(), Entry { seq, value: None });
        }
    }

    /// The stream tells of an end at `seq`; answers whether anything ends by that.
    pub fn told_end(&mut self, name: &str, seq: StreamSeq) -> bool {
        if self.0.get(name).is_some_and(|before| before.seq <= seq) { self.forget(name) } else { false }
    }

    pub fn forget(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some_and(|entry| entry.value.is_some())
    }

    /// Forgets what is over by itself.
    pub fn retain(&mut self, holds: impl Fn(&T) -> bool) {
        self.0.retain(|_, entry| entry.value.as_ref().is_none_or(|value| holds(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_late_brings_nothing_back() {
        let mut shelf = Shelf::default();
        shelf.keep("a", StreamSeq(1), Arc::new(1));
        shelf.keep("a", StreamSeq(3), Arc::new(3));
        shelf.keep("a", StreamSeq(2), Arc::new(2));
        assert_eq!(shelf.get("a"), Some((StreamSeq(3), Arc::new(3))));
        shelf.ended("a", StreamSeq(5));
        shelf.keep("a", StreamSeq(4), Arc::new(4));
        assert!(shelf.get("a").is_none() && shelf.values().count() == 0);
        assert!(!shelf.told_end("a", StreamSeq(5)) && shelf.names().count() == 0, "it had ended here");
        shelf.keep("a", StreamSeq(7), Arc::new(7));
        assert!(!shelf.told_end("a", StreamSeq(6)) && shelf.told_end("a", StreamSeq(8)));
    }
}
