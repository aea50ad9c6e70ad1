//! Finds the events of a batch that can never be applied and puts them aside. Called by the projection store inside the
//! transaction of a batch that failed as a whole, or that touches what is parked; never commits.

use std::collections::HashSet;

use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use super::{
    bigint,
    projection_store::Fault,
    staging::{self, Row},
};
use crate::{
    domain::ids::StreamSeq,
    projectors::{
        Definition,
        batch::Item,
        store::{self, POISON_PER_BATCH_MAX},
    },
};

type Aggregate = (String, String, String);

/// Applies the items one half at a time until each is applied or parked; answers how many were parked.
/// A version that is being filled parks nothing: the first poison ends it.
pub async fn apply_carefully(
    connection: &mut PgConnection,
    definition: &Definition,
    items: &[Item],
    filling: bool,
) -> Result<usize, Fault> {
    let parked = parked_before(connection, definition).await?;
    let mut careful = Careful {
        connection,
        definition,
        parked,
        poison_max: if filling { 0 } else { POISON_PER_BATCH_MAX },
        poisoned: 0,
        put_aside: 0,
    };
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Item::Event { seq, event, data } => rows.push(Row { seq: *seq, event, data }),
            Item::Undecodable { seq, error } => careful.park_undecodable(*seq, error).await?,
        }
    }
    // The earlier half is on top, so that an aggregate's first bad event is known before its later ones.
    let mut waiting = vec![rows];
    while let Some(part) = waiting.pop() {
        let rows = careful.put_followers_aside(part).await?;
        let Some(cause) = careful.try_part(&rows).await? else { continue };
        if let [row] = rows.as_slice() {
            careful.park_poison(row, cause).await?;
        } else {
            let (earlier, later) = rows.split_at(rows.len() / 2);
            waiting.extend([later.to_vec(), earlier.to_vec()]);
        }
    }
    Ok(careful.put_aside)
}

async fn parked_before(connection: &mut PgConnection, definition: &Definition) -> Result<HashSet<Aggregate>, Fault> {
    const SQL: &str =
        "SELECT DISTINCT space, aggregate, id FROM brain.parked WHERE projection = $1 AND version = $2 AND id <> ''";
    let parked: Vec<Aggregate> =
        sqlx::query_as(SQL).bind(&definition.name).bind(definition.version as i32).fetch_all(connection).await?;
    Ok(parked.into_iter().collect())
}

struct Careful<'a> {
    connection: &'a mut PgConnection,
    definition: &'a Definition,
    parked: HashSet<Aggregate>,
    poison_max: usize,
    poisoned: usize,
    put_aside: usize,
}

impl Careful<'_> {
    /// Applies the rows under a savepoint; gives the cause when they are poisonous and nothing was changed.
    async fn try_part(&mut self, rows: &[Row<'_>]) -> Result<Option<sqlx::Error>, Fault> {
        if rows.is_empty() {
            return Ok(None);
        }
        sqlx::raw_sql("SAVEPOINT part").execute(&mut *self.connection).await?;
        match staging::apply(self.connection, self.definition, rows).await {
            Ok(()) => {
                sqlx::raw_sql("RELEASE SAVEPOINT part").execute(&mut *self.connection).await?;
                Ok(None)
            }
            Err(error) => match Fault::from(error) {
                Fault::Poison(cause) => {
                    let undo = "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part";
                    sqlx::raw_sql(undo).execute(&mut *self.connection).await?;
                    Ok(Some(cause))
                }
                other => Err(other),
            },
        }
    }

    /// Parks the rows whose aggregate is parked already and gives back the others.
    async fn put_followers_aside<'r>(&mut self, rows: Vec<Row<'r>>) -> Result<Vec<Row<'r>>, Fault> {
        if self.parked.is_empty() {
            return Ok(rows);
        }
        let (followers, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| self.parked.contains(&aggregate(row)));
        for row in &followers {
            self.insert(row.seq, Some(row), "an earlier event of its aggregate is parked").await?;
        }
        Ok(others)
    }

    async fn park_poison(&mut self, row: &Row<'_>, cause: sqlx::Error) -> Result<(), Fault> {
        tracing::error!(projection = self.definition.name, seq = %row.seq, error = %cause, "an event cannot be applied");
        let text = cause.to_string();
        self.count_poison(row.seq, Box::new(cause))?;
        self.insert(row.seq, Some(row), &text).await?;
        self.parked.insert(aggregate(row));
        Ok(())
    }

    async fn park_undecodable(&mut self, seq: StreamSeq, error: &str) -> Result<(), Fault> {
        tracing::error!(projection = self.definition.name, %seq, error, "a message of the log is no known event");
        self.count_poison(seq, error.into())?;
        self.insert(seq, None, error).await
    }

    fn count_poison(&mut self, seq: StreamSeq, cause: Box<dyn std::error::Error + Send + Sync>) -> Result<(), Fault> {
        self.poisoned += 1;
        if self.poisoned > self.poison_max {
            return Err(Fault::Store(store::Error::TooMuchPoison { seq, cause }));
        }
        Ok(())
    }

    async fn insert(&mut self, seq: StreamSeq, row: Option<&Row<'_>>, error: &str) -> Result<(), Fault> {
        const SQL: &str = "INSERT INTO brain.parked (projection, version, space, aggregate, id, seq, event, error) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let (space, kind, id) = row.map(aggregate).unwrap_or_default();
        let event = row.map(|row| serde_json::to_value(row.event).expect("an envelope was read as one, so it is JSON"));
        sqlx::query(SQL)
            .bind(&self.definition.name)
            .bind(self.definition.version as i32)
            .bind(space)
            .bind(kind)
            .bind(id)
            .bind(bigint(seq.0))
            .bind(event.map(|event| Json(without_nul(event))))
            .bind(error.replace('\0', "\u{fffd}"))
            .execute(&mut *self.connection)
            .await?;
        self.put_aside += 1;
        Ok(())
    }
}

fn aggregate(row: &Row<'_>) -> Aggregate {
    (row.event.space.to_string(), row.event.aggregate.clone(), row.event.aggregate_id.clone())
}

/// Postgres holds no NUL character, and a parked event must at least be parkable. The log keeps the original.
fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains('\0') => Value::String(text.replace('\0', "\u{fffd}")),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(fields) => {
            let clean = |(name, value): (String, Value)| (name.replace('\0', "\u{fffd}"), without_nul(value));
            Value::Object(fields.into_iter().map(clean).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_replaced_wherever_it_stands() {
        let clean = without_nul(serde_json::json!({ "a\0": ["b\0", { "c": "\0" }, 1] }));
        assert_eq!(clean, serde_json::json!({ "a\u{fffd}": ["b\u{fffd}", { "c": "\u{fffd}" }, 1] }));
    }
}
