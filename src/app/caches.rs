//! What is kept of answers, and letting it go. For operators, since kept answers are of every space.

use std::sync::Arc;

use super::{Caller, Error, paging};
use crate::{
    caches::{Caches, entry::Entry, ledger::Source, store::Totals},
    domain::ids::StreamSeq,
};

const LIMIT_DEFAULT: u32 = 20;
pub const LIMIT_MAX: u32 = 1_000;

/// The use cases of kept answers. Errors of all: `auth.operator_only`.
pub struct KeptAnswers(pub Arc<Caches>);

/// What is kept.
pub struct Contents {
    pub totals: Totals,
    pub max_bytes: u64,
    /// Every event up to here has ended what it ends, and the same of vectors in the positions of their own stream.
    pub position: StreamSeq,
    pub vectors_position: StreamSeq,
    pub most_hit: Vec<Arc<Entry>>,
}

impl KeptAnswers {
    /// What is kept, with the answers that were given most often: 1 to 1,000 of them, 20 when absent. Errors: `read.bad_limit`.
    pub fn show(&self, caller: &Caller, limit: Option<u32>) -> Result<Contents, Error> {
        caller.require_operator()?;
        let limit = paging::limit(limit, LIMIT_DEFAULT, LIMIT_MAX)?;
        let store = &self.0.store;
        Ok(Contents {
            totals: store.totals(),
            max_bytes: self.0.max_bytes(),
            position: store.head(Source::Events),
            vectors_position: store.head(Source::Derived),
            most_hit: store.entries(limit as usize),
        })
    }

    /// Lets everything go; answers how many answers.
    pub fn flush(&self, caller: &Caller) -> Result<usize, Error> {
        caller.require_operator()?;
        Ok(self.0.store.flush(None))
    }
}
