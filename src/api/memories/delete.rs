//! Deleting all memories that pass a filter, each by a command of its own. Called by the routes.
//!
//! They are chosen from the read model, page by page, and each is deleted only if it is still what it was when it was chosen: what somebody
//! changes meanwhile stays, because nobody knows whether it would be chosen again. So a call may be repeated at any time, also after its
//! answer was lost: it goes on with what still passes.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use futures::{StreamExt, stream};
use tokio::time::Instant;

use crate::{
    api::{
        ApiState,
        auth::Identity,
        body::{self, MEMORY_BODY_BYTES_MAX},
        dto::delete::{DeleteAnswer, DeleteFailure, DeleteInput},
        error::Problem,
        freshness, query,
        search::filters,
    },
    commands::{self, Action, IfMatch, Wish},
    domain::ids::{MemoryId, StreamSeq},
    ports::{Filter, MemoryRecord},
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

/// `POST /api/v1/memories/delete`.
pub async fn handle(
    request: HttpRequest,
    payload: web::Payload,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let input: DeleteInput = body::of(&request, payload, MEMORY_BODY_BYTES_MAX).await?;
    let (filter, limit) = (filter(&input)?, query::limit(input.limit, LIMIT_DEFAULT, LIMIT_MAX)? as usize);
    freshness::wait_for(&state, &identity, MEMORIES, input.min_position).await?;
    let answer = if input.dry_run {
        look(&state, &identity, &filter).await?
    } else {
        let command = commands::Identity { seed: state.ids.command_id(), fresh: true };
        let mut deletion = Deletion { state: &state, identity: &identity, command, begun: 0, answer: DeleteAnswer::default() };
        deletion.run(&filter, limit).await?;
        deletion.answer
    };
    // With nothing written, the newest position the caller knows of is the honest answer.
    let known = state.commands.acknowledged(identity.0.principal).0;
    Ok(HttpResponse::Ok().json(DeleteAnswer { position: answer.position.max(known), ..answer }))
}

/// What is to be deleted; everything only where that is said in so many words.
fn filter(input: &DeleteInput) -> Result<Filter, Problem> {
    let filter = filters::read(input.filters.as_ref())?;
    let refused = |detail: &str| Err(Problem::new("memory.filter_required", detail).at("filters", None, None));
    match (input.all, admits_everything(&filter)) {
        (false, true) => refused("the filters let every memory through; to delete all memories of the space say \"all\": true"),
        (true, false) => refused("\"all\" means every memory, and stands without filters"),
        _ => Ok(filter),
    }
}

/// What a deletion would do.
async fn look(state: &ApiState, identity: &Identity, filter: &Filter) -> Result<DeleteAnswer, Problem> {
    let space = &identity.0.space;
    let matched = state.selection.count(space, filter).await?;
    let (sample, _) = state.selection.page(space, filter, None, SAMPLE_MAX).await?;
    let sample = sample.into_iter().map(Into::into).collect();
    Ok(DeleteAnswer { dry_run: true, matched: Some(matched), more: matched > 0, sample, ..DeleteAnswer::default() })
}

/// One call, while it goes on.
struct Deletion<'a> {
    state: &'a ApiState,
    identity: &'a Identity,
    command: commands::Identity,
    /// Commands that were given so far; each has an identity of its own.
    begun: usize,
    answer: DeleteAnswer,
}

impl Deletion<'_> {
    /// Deletes up to `limit` memories. Errors: what kept the very first page from being chosen or written; what comes after something was
    /// written ends the call with what was done, and the next one will say it.
    async fn run(&mut self, filter: &Filter, limit: usize) -> Result<(), Problem> {
        let (started, mut after) = (Instant::now(), None);
        loop {
            let left = limit.saturating_sub(self.answer.deleted as usize);
            if left == 0 || started.elapsed() >= TIME_MAX {
                self.answer.more = true;
                return Ok(());
            }
            let chosen = self.state.selection.page(&self.identity.0.space, filter, after, left.min(PAGE_ROWS)).await;
            let (memories, next) = match chosen {
                Ok(page) => page,
                Err(error) => return self.interrupted(error.into()),
            };
            if let Err(problem) = self.delete(memories).await {
                return self.interrupted(problem);
            }
            match next {
                Some(_) => after = next,
                None => return Ok(()),
            }
        }
    }

    fn interrupted(&mut self, problem: Problem) -> Result<(), Problem> {
        if self.answer.deleted == 0 {
            return Err(problem);
        }
        self.answer.more = true;
        Ok(())
    }

    /// Deletes a page. Errors: one that the others would meet as well; those that are under way are waited for.
    async fn delete(&mut self, memories: Vec<MemoryRecord>) -> Result<(), Problem> {
        let first = self.begun;
        self.begun += memories.len();
        let (state, identity, command) = (self.state, self.identity, self.command);
        let wishes = memories.into_iter().enumerate().map(|(index, memory)| async move {
            let wish = Wish {
                caller: identity.caller(),
                identity: command.item(first + index),
                id: memory.id,
                if_match: Some(IfMatch::OneOf(vec![memory.revision])),
                action: Action::Delete,
            };
            (memory.id, state.commands.memory(wish).await)
        });
        let outcomes: Vec<_> = stream::iter(wishes).buffer_unordered(IN_FLIGHT_MAX).collect().await;
        let mut passing = None;
        for (id, outcome) in outcomes {
            match outcome {
                Ok(done) => self.deleted(done.position),
                Err(commands::Error::PreconditionFailed { .. }) => self.answer.changed += 1,
                Err(error) => {
                    let problem = Problem::from(error);
                    if problem.retryable {
                        passing = Some(problem);
                    } else {
                        self.failed(id, problem);
                    }
                }
            }
        }
        passing.map_or(Ok(()), Err)
    }

    fn deleted(&mut self, position: StreamSeq) {
        self.answer.deleted += 1;
        self.answer.position = self.answer.position.max(position.0);
    }

    fn failed(&mut self, id: MemoryId, error: Problem) {
        if self.answer.failed.len() < FAILURES_MAX {
            self.answer.failed.push(DeleteFailure { id: id.0, error });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_is_deleted_only_where_that_is_said() {
        let read =
            |input| filter(&serde_json::from_value::<DeleteInput>(input).expect("its shape")).map_err(|problem| problem.code);
        for empty in [json!({}), json!({"filters": {}}), json!({"filters": null}), json!({"filters": {"or": [{}]}})] {
            assert_eq!(read(empty), Err("memory.filter_required".to_owned()));
        }
        assert_eq!(read(json!({"all": true, "filters": {"tags": ["a"]}})), Err("memory.filter_required".to_owned()));
        assert_eq!(read(json!({"all": true})), Ok(Filter::none()));
        assert!(read(json!({"filters": {"tags": ["a"]}})).is_ok_and(|filter| !filter.is_none()));
        assert_eq!(read(json!({"filters": {"colour": "red"}})), Err("search.bad_filter".to_owned()));
        assert!(serde_json::from_value::<DeleteInput>(json!({"dryrun": true})).is_err());
    }

    #[test]
    fn a_call_has_its_bounds() {
        let limit = |given| query::limit(given, LIMIT_DEFAULT, LIMIT_MAX);
        assert_eq!([None, Some(1), Some(10_000)].map(|given| limit(given).ok()), [Some(1_000), Some(1), Some(10_000)]);
        assert!(limit(Some(0)).is_err() && limit(Some(10_001)).is_err());
    }
}
