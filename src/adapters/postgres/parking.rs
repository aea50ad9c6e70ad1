//! Finds the events of a batch that can never be applied and puts them aside. Called by the projection store inside the
//! transaction of a batch that failed as a whole, or that touches what is parked; never commits.
//!
//! Nothing else is put aside with them: an event carries the whole state of its aggregate, so a later one that can be applied heals it.

use std::collections::HashSet;

use sqlx::PgConnection;

use super::{
    bigint,
    projection_store::Fault,
    staging::{self, Row},
};
use crate::{
    domain::ids::StreamSeq,
    projectors::{Definition, batch::Item, definition::Fold},
};

/// Space, kind and id.
type Aggregate = (String, String, String);

/// Applies the items one half at a time until each is applied or parked; answers how many were parked.
pub async fn apply_carefully(connection: &mut PgConnection, definition: &Definition, items: &[Item]) -> Result<usize, Fault> {
    let parked = parked_before(connection, definition).await?;
    let mut careful = Careful { connection, definition, parked, put_aside: 0 };
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Item::Event { seq, event, values } => rows.push(Row { seq: *seq, event, values }),
            Item::Undecodable { seq, error } => {
                tracing::error!(projection = definition.name, %seq, error, "a message of the log is no known event");
                careful.park(*seq, Aggregate::default(), error).await?;
            }
        }
    }
    // The earlier half is on top, so that the events of an aggregate are tried in their order.
    let mut waiting = vec![rows];
    while let Some(rows) = waiting.pop() {
        let Some(cause) = careful.try_part(&rows).await? else {
            careful.heal(&rows).await?;
            continue;
        };
        if let [row] = rows.as_slice() {
            tracing::error!(projection = definition.name, seq = %row.seq, error = %cause, "an event cannot be applied");
            careful.park(row.seq, aggregate(row), &cause.to_string()).await?;
            careful.parked.insert(aggregate(row));
        } else {
            let (earlier, later) = rows.split_at(rows.len() / 2);
            waiting.extend([later.to_vec(), earlier.to_vec()]);
        }
    }
    Ok(careful.put_aside)
}

/// The aggregates that a later event can heal: those of which the newest event alone decides.
async fn parked_before(connection: &mut PgConnection, definition: &Definition) -> Result<HashSet<Aggregate>, Fault> {
    const SQL: &str =
        "SELECT DISTINCT space, aggregate, id FROM brain.parked WHERE projection = $1 AND version = $2 AND id <> ''";
    if definition.fold == Fold::Every {
        return Ok(HashSet::new());
    }
    let parked: Vec<Aggregate> =
        sqlx::query_as(SQL).bind(&definition.name).bind(definition.version as i32).fetch_all(connection).await?;
    Ok(parked.into_iter().collect())
}

struct Careful<'a> {
    connection: &'a mut PgConnection,
    definition: &'a Definition,
    parked: HashSet<Aggregate>,
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

    /// What was parked of these aggregates before is over: the rows show a later state.
    async fn heal(&mut self, rows: &[Row<'_>]) -> Result<(), Fault> {
        const SQL: &str = "DELETE FROM brain.parked WHERE projection = $1 AND version = $2 \
            AND space = $3 AND aggregate = $4 AND id = $5 AND seq < $6";
        if self.definition.fold == Fold::Every || self.parked.is_empty() {
            return Ok(());
        }
        for row in rows {
            if self.parked.contains(&aggregate(row)) {
                let (space, kind, id) = aggregate(row);
                tracing::info!(projection = self.definition.name, seq = %row.seq, aggregate = kind, id, "a later event has healed it");
                sqlx::query(SQL)
                    .bind(&self.definition.name)
                    .bind(self.definition.version as i32)
                    .bind(space)
                    .bind(kind)
                    .bind(id)
                    .bind(bigint(row.seq.0))
                    .execute(&mut *self.connection)
                    .await?;
            }
        }
        Ok(())
    }

    async fn park(&mut self, seq: StreamSeq, (space, kind, id): Aggregate, error: &str) -> Result<(), Fault> {
        const SQL: &str = "INSERT INTO brain.parked (projection, version, space, aggregate, id, seq, error) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (projection, version, seq) DO UPDATE SET error = excluded.error";
        sqlx::query(SQL)
            .bind(&self.definition.name)
            .bind(self.definition.version as i32)
            .bind(without_nul(&space))
            .bind(without_nul(&kind))
            .bind(without_nul(&id))
            .bind(bigint(seq.0))
            .bind(without_nul(error))
            .execute(&mut *self.connection)
            .await?;
        self.put_aside += 1;
        Ok(())
    }
}

fn aggregate(row: &Row<'_>) -> Aggregate {
    (row.event.space.to_string(), row.event.aggregate.clone(), row.event.aggregate_id.clone())
}

/// Postgres holds no NUL character, and what is parked must at least be parkable.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
