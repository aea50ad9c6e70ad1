//! What was put aside: shown to an operator, applied once more from the log, or let go. Used by the projection store only.

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row, postgres::PgRow};

use super::{bigint, parking, projection_store::Fault, staging, unsigned, versions};
use crate::{
    domain::ids::StreamSeq,
    projectors::{
        Definition,
        batch::Item,
        store::{Aggregate, Parked, Repaired},
    },
};

pub async fn list(owner: &PgPool, projection: Option<&str>, limit: u32) -> Result<Vec<Parked>, sqlx::Error> {
    const SQL: &str = "SELECT p.* FROM brain.parked p JOIN brain.live l USING (projection, version) \
        WHERE $1::text IS NULL OR p.projection = $1 ORDER BY p.parked_at, p.seq LIMIT $2";
    let rows = sqlx::query(SQL).bind(projection).bind(i64::from(limit)).fetch_all(owner).await?;
    rows.iter().map(parked).collect()
}

fn parked(row: &PgRow) -> Result<Parked, sqlx::Error> {
    Ok(Parked {
        projection: row.try_get("projection")?,
        version: row.try_get::<i32, _>("version")?.unsigned_abs(),
        aggregate: Aggregate { space: row.try_get("space")?, kind: row.try_get("aggregate")?, id: row.try_get("id")? },
        seq: StreamSeq(unsigned(row.try_get("seq")?)),
        error: row.try_get("error")?,
        parked_at: row.try_get("parked_at")?,
        skipped_at: row.try_get("skipped_at")?,
    })
}

/// The aggregates of which something is parked in a version and was not let go, oldest first.
pub async fn aggregates(owner: &PgPool, definition: &Definition, limit: u32) -> Result<Vec<Aggregate>, sqlx::Error> {
    const SQL: &str = "SELECT space, aggregate, id FROM brain.parked \
        WHERE projection = $1 AND version = $2 AND id <> '' AND skipped_at IS NULL \
        GROUP BY space, aggregate, id ORDER BY min(seq) LIMIT $3";
    let query = sqlx::query_as(SQL).bind(&definition.name).bind(definition.version as i32).bind(i64::from(limit));
    let found: Vec<(String, String, String)> = query.fetch_all(owner).await?;
    Ok(found.into_iter().map(|(space, kind, id)| Aggregate { space, kind, id }).collect())
}

/// How many events are parked in a version, and how many of them an operator has let go.
pub async fn counts(owner: &PgPool, definition: &Definition) -> Result<(u64, u64), sqlx::Error> {
    const SQL: &str = "SELECT count(*) FILTER (WHERE skipped_at IS NULL), count(skipped_at) FROM brain.parked \
        WHERE projection = $1 AND version = $2";
    let query = sqlx::query_as(SQL).bind(&definition.name).bind(definition.version as i32);
    let (parked, skipped): (i64, i64) = query.fetch_one(owner).await?;
    Ok((unsigned(parked), unsigned(skipped)))
}

/// Makes the rows of one aggregate anew from all its events, which the log has given: removes them and applies the events in their order.
/// Its projection cannot commit meanwhile, so no event is missed: what lies beyond the checkpoint it applies itself.
pub async fn repair(
    owner: &PgPool,
    definition: &Definition,
    aggregate: &Aggregate,
    mut items: Vec<Item>,
) -> Result<Repaired, Fault> {
    let mut transaction = owner.begin_with(staging::BEGIN).await?;
    let applied_seq: i64 =
        sqlx::query_scalar("SELECT applied_seq FROM brain.checkpoints WHERE projection = $1 AND version = $2 FOR UPDATE")
            .bind(&definition.name)
            .bind(definition.version as i32)
            .fetch_one(&mut *transaction)
            .await?;
    items.retain(|item| item.seq().0 <= unsigned(applied_seq));
    clear(&mut transaction, definition, aggregate).await?;
    let parked = parking::apply_carefully(&mut transaction, definition, &items).await?;
    transaction.commit().await?;
    Ok(Repaired { applied: items.len() - parked, parked })
}

/// Removes an aggregate's rows and what is parked of it.
async fn clear(connection: &mut PgConnection, definition: &Definition, aggregate: &Aggregate) -> Result<(), Fault> {
    const PARKED: &str =
        "DELETE FROM brain.parked WHERE projection = $1 AND version = $2 AND space = $3 AND aggregate = $4 AND id = $5";
    let Aggregate { space, kind, id } = aggregate;
    let schema = definition.schema();
    for table in versions::tables(connection, &schema).await? {
        if has_ids(connection, &format!("{schema}.{table}")).await? {
            // Safe: made of names that the program itself gave.
            let sql = format!("DELETE FROM {schema}.{table} WHERE space = $1 AND id::text = $2");
            sqlx::query(AssertSqlSafe(sql)).bind(space).bind(id).execute(&mut *connection).await?;
        }
    }
    sqlx::query(PARKED)
        .bind(&definition.name)
        .bind(definition.version as i32)
        .bind(space)
        .bind(kind)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether the rows of a table belong to one aggregate each.
async fn has_ids(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    const SQL: &str = "SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = $1::regclass AND attname IN ('space', 'id') \
        AND NOT attisdropped";
    sqlx::query_scalar(SQL).bind(table).fetch_one(connection).await
}

/// Applies one message once more that could not be read before; 0 when it is parked again or was not parked.
pub async fn retry_message(owner: &PgPool, definition: &Definition, item: Item) -> Result<Repaired, Fault> {
    const SQL: &str = "DELETE FROM brain.parked WHERE projection = $1 AND version = $2 AND seq = $3";
    let mut transaction = owner.begin_with(staging::BEGIN).await?;
    let query = sqlx::query(SQL).bind(&definition.name).bind(definition.version as i32).bind(bigint(item.seq().0));
    if query.execute(&mut *transaction).await?.rows_affected() == 0 {
        return Ok(Repaired::default());
    }
    let parked = parking::apply_carefully(&mut transaction, definition, &[item]).await?;
    transaction.commit().await?;
    Ok(Repaired { applied: 1 - parked, parked })
}

/// Lets what is parked go: of an aggregate, or at one position. It stays on record, and reads answer without it.
pub async fn skip(
    owner: &PgPool,
    definition: &Definition,
    (aggregate, position): (&Aggregate, Option<StreamSeq>),
) -> Result<u64, sqlx::Error> {
    const SQL: &str = "UPDATE brain.parked SET skipped_at = clock_timestamp() WHERE projection = $1 AND version = $2 \
        AND skipped_at IS NULL AND CASE WHEN $6::bigint IS NULL THEN space = $3 AND aggregate = $4 AND id = $5 ELSE seq = $6 END";
    let done = sqlx::query(SQL)
        .bind(&definition.name)
        .bind(definition.version as i32)
        .bind(&aggregate.space)
        .bind(&aggregate.kind)
        .bind(&aggregate.id)
        .bind(position.map(|seq| bigint(seq.0)))
        .execute(owner)
        .await?;
    Ok(done.rows_affected())
}
