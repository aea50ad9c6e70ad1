//! Puts conversations into the space of a running server for the time of an evaluation, and takes them away again.

use std::{collections::HashMap, time::Duration};

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{Question, dialogues::Dialogue};
use crate::{
    api::v1::dto::{
        BatchAnswer, MemoryInput, MemoryPage,
        delete::{DeleteAnswer, DeleteInput},
    },
    cli::{
        client::{Connection, Error},
        output, progress,
    },
    queries::status::Status,
};

/// Memories of one request.
const BATCH: usize = 200;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Memories of one call that deletes.
const DELETED: u32 = 1_000;

/// The newest position of the log: no two evaluations begin at the same.
pub async fn log_end(connection: &Connection) -> Result<u64, Error> {
    let status = connection.get("/api/v1/status").send().await?;
    Ok(status.pointer("/log/last_seq").and_then(Value::as_u64).unwrap_or_default())
}

/// Writes the turns that are not there yet, waits until all can be found by their meaning, and gives the questions.
pub async fn write(connection: &Connection, dialogues: &[Dialogue]) -> Result<Vec<Question>, Error> {
    let bar = progress::bar(Some(dialogues.iter().map(|it| it.turns.len() as u64).sum()), "turns");
    let mut questions = vec![];
    for (group, dialogue) in dialogues.iter().enumerate() {
        let mut ids = known(connection, dialogue).await?;
        if ids.len() < dialogue.turns.len() {
            ids.clear();
            for turns in dialogue.turns.chunks(BATCH) {
                ids.extend(batch(connection, turns).await?);
                bar.inc(turns.len() as u64);
            }
        }
        let filters = Map::from_iter([("run_id".to_owned(), dialogue.run.clone().into())]);
        for (text, category, evidence) in &dialogue.questions {
            let expected = evidence.iter().map(|place| ids[*place].clone()).collect();
            questions.push(Question {
                text: text.clone(),
                filters: filters.clone(),
                expected,
                category: category.clone(),
                group,
            });
        }
    }
    bar.finish_and_clear();
    embedded(connection).await?;
    Ok(questions)
}

/// The ids of the turns that an earlier evaluation has left, in their order; fewer than there are turns where something is missing.
async fn known(connection: &Connection, dialogue: &Dialogue) -> Result<Vec<String>, Error> {
    let mut places: HashMap<(Option<String>, Option<u64>), String> = HashMap::new();
    let query = [("run_id", dialogue.run.clone()), ("limit", "200".to_owned())];
    connection
        .pages::<MemoryPage>("/api/v1/memories", &query, |rows| {
            places.extend(rows.into_iter().map(|row| ((row.source.id, row.source.position), row.id.to_string())));
        })
        .await?;
    let place = |turn: &MemoryInput| turn.source.clone().map(|source| (source.id, source.position)).unwrap_or_default();
    Ok(dialogue.turns.iter().map_while(|turn| places.get(&place(turn)).cloned()).collect())
}

async fn batch(connection: &Connection, turns: &[MemoryInput]) -> Result<Vec<String>, Error> {
    let request = connection.request(Method::POST, "/api/v1/memories/batch").body(&json!({"memories": turns}));
    let answer: BatchAnswer = request.read().await?;
    answer
        .results
        .into_iter()
        .map(|result| match (result.memory, result.error) {
            (Some(memory), _) => Ok(memory.id.to_string()),
            (None, Some(problem)) => Err(Error::Refused(Box::new(problem))),
            (None, None) => Err(Error::Strange { status: reqwest::StatusCode::OK }),
        })
        .collect()
}

async fn embedded(connection: &Connection) -> Result<(), Error> {
    let bar = progress::counter("memories without a vector");
    loop {
        let status: Status = connection.get("/api/v1/status").read().await?;
        bar.set_position(status.embeddings_pending);
        if status.embeddings_pending == 0 {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Deletes what was written, and says what that leaves.
pub async fn remove(connection: &Connection, dialogues: &[Dialogue]) -> Result<(), Error> {
    let runs: Vec<&str> = dialogues.iter().map(|it| &*it.run).collect();
    let filters = Some(json!({"run_id": {"in": runs}}));
    loop {
        let input = DeleteInput { filters: filters.clone(), limit: Some(DELETED), ..DeleteInput::default() };
        let done: DeleteAnswer =
            connection.patient().request(Method::POST, "/api/v1/memories/delete").body(&input).read().await?;
        if !done.more {
            break;
        }
    }
    output::say("the conversations are deleted; what they said is still in the log, until `brain erase` has been there");
    Ok(())
}
