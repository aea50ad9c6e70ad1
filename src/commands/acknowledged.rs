//! What this process has confirmed to whom, so that people read their own writes. Used by the write path and the reads' waiting.

use std::{collections::HashMap, sync::Mutex};

use crate::domain::ids::{PrincipalId, StreamSeq};

/// More principals than this and the table starts anew: a lost entry only costs a wait that would have been short.
const PRINCIPALS_MAX: usize = 100_000;

#[derive(Default)]
pub struct Acknowledged(Mutex<HashMap<PrincipalId, StreamSeq>>);

impl Acknowledged {
    pub fn note(&self, principal: PrincipalId, position: StreamSeq) {
        let mut known = self.0.lock().expect("no code panics while holding this lock");
        if known.len() >= PRINCIPALS_MAX && !known.contains_key(&principal) {
            known.clear();
        }
        let last = known.entry(principal).or_default();
        *last = (*last).max(position);
    }

    pub fn of(&self, principal: PrincipalId) -> StreamSeq {
        let known = self.0.lock().expect("no code panics while holding this lock");
        known.get(&principal).copied().unwrap_or_default()
    }
}
