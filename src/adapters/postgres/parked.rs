//! Whether what is asked for is put aside, as a condition within the very question. Used by the reads of single aggregates.

use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{bigint, memory_reads::unavailable};
use crate::{
    domain::ids::{SpaceId, StreamSeq},
    ports::QueryError,
};

/// Kind, space and id of an aggregate.
type Aggregate<'a> = (&'static str, &'a SpaceId, Uuid);

/// Appends `EXISTS (…)`: the newest events of the aggregate could not be applied to the projection, and nobody has let them go.
pub fn now(sql: &mut QueryBuilder<Postgres>, projection: &'static str, aggregate: Aggregate<'_>) {
    events(sql, projection, aggregate);
    sql.push(")");
}

/// The same of a history at a past position: an event up to there is put aside, and no later one up to there could be applied.
/// The histories' views have the columns `space`, `id` and `from_seq`.
pub fn then(sql: &mut QueryBuilder<Postgres>, history: &'static str, aggregate: Aggregate<'_>, at: StreamSeq) {
    let (_, space, id) = aggregate;
    events(sql, history, aggregate);
    sql.push(" AND p.seq <= ").push_bind(bigint(at.0));
    sql.push(" AND NOT EXISTS (SELECT FROM live.").push(history).push(" h WHERE h.space = ").push_bind(space.to_string());
    sql.push(" AND h.id = ").push_bind(id).push(" AND h.from_seq > p.seq AND h.from_seq <= ").push_bind(bigint(at.0)).push("))");
}

fn events(sql: &mut QueryBuilder<Postgres>, projection: &'static str, (kind, space, id): Aggregate<'_>) {
    sql.push("EXISTS (SELECT FROM brain.parked p JOIN brain.live l USING (projection, version) WHERE l.projection = ");
    sql.push_bind(projection).push(" AND p.aggregate = ").push_bind(kind).push(" AND p.space = ").push_bind(space.to_string());
    sql.push(" AND p.id = ").push_bind(id.to_string()).push(" AND p.skipped_at IS NULL");
}

/// What a row of such a question says: an aggregate, if its id is there, unless `parked` says that it is put aside.
pub fn unless<T>(row: &PgRow, read: impl Fn(&PgRow) -> Result<T, sqlx::Error>) -> Result<Option<T>, QueryError> {
    if row.try_get("parked").map_err(unavailable)? {
        return Err(QueryError::Parked);
    }
    let found: Option<Uuid> = row.try_get("id").map_err(unavailable)?;
    found.map(|_| read(row)).transpose().map_err(unavailable)
}
