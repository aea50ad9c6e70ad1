//! Brings a batch's events into the table `staged`, the one shape that every `apply.sql` reads. Called by the projection
//! store inside its transaction; never touches a projection's own tables.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::bigint;
use crate::{domain::ids::StreamSeq, journal::Envelope};

/// From this many rows on COPY is quicker than arrays.
const COPY_ROWS_MIN: usize = 200;

/// Opens the transaction of a batch. A lost commit is no harm: rows and checkpoint go together and the log still has the
/// events, so the commit need not wait for the disk. Names are compared byte by byte, which is three times as quick to sort.
pub const BEGIN: &str = "BEGIN; \
    SET LOCAL synchronous_commit = off; \
    CREATE TEMP TABLE IF NOT EXISTS staged ( \
        seq bigint, at timestamptz, space text COLLATE \"C\", aggregate text COLLATE \"C\", id text COLLATE \"C\", \
        type text COLLATE \"C\", revision bigint, command_id uuid, actor uuid, data jsonb \
    ) ON COMMIT DELETE ROWS";

const COPY: &str =
    "COPY staged (seq, at, space, aggregate, id, type, revision, command_id, actor, data) FROM STDIN (FORMAT binary)";
/// Columns of the above.
const COLUMNS: i16 = 10;

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
    let mut copy = connection.copy_in_raw(COPY).await?;
    copy.send(binary(rows)).await?;
    copy.finish().await?;
    Ok(())
}

/// The rows in the binary form of COPY. Source: the PostgreSQL manual, COPY, "Binary Format".
fn binary(rows: &[Row<'_>]) -> Vec<u8> {
    const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
    const NO_FLAGS_NO_EXTENSION: [u8; 8] = [0; 8];
    const END: [u8; 2] = (-1i16).to_be_bytes();
    const JSONB_VERSION: u8 = 1;
    /// What a row weighs beside its texts.
    const FRAME_BYTES: usize = 160;
    let mut bytes = Vec::with_capacity(rows.iter().map(|row| row.data.len() + FRAME_BYTES).sum());
    bytes.extend_from_slice(SIGNATURE);
    bytes.extend_from_slice(&NO_FLAGS_NO_EXTENSION);
    for Row { seq, event, data } in rows {
        bytes.extend_from_slice(&COLUMNS.to_be_bytes());
        field(&mut bytes, &[&bigint(seq.0).to_be_bytes()]);
        field(&mut bytes, &[&timestamptz(event.at).to_be_bytes()]);
        for text in [event.space.as_str(), &event.aggregate, &event.aggregate_id, &event.kind] {
            field(&mut bytes, &[text.as_bytes()]);
        }
        field(&mut bytes, &[&bigint(event.revision.0).to_be_bytes()]);
        field(&mut bytes, &[event.command_id.0.as_bytes()]);
        field(&mut bytes, &[event.actor.0.as_bytes()]);
        field(&mut bytes, &[&[JSONB_VERSION], data.as_bytes()]);
    }
    bytes.extend_from_slice(&END);
    bytes
}

/// A length and the parts behind it.
fn field(bytes: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = i32::try_from(length).expect("a message of the log is far below 2 GiB");
    bytes.extend_from_slice(&length.to_be_bytes());
    for part in parts {
        bytes.extend_from_slice(part);
    }
}

/// Microseconds since the year 2000, as Postgres counts.
fn timestamptz(at: DateTime<Utc>) -> i64 {
    const YEAR_2000_MICROS: i64 = 946_684_800_000_000;
    at.timestamp_micros() - YEAR_2000_MICROS
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
    fn a_field_is_its_length_and_its_bytes() {
        let mut bytes = vec![];
        field(&mut bytes, &[&[1], b"{}"]);
        assert_eq!(bytes, [0, 0, 0, 3, 1, b'{', b'}']);
        assert_eq!(timestamptz("2000-01-01T00:00:01Z".parse().expect("a time")), 1_000_000);
    }
}
