//! Brings a batch's events into the table `staged`, the one shape that every `apply.sql` reads. Called by the projection
//! store inside its transaction; never touches a projection's own tables.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, PgConnection};

use super::bigint;
use crate::{domain::ids::StreamSeq, journal::Envelope, projectors::Definition};

/// Opens the transaction of a batch. A lost commit is no harm: rows and checkpoint go together and the log still has the
/// events, so the commit need not wait for the disk. Names are compared byte by byte, which is three times as quick to sort.
pub const BEGIN: &str = "BEGIN; \
    SET LOCAL synchronous_commit = off; \
    CREATE TEMP TABLE IF NOT EXISTS staged ( \
        seq bigint, at timestamptz, space text COLLATE \"C\", aggregate text COLLATE \"C\", id text COLLATE \"C\", \
        type text COLLATE \"C\", revision bigint, command_id uuid, actor uuid, newest boolean, data jsonb \
    ) ON COMMIT DELETE ROWS";

const UNNEST: &str = "INSERT INTO staged (seq, at, space, aggregate, id, type, revision, command_id, actor, newest, data) \
    SELECT seq, at, space, aggregate, id, type, revision, command_id, actor, newest, data::jsonb \
    FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], \
                $7::bigint[], $8::uuid[], $9::uuid[], $10::boolean[], $11::text[]) \
      AS given (seq, at, space, aggregate, id, type, revision, command_id, actor, newest, data)";

/// One event on its way into `staged`; `data` is JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub seq: StreamSeq,
    pub event: &'a Envelope,
    pub data: &'a str,
}

/// Fills `staged`, in one message of the protocol.
///
/// Decision 2026-11-24: arrays, not COPY. COPY ends with a small message of its own, which waits 40 ms for the acknowledgement of
/// the data before it on every TCP connection whose client does not switch Nagle's algorithm off, and sqlx does not.
pub async fn stage(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    fn column<'a, T>(rows: &'a [Row<'a>], value: impl Fn(&'a Row<'a>) -> T) -> Vec<T> {
        rows.iter().map(value).collect()
    }
    sqlx::query(UNNEST)
        .bind(column(rows, |row| bigint(row.seq.0)))
        .bind(column(rows, |row| row.event.at))
        .bind(column(rows, |row| row.event.space.as_str()))
        .bind(column(rows, |row| row.event.aggregate.as_str()))
        .bind(column(rows, |row| row.event.aggregate_id.as_str()))
        .bind(column(rows, |row| row.event.kind.as_str()))
        .bind(column(rows, |row| bigint(row.event.revision.0)))
        .bind(column(rows, |row| row.event.command_id.0))
        .bind(column(rows, |row| row.event.actor.0))
        .bind(newest(rows))
        .bind(column(rows, |row| row.data))
        .execute(connection)
        .await?;
    Ok(())
}

/// Runs the projection's statement over what is staged.
pub async fn apply(connection: &mut PgConnection, definition: &Definition) -> Result<(), sqlx::Error> {
    // Safe: the statement is built into the program, with nothing but a version's number put in. Prepared once per connection.
    sqlx::query(AssertSqlSafe(definition.sql.apply.clone())).execute(connection).await?;
    Ok(())
}

/// Which rows are the last of their aggregate here: to find them is a glance for us and a sort for Postgres.
/// Facts of several models about one memory share an aggregate; `vectors` picks its own.
fn newest(rows: &[Row<'_>]) -> Vec<bool> {
    let mut seen = HashSet::with_capacity(rows.len());
    let mut newest: Vec<bool> = rows
        .iter()
        .rev()
        .map(|row| seen.insert((row.event.space.as_str(), row.event.aggregate.as_str(), row.event.aggregate_id.as_str())))
        .collect();
    newest.reverse();
    newest
}
