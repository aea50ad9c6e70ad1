//! Creating many memories in one request. Called by the routes; one bad item never stops the others.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload, ReqData},
};

use crate::{
    api::{
        http::{body, error::Problem, precondition},
        v1::dto::{BATCH_ITEMS_MAX, BatchAnswer, BatchInput, BatchResult, MemoryInput},
    },
    app::{Caller, memories::Memories},
    commands::Done,
    ports::MemoryRecord,
};

/// `POST /api/v1/memories/batch`.
pub async fn handle(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    let input: BatchInput = body::of_batch(&request, payload).await?;
    let count = input.memories.count;
    if count > BATCH_ITEMS_MAX {
        let detail = format!("there are {count} memories; the limit is {BATCH_ITEMS_MAX}");
        let problem = Problem::new("request.too_many_items", detail);
        return Err(problem.at("memories", Some(BATCH_ITEMS_MAX.into()), Some(count.into())));
    }
    let key = precondition::idempotency_key(&request)?;
    let items = input.memories.values.into_iter().map(|value| Ok::<_, Problem>(body::typed::<MemoryInput>(value)?.into()));
    let (outcomes, position) = memories.create_many(&caller, key, items).await;
    let results = outcomes.into_iter().map(result).collect();
    Ok(HttpResponse::Ok().json(BatchAnswer { results, position: position.0 }))
}

fn result(outcome: Result<Done<MemoryRecord>, Problem>) -> BatchResult {
    match outcome {
        Ok(done) => BatchResult { status: 201, memory: Some(done.record.into()), error: None },
        Err(problem) => BatchResult { status: problem.status, memory: None, error: Some(problem) },
    }
}
