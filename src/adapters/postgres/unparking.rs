//! Events that were put aside: shown to an operator, and applied once more. Used by the projection store only.

use sqlx::{PgConnection, PgPool, Row, postgres::PgRow, types::Json};

use super::{
    projection_store::Fault,
    staging::{self, Row as Staged},
    unsigned,
};
use crate::{
    domain::ids::StreamSeq,
    journal::Envelope,
    ports::replay::ParkedEvent,
    projectors::{Definition, store::Error},
};

pub async fn list(owner: &PgPool, projection: Option<&str>, limit: u32) -> Result<Vec<ParkedEvent>, sqlx::Error> {
    const SQL: &str = "SELECT p.* FROM brain.parked p JOIN brain.live l USING (projection, version) \
        WHERE $1::text IS NULL OR p.projection = $1 ORDER BY p.parked_at, p.seq LIMIT $2";
    let rows = sqlx::query(SQL).bind(projection).bind(i64::from(limit)).fetch_all(owner).await?;
    rows.iter().map(parked).collect()
}

fn parked(row: &PgRow) -> Result<ParkedEvent, sqlx::Error> {
    Ok(ParkedEvent {
        projection: row.try_get("projection")?,
        version: row.try_get::<i32, _>("version")?.unsigned_abs(),
        space: row.try_get("space")?,
        aggregate: row.try_get("aggregate")?,
        id: row.try_get("id")?,
        seq: unsigned(row.try_get("seq")?),
        error: row.try_get("error")?,
        parked_at: row.try_get("parked_at")?,
        event: row.try_get::<Option<Json<serde_json::Value>>, _>("event")?.map(|Json(event)| event),
    })
}

/// Applies what is parked of an aggregate, in order. Its projection cannot commit meanwhile, so no follower is missed.
pub async fn retry(owner: &PgPool, definition: &Definition, aggregate: (&str, &str, &str)) -> Result<usize, Fault> {
    let mut transaction = owner.begin_with(staging::BEGIN).await?;
    sqlx::query("SELECT FROM brain.checkpoints WHERE projection = $1 AND version = $2 FOR UPDATE")
        .bind(&definition.name)
        .bind(definition.version as i32)
        .execute(&mut *transaction)
        .await?;
    let events = take(&mut transaction, definition, aggregate).await?;
    let data: Vec<String> = events.iter().map(|(_, event)| event.data.to_string()).collect();
    let rows: Vec<Staged<'_>> = events.iter().zip(&data).map(|((seq, event), data)| Staged { seq: *seq, event, data }).collect();
    if !rows.is_empty() {
        staging::apply(&mut transaction, definition, &rows).await?;
    }
    transaction.commit().await?;
    Ok(rows.len())
}

async fn take(
    connection: &mut PgConnection,
    definition: &Definition,
    (space, aggregate, id): (&str, &str, &str),
) -> Result<Vec<(StreamSeq, Envelope)>, Fault> {
    const SQL: &str = "DELETE FROM brain.parked WHERE projection = $1 AND version = $2 AND space = $3 AND aggregate = $4 AND id = $5 \
        AND event IS NOT NULL RETURNING seq, event";
    let rows: Vec<(i64, Json<serde_json::Value>)> = sqlx::query_as(SQL)
        .bind(&definition.name)
        .bind(definition.version as i32)
        .bind(space)
        .bind(aggregate)
        .bind(id)
        .fetch_all(connection)
        .await?;
    let read = |(seq, Json(event)): (i64, Json<serde_json::Value>)| {
        let event = serde_json::from_value(event).map_err(|cause| Fault::Store(Error::Broken(Box::new(cause))))?;
        Ok((StreamSeq(unsigned(seq)), event))
    };
    let mut events = rows.into_iter().map(read).collect::<Result<Vec<_>, Fault>>()?;
    events.sort_by_key(|(seq, _)| *seq);
    Ok(events)
}
