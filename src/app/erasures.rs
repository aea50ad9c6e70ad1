//! What was erased, and what of it is destroyed: for whoever has to show that it was done.

use std::sync::Arc;

use super::{Caller, Error, Reading, paging};
use crate::{
    domain::ids::{MemoryId, StreamSeq},
    ports::erasure::{Erasure, ErasureReads},
    queries::ERASURES,
};

/// Erasures of a page: at most, and if nobody says.
pub const LIMIT_MAX: u32 = 200;
const LIMIT_DEFAULT: u32 = 50;

/// The use cases of erasures.
pub struct Erasures {
    pub reading: Arc<Reading>,
    pub erasures: Arc<dyn ErasureReads>,
}

/// Which erasures are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// 1 to 200; 50 when absent.
    pub limit: Option<u32>,
    /// Only those before this position.
    pub before: Option<u64>,
    /// Only those of which something is still to be destroyed.
    pub open: bool,
    pub min_position: Option<u64>,
}

impl Erasures {
    /// Newest first, with the position to go on before if there are more. Errors: `read.bad_limit`, and those of waiting.
    pub async fn list(&self, caller: &Caller, wanted: Wanted) -> Result<(Vec<Erasure>, Option<StreamSeq>), Error> {
        let limit = paging::limit(wanted.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
        self.reading.wait_for(caller, ERASURES, wanted.min_position).await?;
        let before = wanted.before.map(StreamSeq);
        let mut found = self.erasures.list(caller.space(), before, wanted.open, limit + 1).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|last| last.position);
        Ok((found, next))
    }

    /// One erasure, by the memory's id. Errors: `erasure.not_found`, and those of waiting.
    pub async fn get(&self, caller: &Caller, memory: MemoryId, min_position: Option<u64>) -> Result<Erasure, Error> {
        self.reading.wait_for(caller, ERASURES, min_position).await?;
        let found = self.erasures.get(caller.space(), memory).await?;
        found.ok_or_else(|| Error::new("erasure.not_found", "no memory with this id was erased"))
    }
}
