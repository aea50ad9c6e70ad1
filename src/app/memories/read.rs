//! Reading one memory and listing them, from the read model or what is kept of it.

use std::sync::Arc;

use super::{Memories, cursor};
use crate::{
    app::{
        Caller, Error, Kept, Render, When,
        cached::{self, Question},
        paging,
    },
    domain::ids::{MemoryId, SpaceId},
    journal::catalog,
    ports::{
        ListQuery, MemoryRecord,
        cache::{Answer, Dep},
    },
    queries::{
        self, MEMORIES, MEMORY_HISTORY,
        get::Lookup,
        list::{LIMIT_DEFAULT, LIMIT_MAX},
    },
};

/// Which memories a list shows, and where it goes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    /// 1 to 200; 50 when absent.
    pub limit: Option<u32>,
    /// [`Listing::next_cursor`] of the page before.
    pub cursor: Option<String>,
    pub memory_type: Option<String>,
    pub tag: Option<String>,
    pub user_id: Option<String>,
    pub agent_id: Option<String>,
    pub run_id: Option<String>,
}

/// A page of living memories, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    pub memories: Vec<MemoryRecord>,
    /// Asks for the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

impl Memories {
    /// One memory. Errors: `memory.not_found`, `memory.deleted`, `memory.erased`, and those of waiting.
    pub async fn get<R: Render<MemoryRecord>>(
        &self,
        caller: &Caller,
        id: MemoryId,
        when: When<'_>,
        render: &R,
    ) -> Result<Kept, Error> {
        let space = caller.space();
        let question = Question::new("memory", &id, &[MEMORIES], when).with_past(&[MEMORY_HISTORY]);
        let ask = async |at| {
            let mut found = queries::get::ask(space, id, at, &*self.memories).await?;
            if found == Lookup::Never && at.is_none() && self.has_come_meanwhile(caller, id).await? {
                found = queries::get::ask(space, id, at, &*self.memories).await?;
            }
            match found {
                Lookup::Never => Err(Error::new("memory.not_found", "there is no memory with this id")),
                Lookup::Deleted => Err(Error::new("memory.deleted", "the memory is deleted; it can be restored")),
                Lookup::Erased => Err(Error::new("memory.erased", "the memory was erased; nothing is left of it")),
                Lookup::Living(record) => {
                    let (revision, is_whole) = (Some(record.revision), !record.memory.body.sensitive);
                    let answer = cached::answer(render, *record, vec![Dep::memory(space, id)])?;
                    Ok(Answer { revision, is_whole, ..answer })
                }
            }
        };
        self.reading.serve(caller, R::NAME, question, ask).await
    }

    /// Whether the log knows the memory and the read model is only now where it shows it. That there is none is a promise as well, and the
    /// read model alone cannot give it: it may be filled anew, or somebody else may have written a moment ago.
    async fn has_come_meanwhile(&self, caller: &Caller, id: MemoryId) -> Result<bool, Error> {
        let newest = self.reading.log.last(caller.space(), catalog::MEMORY, &id.to_string()).await;
        // Without the log, what the read model says must do.
        let Ok(Some(newest)) = newest else { return Ok(false) };
        self.reading.wait_for(caller, MEMORIES, Some(newest.seq.0)).await?;
        Ok(true)
    }

    /// A page of living memories. Errors: `read.bad_limit`, `list.bad_cursor`, and those of waiting.
    pub async fn list<R: Render<Listing>>(
        &self,
        caller: &Caller,
        filters: Filters,
        when: When<'_>,
        render: &R,
    ) -> Result<Kept, Error> {
        let limit = paging::limit(filters.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
        let Filters { cursor, memory_type, tag, user_id, agent_id, run_id, .. } = filters;
        let listed = ListQuery { limit, after: None, memory_type, tag, user_id, agent_id, run_id, at: None };
        let question = Question::new("list", &(&listed, &cursor), &[MEMORIES], when).with_past(&[MEMORY_HISTORY]).narrowed();
        let ask = async |at| {
            let mut listed = ListQuery { at, ..listed.clone() };
            if let Some(text) = &cursor {
                listed.after = Some(cursor::decode(text, caller.space(), &listed)?);
            }
            self.page(caller.space(), &listed, render).await
        };
        self.reading.serve(caller, R::NAME, question, ask).await
    }

    async fn page<R: Render<Listing>>(&self, space: &SpaceId, listed: &ListQuery, render: &R) -> Result<Answer, Error> {
        let page = queries::list::ask(space, listed, &*self.memories).await?;
        let judge = queries::list::Judge::new(listed, &page);
        let rows = page.memories.iter().map(|row| row.id).chain(page.behind);
        let deps = rows.map(|id| Dep::memory(space, id)).collect();
        let next_cursor = page.next.map(|key| cursor::encode(key, space, listed));
        let is_whole = !page.memories.iter().any(|row| row.memory.body.sensitive);
        let listing = Listing { memories: page.memories, next_cursor };
        Ok(Answer { membership: Some(Arc::new(judge)), is_whole, ..cached::answer(render, listing, deps)? })
    }
}
