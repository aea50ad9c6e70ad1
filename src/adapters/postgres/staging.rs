//! Brings a batch's events into the table `staged`, the one shape that every `apply.sql` reads. Called by the projection
//! store inside its transaction; never touches a projection's own tables.

use std::fmt::Write;

use sqlx::PgConnection;

use super::bigint;
use crate::{domain::ids::StreamSeq, journal::Envelope};

/// From this many rows on COPY is quicker than arrays.
const COPY_ROWS_MIN: usize = 200;

/// Opens the transaction of a batch. A lost commit is no harm: rows and checkpoint go together and the log still has the
/// events, so the commit need not wait for the disk.
pub const BEGIN: &str = "BEGIN; \
    SET LOCAL synchronous_commit = off; \
    CREATE TEMP TABLE IF NOT EXISTS staged ( \
        seq bigint, at timestamptz, space text, aggregate text, id text, type text, \
        revision bigint, command_id uuid, actor uuid, data jsonb \
    ) ON COMMIT DELETE ROWS";

const COPY: &str = "COPY staged (seq, at, space, aggregate, id, type, revision, command_id, actor, data) FROM STDIN (FORMAT csv)";

const UNNEST: &str = "INSERT INTO staged (seq, at, space, aggregate, id, type, revision, command_id, actor, data) \
    SELECT seq, at, space, aggregate, id, type, revision, command_id, actor, data::jsonb \
    FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], \
                $7::bigint[], $8::uuid[], $9::uuid[], $10::text[]) \
      AS given (seq, at, space, aggregate, id, type, revision, command_id, actor, data)";

/// One event on its way into `staged`; `data` is JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub seq: StreamSeq,
    pub event: &'a Envelope,
    pub data: &'a str,
}

pub async fn stage(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    if rows.len() >= COPY_ROWS_MIN { copy(connection, rows).await } else { unnest(connection, rows).await }
}

async fn copy(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    let text = csv(rows);
    let mut copy = connection.copy_in_raw(COPY).await?;
    copy.send(text.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

fn csv(rows: &[Row<'_>]) -> String {
    let mut text = String::with_capacity(rows.iter().map(|row| row.data.len() + row.data.len() / 8 + 256).sum());
    for Row { seq, event, data } in rows {
        let at = event.at.to_rfc3339();
        write!(text, "{seq},{at},").expect("a string takes everything");
        for field in [event.space.as_str(), &event.aggregate, &event.aggregate_id, &event.kind] {
            quote(&mut text, field);
            text.push(',');
        }
        write!(text, "{},{},{},", event.revision, event.command_id, event.actor).expect("a string takes everything");
        quote(&mut text, data);
        text.push('\n');
    }
    text
}

fn quote(text: &mut String, field: &str) {
    text.push('"');
    let mut parts = field.split('"');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        text.push_str("\"\"");
        text.push_str(part);
    }
    text.push('"');
}

async fn unnest(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
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
        .bind(column(rows, |row| row.data))
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        let mut text = String::new();
        quote(&mut text, r#"{"a":"b,c"}"#);
        assert_eq!(text, r#""{""a"":""b,c""}""#);
    }
}
