//! Deleting all memories that pass a filter, each by a command of its own.
//!
//! They are chosen from the read model, page by page, and each is deleted only if it is still what it was when it was chosen: what somebody
//! changes meanwhile stays, because nobody knows whether it would be chosen again. So a call may be repeated at any time, also after its
//! answer was lost: it goes on with what still passes.

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::Memories;
use crate::{
    app::{Caller, Error, paging},
    commands::{self, CommandKey, IfMatch, MemoryAction, Request},
    domain::ids::{MemoryId, StreamSeq},
    ports::{Filter, MemoryRecord, Which},
    queries::{MEMORIES, selection::admits_everything},
};

/// Most memories of one call, and how many it is if nobody says.
const LIMIT_MAX: u32 = 10_000;
const LIMIT_DEFAULT: u32 = 1_000;
/// Memories that are chosen at once.
const PAGE_ROWS: usize = 200;
/// Deletions that are being appended at the same time.
const IN_FLIGHT_MAX: usize = 64;
/// How long a call goes on choosing; clients wait for about a minute.
const TIME_MAX: Duration = Duration::from_secs(20);
/// Most memories of a sample, and most failures that are told.
const SAMPLE_MAX: usize = 20;
const FAILURES_MAX: usize = 20;

/// Which memories are meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected(Filter);

impl Selected {
    /// Those that pass the filter; everything only where that is said in so many words. Errors: `memory.filter_required`.
    pub fn new(filter: Filter, all: bool) -> Result<Self, Error> {
        let refused = |detail: &str| Err(Error::new("memory.filter_required", detail).at("filters", None, None));
        match (all, admits_everything(&filter)) {
            (false, true) => {
                refused("the filters let every memory through; to delete all memories of the space say \"all\": true")
            }
            (true, false) => refused("\"all\" means every memory, and stands without filters"),
            _ => Ok(Self(filter)),
        }
    }
}

/// A call to delete: what, at most how many (1 to 10,000; 1,000 when absent), and what must be seen before it is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    pub selected: Selected,
    pub limit: Option<u32>,
    pub min_position: Option<u64>,
    pub how: How,
}

/// What becomes of the memories that are chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum How {
    /// Those that live become tombstones, which can be restored.
    Delete,
    /// Those that live and the tombstones are erased, for ever.
    Erase { reason: Option<String> },
}

impl How {
    fn action(&self) -> MemoryAction {
        match self {
            Self::Delete => MemoryAction::Delete,
            Self::Erase { reason } => MemoryAction::Erase { reason: reason.clone() },
        }
    }

    fn among(&self) -> Which {
        match self {
            Self::Delete => Which::Living,
            Self::Erase { .. } => Which::DeletedToo,
        }
    }
}

/// What a deletion would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    pub matched: u64,
    /// The newest of what passes, at most 20.
    pub sample: Vec<MemoryRecord>,
    pub position: StreamSeq,
}

/// What a deletion has done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deleted {
    pub deleted: u64,
    /// Changed or deleted by somebody else between being chosen and being deleted, and left as they are.
    pub changed: u64,
    /// Whether memories may be left that pass.
    pub more: bool,
    /// At most 20 of those that could not be deleted.
    pub failed: Vec<(MemoryId, Error)>,
    /// From here on reads show it.
    pub position: StreamSeq,
}

impl Memories {
    /// What [`Self::delete_all`] would delete. Errors: `read.bad_limit` and those of waiting.
    pub async fn preview_deletion(&self, caller: &Caller, wanted: &Deletion) -> Result<Preview, Error> {
        self.before_choosing(caller, wanted).await?;
        let (space, Selected(filter)) = (caller.space(), &wanted.selected);
        let filter = (filter, wanted.how.among());
        let matched = self.selection.count(space, filter).await?;
        let (sample, _) = self.selection.page(space, filter, None, SAMPLE_MAX).await?;
        Ok(Preview { matched, sample, position: self.writing.acknowledged(caller) })
    }

    /// Deletes what is selected. Errors: `read.bad_limit`, those of waiting, and what kept the very first page from being chosen or
    /// written; what comes after something was written ends the call with what was done, and the next one will say it.
    pub async fn delete_all(&self, caller: &Caller, wanted: &Deletion) -> Result<Deleted, Error> {
        let limit = self.before_choosing(caller, wanted).await?;
        let key = self.writing.command_key(caller, None);
        let mut call = Call { memories: self, caller, key, how: &wanted.how, begun: 0, done: Deleted::default() };
        call.run(&wanted.selected.0, limit).await?;
        Ok(Deleted { position: call.done.position.max(self.writing.acknowledged(caller)), ..call.done })
    }

    async fn before_choosing(&self, caller: &Caller, wanted: &Deletion) -> Result<usize, Error> {
        let limit = paging::limit(wanted.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
        self.reading.wait_for(caller, MEMORIES, wanted.min_position).await?;
        Ok(limit as usize)
    }
}

/// One call, while it goes on.
struct Call<'a> {
    memories: &'a Memories,
    caller: &'a Caller,
    key: CommandKey,
    how: &'a How,
    /// Commands that were given so far; each has a key of its own.
    begun: usize,
    done: Deleted,
}

impl Call<'_> {
    async fn run(&mut self, filter: &Filter, limit: usize) -> Result<(), Error> {
        let (started, mut after) = (Instant::now(), None);
        loop {
            let left = limit.saturating_sub(self.done.deleted as usize);
            if left == 0 || started.elapsed() >= TIME_MAX {
                self.done.more = true;
                return Ok(());
            }
            let chosen =
                self.memories.selection.page(self.caller.space(), (filter, self.how.among()), after, left.min(PAGE_ROWS)).await;
            let (memories, next) = match chosen {
                Ok(page) => page,
                Err(error) => return self.interrupted(error.into()),
            };
            if let Err(error) = self.delete(memories).await {
                return self.interrupted(error);
            }
            match next {
                Some(_) => after = next,
                None => return Ok(()),
            }
        }
    }

    fn interrupted(&mut self, error: Error) -> Result<(), Error> {
        if self.done.deleted == 0 {
            return Err(error);
        }
        self.done.more = true;
        Ok(())
    }

    /// Deletes a page. Errors: one that the others would meet as well; those that are under way are waited for.
    async fn delete(&mut self, memories: Vec<MemoryRecord>) -> Result<(), Error> {
        let first = self.begun;
        self.begun += memories.len();
        let (commands, caller, key, how) = (&self.memories.writing.commands, self.caller, self.key, self.how);
        let sealing = self.memories.sealing(caller);
        let deletions = memories.into_iter().enumerate().map(|(index, memory)| async move {
            let (id, if_match) = (memory.id, Some(IfMatch::OneOf(vec![memory.revision])));
            let key = key.item(first + index);
            let request = Request { actor: caller.actor(), key, id, if_match, action: how.action() };
            (id, commands.memory(request, sealing).await)
        });
        let outcomes: Vec<_> = stream::iter(deletions).buffer_unordered(IN_FLIGHT_MAX).collect().await;
        let mut passing = None;
        for (id, outcome) in outcomes {
            match outcome {
                Ok(done) => {
                    self.done.deleted += 1;
                    self.done.position = self.done.position.max(done.position);
                }
                Err(commands::Error::PreconditionFailed { .. }) => self.done.changed += 1,
                Err(error) => {
                    let error = Error::from(error);
                    if error.retryable {
                        passing = Some(error);
                    } else if self.done.failed.len() < FAILURES_MAX {
                        self.done.failed.push((id, error));
                    }
                }
            }
        }
        passing.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ports::Test;

    #[test]
    fn everything_is_deleted_only_where_that_is_said() {
        let new = |filter, all| Selected::new(filter, all).map_err(|error| error.code);
        let some = || Filter::Is(Test::Metadata(json!({"colour": "red"})));
        for everything in [Filter::none(), Filter::Any(vec![Filter::none()]), Filter::Is(Test::Metadata(json!({})))] {
            assert_eq!(new(everything, false), Err("memory.filter_required"));
        }
        assert_eq!(new(some(), true), Err("memory.filter_required"));
        assert!(new(Filter::none(), true).is_ok() && new(some(), false).is_ok());
    }
}
