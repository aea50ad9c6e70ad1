//! Creating many memories in one request, each a command of its own. Called by the routes; one bad item never stops the others.

use actix_web::{HttpRequest, HttpResponse, web};
use futures::{StreamExt, stream};
use serde_json::Value;

use super::write;
use crate::{
    api::{
        ApiState,
        auth::Identity,
        body,
        dto::{BATCH_ITEMS_MAX, BatchAnswer, BatchInput, BatchResult},
        error::Problem,
        precondition,
    },
    commands::{Done, Identity as Command, Wish},
};

/// Items of one batch that are being appended at the same time.
/// Enough for the log to write many of them with one flush, also for a batch that is alone.
const IN_FLIGHT_MAX: usize = 256;

/// `POST /api/v1/memories/batch`.
pub async fn handle(
    request: HttpRequest,
    payload: web::Payload,
    identity: web::ReqData<Identity>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let input: BatchInput = body::of_batch(&request, payload).await?;
    let count = input.memories.count;
    if count > BATCH_ITEMS_MAX {
        let detail = format!("there are {count} memories; the limit is {BATCH_ITEMS_MAX}");
        let problem = Problem::new("request.too_many_items", detail);
        return Err(problem.at("memories", Some(BATCH_ITEMS_MAX.into()), Some(count.into())));
    }
    let command = precondition::command(&request, &identity, &*state.ids)?;
    let (identity, state) = (&*identity, &**state);
    let items = input.memories.values.into_iter().enumerate();
    let wishes = items.map(|(index, item)| run(state, identity, command.item(index), item));
    let outcomes: Vec<_> = stream::iter(wishes).buffered(IN_FLIGHT_MAX).collect().await;
    // With nothing written, the newest position the caller knows of is the honest answer.
    let written = outcomes.iter().flatten().map(|done| done.position).max();
    let position = written.unwrap_or_else(|| state.commands.acknowledged(identity.0.principal)).0;
    let results = outcomes.into_iter().map(result).collect();
    Ok(HttpResponse::Ok().json(BatchAnswer { results, position }))
}

async fn run(state: &ApiState, identity: &Identity, command: Command, item: Value) -> Result<Done, Problem> {
    let (id, action) = write::creation(body::typed(item)?, identity, command.seed)?;
    Ok(state.commands.memory(Wish { caller: identity.caller(), identity: command, id, if_match: None, action }).await?)
}

fn result(outcome: Result<Done, Problem>) -> BatchResult {
    match outcome {
        Ok(done) => BatchResult { status: 201, memory: Some(done.record.into()), error: None },
        Err(problem) => BatchResult { status: problem.status, memory: None, error: Some(problem) },
    }
}
