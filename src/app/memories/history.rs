//! The past of one memory: its states, and what differs between two of them.

use super::Memories;
use crate::{
    app::{Caller, Error, paging},
    domain::{
        ids::{MemoryId, Revision},
        memory::Memory,
    },
    queries::{
        MEMORY_HISTORY,
        diff::{self, Diff},
        history::{self, LIMIT_DEFAULT, LIMIT_MAX, Page},
    },
};

impl Memories {
    /// The states of a memory, newest first, tombstones included; those before the revision `before` if one is named.
    /// Errors: `read.bad_limit`, `memory.not_found`, and those of waiting.
    pub async fn history(
        &self,
        caller: &Caller,
        id: MemoryId,
        (limit, before): (Option<u32>, Option<Revision>),
        min_position: Option<u64>,
    ) -> Result<Page, Error> {
        let limit = paging::limit(limit, LIMIT_DEFAULT, LIMIT_MAX)?;
        self.reading.wait_for(caller, MEMORY_HISTORY, min_position).await?;
        let page = history::ask(caller.space(), id, before, limit, &*self.history).await?;
        if page.revisions.is_empty() && before.is_none() {
            return Err(Error::new("memory.not_found", "there is no memory with this id"));
        }
        Ok(page)
    }

    /// What differs between two revisions. Errors: `memory.not_found` with the one that there is not, and those of waiting.
    pub async fn compare(
        &self,
        caller: &Caller,
        id: MemoryId,
        (from, to): (u64, u64),
        min_position: Option<u64>,
    ) -> Result<Diff, Error> {
        self.reading.wait_for(caller, MEMORY_HISTORY, min_position).await?;
        let old = self.revision(caller, id, ("from", from)).await?;
        let new = self.revision(caller, id, ("to", to)).await?;
        Ok(diff::compare(&old, &new))
    }

    async fn revision(&self, caller: &Caller, id: MemoryId, (field, number): (&str, u64)) -> Result<Memory, Error> {
        let missing = || {
            let detail = format!("this memory has no revision {number}");
            Error::new("memory.not_found", detail).at(field, None, Some(number.into()))
        };
        let number_fits = i64::try_from(number).is_ok();
        let found = if number_fits { self.history.revision(caller.space(), id, Revision(number)).await? } else { None };
        Ok(found.ok_or_else(missing)?.record.memory)
    }
}
